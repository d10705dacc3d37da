import type { MaybePromise } from './assert-never.ts';
import type { Service } from './ports.ts';

/** JSON data, copied in and out. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/**
 * A key lives in a partition: keys that must change together share one (Redis Cluster: one hash tag). Names are
 * `kind/part/part`, printable ASCII without spaces.
 */
export interface StoreKey {
  readonly partition: string;
  readonly name: string;
}

/** A value and its version; the version changes with every write of the key and is never reused within a store's life. */
export interface Entry {
  readonly value: Json;
  readonly version: number;
  /** wall-clock ms; undefined: never */
  readonly expiresAt: number | undefined;
}

/** What changed, told to every node (`changes`). Appended in the same atomic step as the change itself. */
export interface Change {
  readonly kind: 'session' | 'user' | 'grant' | 'block' | 'key';
  /** session id, user id, … */
  readonly subject: string;
}

/**
 * An atomic step within one partition: all conditions hold, then all writes and changes happen, or nothing does.
 * `version: 0` expects the key to be absent.
 */
export interface Commit {
  readonly partition: string;
  readonly expect?: readonly { readonly name: string; readonly version: number }[];
  readonly put?: readonly { readonly name: string; readonly value: Json; readonly expiresAt?: number }[];
  readonly remove?: readonly string[];
  readonly changes?: readonly Change[];
}

/** Opaque position in the sequence of changes; compare only for equality. */
export type Cursor = string;

/**
 * The one port to state that must survive or be shared (architecture, State). Two implementations, one conformance suite.
 * An expired entry reads as absent, whether or not it was swept. Every method throws (or rejects with) `StoreUnavailable`
 * when the store does not answer; callers fail closed.
 */
export interface Store extends Service {
  /** Reads one value. Synchronous in the embedded store. */
  get(key: StoreKey): MaybePromise<Entry | undefined>;
  /** Applies a commit; resolves to false when a condition did not hold. `true` means durable (architecture, "acknowledged"). */
  commit(commit: Commit): Promise<boolean>;
  /** Adds to a counter over a fixed window that starts with its first increment; resolves to the new count. Durable like `commit`. */
  increment(key: StoreKey, by: number, windowMs: number): Promise<number>;
  /**
   * Live entries of one partition whose names start with `prefix` and, if it is given, come after `after` (a name, stored or
   * not) in the order of code units. In that order; what lies before costs nothing.
   */
  list(
    partition: string,
    prefix: string,
    after?: string,
  ): AsyncIterable<{ readonly name: string; readonly entry: Entry }>;
  /** Partitions that hold anything, for administration. */
  partitions(): AsyncIterable<string>;
  /** The newest position; what a node compares with the one it has applied. Synchronous in the embedded store. */
  position(): MaybePromise<Cursor>;
  /**
   * Changes after `cursor`, oldest first, at most 1,000, and the position reached. `complete: false` means the store cannot
   * tell everything since then (trimmed, emptied, rolled back): the caller must forget all it cached.
   */
  changes(
    cursor: Cursor,
  ): MaybePromise<{ readonly cursor: Cursor; readonly changes: readonly Change[]; readonly complete: boolean }>;
  /** When this store was born, wall-clock ms, and its random name; a new birth voids what older nodes remember. */
  birth(): MaybePromise<{ readonly id: string; readonly at: number }>;
}

/** The store did not answer in time or not at all. Requests that need it get 503 `store_unavailable`. */
export class StoreUnavailable extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreUnavailable';
  }
}
