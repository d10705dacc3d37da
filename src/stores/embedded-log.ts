import type { Change } from '../core/store.ts';
import type { Seen, Tables } from './embedded-files.ts';

/** The store's three running numbers; none of them ever goes backwards within a store's life. */
export interface Counters {
  /** number of the newest change */
  readonly position: number;
  /** newest version given to an entry */
  readonly version: number;
  /** changes up to and including this number are no longer in the log */
  readonly floor: number;
}

export interface Birth {
  readonly id: string;
  readonly at: number;
}

/** Longest answer of `changes`. */
export const CHANGES_PER_READ = 1000;

const COUNTERS = 'counters';
const BIRTH = 'birth';

export function readCounters(tables: Tables): Counters | undefined {
  const bytes = tables.counters.getBinary(COUNTERS);
  if (bytes === undefined) return undefined;
  return { position: bytes.readDoubleLE(0), version: bytes.readDoubleLE(8), floor: bytes.readDoubleLE(16) };
}

/** The newest change's number and nothing else: what every request reads (0.1 µs). The buffer is lmdb's own, never kept. */
export function readPosition(tables: Tables): number {
  const bytes = tables.counters.getBinaryFast(COUNTERS);
  if (bytes === undefined) throw new Error('the store has lost its counters');
  return bytes.readDoubleLE(0);
}

/** Only inside a write transaction. */
export function writeCounters(tables: Tables, counters: Counters): void {
  const bytes = Buffer.allocUnsafeSlow(24);
  bytes.writeDoubleLE(counters.position, 0);
  bytes.writeDoubleLE(counters.version, 8);
  bytes.writeDoubleLE(counters.floor, 16);
  tables.counters.putSync(COUNTERS, bytes);
}

export function readBirth(tables: Tables): Birth | undefined {
  const text = tables.birth.get(BIRTH);
  if (text === undefined) return undefined;
  const [id, at] = JSON.parse(text) as [string, number];
  return { id, at };
}

/** Only inside a write transaction: gives each change the next number; answers the new position. */
export function appendChanges(tables: Tables, position: number, changes: readonly Change[]): number {
  let next = position;
  for (const change of changes) {
    next += 1;
    tables.log.putSync(next, JSON.stringify([change.kind, change.subject]));
  }
  return next;
}

/** Changes after `position`, oldest first, at most 1,000. */
export function readChanges(tables: Tables, position: number): { changes: Change[]; position: number } {
  const changes: Change[] = [];
  let reached = position;
  for (const { key, value } of tables.log.getRange({ start: position + 1, limit: CHANGES_PER_READ })) {
    const [kind, subject] = JSON.parse(value) as [Change['kind'], string];
    changes.push({ kind, subject });
    reached = key;
  }
  return { changes, position: reached };
}

/**
 * Only inside a write transaction: drops the oldest changes beyond `keep`, at most `most` of them, so that the log stays
 * bounded and no transaction gets long. Answers whether there is more to drop.
 */
export function trimLog(tables: Tables, keep: number, most: number): boolean {
  const counters = readCounters(tables);
  if (counters === undefined) return false;
  const excess = counters.position - counters.floor - keep;
  if (excess <= 0) return false;
  const upTo = counters.floor + Math.min(excess, most);
  for (let number = counters.floor + 1; number <= upTo; number += 1) tables.log.removeSync(number);
  writeCounters(tables, { ...counters, floor: upTo });
  return excess > most;
}

/**
 * Whether what lies in the store can be what was last seen there. A number that went backwards is a store that was rolled
 * back. Another birth is fine when it is younger than our last look at the former one: then nothing older is in it.
 */
export function isRolledBack(seen: Seen | undefined, birth: Birth, position: number): boolean {
  if (seen === undefined) return false;
  return seen.birth === birth.id ? position < seen.position : birth.at < seen.at;
}

/**
 * Only inside a write transaction: a new birth. Everything remembered of the former one is void, on every node, and
 * `birth().at` is the instant before which nothing counts any more. The position moves on, past whatever was seen, so that
 * a node that only compares numbers notices.
 */
export function giveBirth(tables: Tables, birth: Birth, seen: Seen | undefined): void {
  const counters = readCounters(tables) ?? { position: 0, version: 0, floor: 0 };
  const position = Math.max(counters.position, seen?.position ?? 0) + 1;
  // versions move on too: one that was given before the roll-back must not come again with another value
  writeCounters(tables, { position, version: counters.version + VERSIONS_SKIPPED, floor: position });
  tables.log.clearSync();
  tables.birth.putSync(BIRTH, JSON.stringify([birth.id, birth.at]));
}

const VERSIONS_SKIPPED = 2 ** 32;

export function mustBirth(tables: Tables): Birth {
  const birth = readBirth(tables);
  if (birth === undefined) throw new Error('the store has lost its birth');
  return birth;
}

export function mustCounters(tables: Tables): Counters {
  const counters = readCounters(tables);
  if (counters === undefined) throw new Error('the store has lost its counters');
  return counters;
}
