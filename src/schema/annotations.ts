/**
 * Keywords of ours in schemas, which validation skips and publishing drops: `x-decode` names the function that turns the
 * validated text into its value, `x-expects` completes "must be …", `x-secret` keeps a value out of anything printed.
 */
export const ANNOTATIONS = ['x-decode', 'x-expects', 'x-secret'] as const;
