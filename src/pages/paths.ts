/** Addresses of our own that pages link to (interfaces, "Under /.sallyport/"). */
export const SIGN_IN_PATH = '/.sallyport/login';
export const SIGN_OUT_PATH = '/.sallyport/logout';

/** Where to sign in and then come back to `target`, a path with its query or an absolute address of ours. */
export const signInUrl = (target: string): string => `${SIGN_IN_PATH}?return_to=${encodeURIComponent(target)}`;
