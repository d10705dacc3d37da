import type { Change, Commit, Entry, Json } from '../core/store.ts';
import type { Tables } from './embedded-files.ts';
import { appendChanges, mustCounters, writeCounters } from './embedded-log.ts';
import { checkInstant, checkName, checkPartition, jsonText, MAX_NAME_LENGTH } from './shape.ts';

/** A commit that was checked and turned into text before any transaction began: inside one, nothing can be refused. */
export interface PreparedCommit {
  readonly expect: readonly { readonly key: string; readonly version: number }[];
  readonly put: readonly { readonly key: string; readonly text: string; readonly expiresAt: number }[];
  readonly remove: readonly string[];
  readonly changes: readonly Change[];
}

/** Key of the data table. A space is less than every character of a name, so one partition's names lie together. */
export const dataKey = (partition: string, name: string): string => `${partition} ${name}`;

/** Reads `[version, expiresAt or 0, value]`; what is expired at `now` reads as absent. */
export function readEntry(tables: Tables, key: string, now: number): Entry | undefined {
  const text = tables.data.get(key);
  return text === undefined ? undefined : parseEntry(text, now);
}

export function parseEntry(text: string, now: number): Entry | undefined {
  const [version, expiresAt, value] = JSON.parse(text) as [number, number, Json];
  if (expiresAt !== 0 && expiresAt <= now) return undefined;
  return { value, version, expiresAt: expiresAt === 0 ? undefined : expiresAt };
}

/** Throws a TypeError for keys, instants or values of a wrong shape: bugs of the caller, never of the store. */
export function prepareCommit(commit: Commit): PreparedCommit {
  checkPartition(commit.partition);
  const key = (name: string): string => {
    checkName(name);
    return dataKey(commit.partition, name);
  };
  return {
    expect: (commit.expect ?? []).map(({ name, version }) => {
      if (!Number.isSafeInteger(version) || version < 0) throw new TypeError(`not a version: ${version}`);
      return { key: key(name), version };
    }),
    put: (commit.put ?? []).map(({ name, value, expiresAt }) => {
      checkInstant(expiresAt);
      return { key: key(name), text: jsonText(value), expiresAt: expiresAt ?? 0 };
    }),
    remove: (commit.remove ?? []).map(key),
    changes: (commit.changes ?? []).map(({ kind, subject }) => {
      if (typeof subject !== 'string' || subject.length > MAX_NAME_LENGTH) throw new TypeError('not a subject');
      return { kind, subject };
    }),
  };
}

/** Only inside a write transaction: all of a commit or, when a condition does not hold, nothing (false). */
export function applyCommit(tables: Tables, commit: PreparedCommit, now: number): boolean {
  for (const { key, version } of commit.expect) {
    if ((readEntry(tables, key, now)?.version ?? 0) !== version) return false;
  }
  const counters = mustCounters(tables);
  const version = counters.version + 1;
  for (const key of commit.remove) drop(tables, key);
  for (const { key, text, expiresAt } of commit.put) write(tables, key, version, text, expiresAt);
  writeCounters(tables, { ...counters, version, position: appendChanges(tables, counters.position, commit.changes) });
  return true;
}

/**
 * Only inside a write transaction: adds to a counter whose window starts with its first increment. Throws a TypeError when
 * the key holds something else than a number.
 */
export function applyIncrement(tables: Tables, key: string, by: number, windowMs: number, now: number): number {
  const entry = readEntry(tables, key, now);
  if (entry !== undefined && typeof entry.value !== 'number') throw new TypeError('the key does not hold a counter');
  const count = ((entry?.value as number | undefined) ?? 0) + by;
  if (!Number.isSafeInteger(count)) throw new TypeError('the counter would overflow');
  const counters = mustCounters(tables);
  const version = counters.version + 1;
  write(tables, key, version, String(count), entry === undefined ? now + windowMs : (entry.expiresAt ?? 0));
  writeCounters(tables, { ...counters, version });
  return count;
}

function write(tables: Tables, key: string, version: number, text: string, expiresAt: number): void {
  const former = tables.data.get(key);
  const formerExpiry = former === undefined ? 0 : expiryOf(former);
  if (formerExpiry !== expiresAt) {
    if (formerExpiry !== 0) tables.expiry.removeSync([formerExpiry, key]);
    if (expiresAt !== 0) tables.expiry.putSync([expiresAt, key], '1');
  }
  tables.data.putSync(key, `[${version},${expiresAt},${text}]`);
}

function drop(tables: Tables, key: string): void {
  const former = tables.data.get(key);
  if (former === undefined) return;
  const expiresAt = expiryOf(former);
  if (expiresAt !== 0) tables.expiry.removeSync([expiresAt, key]);
  tables.data.removeSync(key);
}

/** When an entry of the data table expires; 0 for never. */
export const expiryOf = (text: string): number => (JSON.parse(text) as [number, number, Json])[1];
