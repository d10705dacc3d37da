import type { Clock, Random } from '../core/ports.ts';
import type { Change, Commit, Cursor, Entry, Store, StoreKey } from '../core/store.ts';
import { openLife } from './embedded-life.ts';
import { type Birth, mustBirth, mustCounters, readChanges } from './embedded-log.ts';
import { applyCommit, applyIncrement, dataKey, parseEntry, prepareCommit, readEntry } from './embedded-write.ts';
import { checkName, checkPartition, checkPrefix } from './shape.ts';

/** What the embedded store answers at once, where the port allows a promise. */
export interface EmbeddedStore extends Store {
  get(key: StoreKey): Entry | undefined;
  position(): Cursor;
  changes(cursor: Cursor): { readonly cursor: Cursor; readonly changes: readonly Change[]; readonly complete: boolean };
  birth(): Birth;
}

const LIST_SLICE = 256;
const CURSOR = /^([^:]{1,64}):(\d{1,15})$/;

/**
 * The embedded store: lmdb under `path/store`, safe with several processes on one machine. Reads are synchronous and see
 * one snapshot per turn of the event loop. `keepChanges` bounds the log of changes (default 100,000).
 *
 * Files that were replaced, emptied or rolled back under a running process are noticed within a second (and at every
 * commit); until they are open again every method throws `StoreUnavailable`.
 */
export function openEmbeddedStore(
  deps: { readonly clock: Clock; readonly random: Random },
  options: { readonly path: string; readonly keepChanges?: number },
): EmbeddedStore {
  const { clock } = deps;
  const life = openLife(deps, { path: options.path, keepChanges: options.keepChanges ?? 100_000 });
  const { reading, writing } = life;

  const store: EmbeddedStore = {
    start: life.start,
    close: (deadlineMs) => within(life.close(), deadlineMs),

    get(key) {
      checkPartition(key.partition);
      checkName(key.name);
      return reading((read) => readEntry(read, dataKey(key.partition, key.name), clock.now()));
    },

    async commit(commit: Commit) {
      const prepared = prepareCommit(commit);
      return writing((write) => applyCommit(write, prepared, clock.now()));
    },

    async increment(key, by, windowMs) {
      checkPartition(key.partition);
      checkName(key.name);
      if (!Number.isSafeInteger(by)) throw new TypeError(`not an amount: ${by}`);
      if (!(Number.isFinite(windowMs) && windowMs > 0)) throw new TypeError(`not a window: ${windowMs}`);
      const at = dataKey(key.partition, key.name);
      return writing((write) => applyIncrement(write, at, by, windowMs, clock.now()));
    },

    async *list(partition, prefix, after) {
      checkPartition(partition);
      checkPrefix(prefix);
      if (after !== undefined) checkName(after);
      const isResumed = after !== undefined && after >= prefix;
      const end = `${dataKey(partition, prefix)}\u007f`;
      let start = dataKey(partition, isResumed ? after : prefix);
      const nameStart = partition.length + 1;
      for (let exclusiveStart = isResumed; ; exclusiveStart = true) {
        // slices, each of its own snapshot: a long read would keep lmdb from reusing space
        const range = { start, end, limit: LIST_SLICE, exclusiveStart };
        const slice = reading((read) => Array.from(read.data.getRange(range)));
        const now = clock.now();
        for (const { key, value } of slice) {
          const entry = parseEntry(value, now);
          if (entry !== undefined) yield { name: key.slice(nameStart), entry };
        }
        const last = slice.at(-1);
        if (last === undefined || slice.length < LIST_SLICE) return;
        start = last.key;
        await nextTurn();
      }
    },

    async *partitions() {
      let start = '';
      for (;;) {
        const range = start === '' ? { limit: 1 } : { start, limit: 1 };
        const [key] = reading((read) => Array.from(read.data.getKeys(range)));
        if (key === undefined) return;
        const partition = key.slice(0, key.indexOf(' '));
        for await (const _ of store.list(partition, '')) {
          yield partition;
          break;
        }
        // '!' follows the space that ends a partition in a key
        start = `${partition}!`;
        await nextTurn();
      }
    },

    position: life.position,

    changes(cursor) {
      return reading((read) => {
        const { position, floor } = mustCounters(read);
        const { id } = mustBirth(read);
        const [, birth, number] = CURSOR.exec(cursor) ?? [];
        const from = Number(number);
        // trimmed away, of another birth, ahead of us: none of these can be told from here on (`Number(undefined)` is NaN)
        if (birth !== id || !(from >= floor && from <= position)) {
          return { cursor: `${id}:${position}`, changes: [], complete: false };
        }
        const answer = readChanges(read, from);
        return { cursor: `${id}:${answer.position}`, changes: answer.changes, complete: true };
      });
    },

    birth: () => reading(mustBirth),
  };
  return store;
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function within<T>(work: Promise<T>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
    timer.unref();
  });
  try {
    await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
