import type { Json } from '../core/store.ts';

/** Longest name of a key, characters; the embedded store's own limit is 1,978 bytes for partition, name and index. */
export const MAX_NAME_LENGTH = 1024;
/** Largest value, bytes of JSON text. */
export const MAX_VALUE_LENGTH = 1024 * 1024;
const MAX_DEPTH = 64;

const PARTITION = /^[A-Za-z0-9_-]{1,64}$/;
const NAME = /^[a-z][a-z0-9_-]*(?:\/[!-.0-~]+)+$/;
const PREFIX = /^(?:[a-z][!-~]*)?$/;

/** Throws a TypeError unless `partition` is 1 to 64 characters of `[A-Za-z0-9_-]`. */
export function checkPartition(partition: string): void {
  if (!PARTITION.test(partition)) throw new TypeError(`not a partition: ${JSON.stringify(partition).slice(0, 80)}`);
}

/** Throws a TypeError unless `name` is `kind/part/part`, printable ASCII without spaces, at most 1,024 characters. */
export function checkName(name: string): void {
  if (name.length > MAX_NAME_LENGTH || !NAME.test(name)) {
    throw new TypeError(`not a key name: ${JSON.stringify(name).slice(0, 80)}`);
  }
}

/** Throws a TypeError unless `prefix` could begin a name; empty is every name of the partition. */
export function checkPrefix(prefix: string): void {
  if (prefix.length > MAX_NAME_LENGTH || !PREFIX.test(prefix)) {
    throw new TypeError(`not a key prefix: ${JSON.stringify(prefix).slice(0, 80)}`);
  }
}

/** Throws a TypeError unless `expiresAt` is undefined or a finite instant. `NaN <= now` is false: it would live for ever. */
export function checkInstant(expiresAt: number | undefined): void {
  if (expiresAt !== undefined && !(Number.isFinite(expiresAt) && expiresAt > 0)) {
    throw new TypeError(`not an instant: ${expiresAt}`);
  }
}

/**
 * JSON text of a value. What JSON.stringify would drop or bend (undefined, NaN, dates, class instances) is a TypeError:
 * a caller would read back something else than it wrote.
 */
export function jsonText(value: Json): string {
  checkJson(value, 0);
  const text = JSON.stringify(value);
  if (text.length > MAX_VALUE_LENGTH) throw new TypeError(`value of ${text.length} characters is too large`);
  return text;
}

function checkJson(value: unknown, depth: number): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError('a number that is not finite cannot be stored');
    return;
  }
  if (typeof value !== 'object') throw new TypeError(`a ${typeof value} cannot be stored`);
  if (depth >= MAX_DEPTH) throw new TypeError(`value is nested deeper than ${MAX_DEPTH}`);
  if (Array.isArray(value)) {
    for (const member of value) checkJson(member, depth + 1);
    return;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw new TypeError('only plain objects can be stored');
  for (const member of Object.values(value)) checkJson(member, depth + 1);
}
