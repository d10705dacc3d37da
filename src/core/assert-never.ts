/** Ends a switch over a closed union. Reaching it is a bug of ours; it throws, and whatever was being decided is denied. */
export function assertNever(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}

/** A value that is in memory, or the promise of one that is not. The warm path only ever sees the first (architecture, hot path). */
export type MaybePromise<T> = T | Promise<T>;
