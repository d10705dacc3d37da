import type { Entry, Json } from '../core/store.ts';

/**
 * Into how many slots the partitions are folded. A slot is what changes in one atomic step on Redis: its keys share a hash
 * tag, so that a cluster keeps them on one server. Part of the layout: changing it is a migration.
 */
export const SLOTS = 16;
export const ALL_SLOTS: readonly number[] = Array.from({ length: SLOTS }, (_, slot) => slot);

/** The slot of a partition: a stable hash (FNV-1a, high half folded into the low one), the same in every version. */
export function slotOf(partition: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < partition.length; i += 1) hash = Math.imul(hash ^ partition.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 16)) & (SLOTS - 1);
}

/**
 * Names of all keys (docs/state.md). The registry of nodes is one key: scripts that write a slot read it in the same step. On
 * a cluster it has to be one for each slot, and nothing else changes.
 */
export interface Layout {
  /** string `id at`: since when this slot's data count; missing: nothing in it does */
  birth(slot: number): string;
  /** hash of running numbers: `position` and `nonce` of the newest change, newest `version` of an entry */
  meta(slot: number): string;
  /** stream of changes with ids `position-nonce` */
  changes(slot: number): string;
  /** sorted set `partition name` → instant: what the sweeper reads */
  expiry(slot: number): string;
  /** set of the partitions that hold anything */
  partitions(slot: number): string;
  /** sorted set of the names in a partition, all with score 0: in order of code units */
  index(slot: number, partition: string): string;
  /** string `version expiresAt-or-0 value`, the value as JSON text */
  value(slot: number, partition: string, name: string): string;
  /** hash node id → number of its newest ping (`redis-lease.ts`) */
  readonly nodes: string;
  /** everything that is told to all processes (`redis-bus.ts`); channels know no databases, so its number is in the name */
  readonly channel: string;
}

export function layoutOf(prefix: string, database: number): Layout {
  const tags = ALL_SLOTS.map((slot) => `{${prefix}:${String(slot).padStart(2, '0')}}`);
  const key = (kind: string) => (slot: number) => `${tags[slot]}:${kind}`;
  return {
    birth: key('birth'),
    meta: key('meta'),
    changes: key('changes'),
    expiry: key('expiry'),
    partitions: key('partitions'),
    index: (slot, partition) => `${tags[slot]}:index:${partition}`,
    value: (slot, partition, name) => `${tags[slot]}:value:${partition}:${name}`,
    nodes: `{${prefix}}:nodes`,
    channel: `{${prefix}}:${database}:bus`,
  };
}

/** Reads an entry's text; what is expired at `now` reads as absent. */
export function entryOf(text: string, now: number): Entry | undefined {
  const first = text.indexOf(' ');
  const second = text.indexOf(' ', first + 1);
  const expiresAt = Number(text.slice(first + 1, second));
  if (expiresAt !== 0 && expiresAt <= now) return undefined;
  return {
    value: JSON.parse(text.slice(second + 1)) as Json,
    version: Number(text.slice(0, first)),
    expiresAt: expiresAt === 0 ? undefined : expiresAt,
  };
}
