import type { MaybePromise } from '../core/assert-never.ts';
import type { Clock } from '../core/ports.ts';
import type { Entry, Store, StoreKey } from '../core/store.ts';
import { walkUsers } from '../core/store-walk.ts';
import {
  BLOCK_PREFIX,
  type Block,
  type BlockId,
  type BlockSubject,
  blockIdOf,
  blockKeyOf,
  blockKeyOfId,
  decodeBlock,
  encodeBlock,
  LATEST_INSTANT,
} from './block-record.ts';

export { type Block, type BlockId, type BlockSubject, blockIdOf, isBlockId, LATEST_INSTANT } from './block-record.ts';

/** What is refused whatever a policy says, until somebody lifts it or it ends. All methods fail with `StoreUnavailable`. */
export interface Blocks {
  /** Synchronous in the embedded store. A block that cannot be read is one all the same. */
  isBlocked(subject: BlockSubject): MaybePromise<boolean>;
  /**
   * Blocks; in force from the next request on, in every process. Resolves once it is durable; undefined when `until` lies in the
   * past, or is no instant, and there is nothing to block. Again for the same subject: the later end counts. Texts are cut at
   * 256 characters.
   */
  add(subject: BlockSubject, block: Pick<Block, 'until' | 'by' | 'reason'>): Promise<Block | undefined>;
  get(id: BlockId): Promise<Block | undefined>;
  /** False when there was none. */
  remove(id: BlockId): Promise<boolean>;
  /** All that are in force, by id, from the one after `after` on: costs what is taken of it. */
  list(after?: BlockId): AsyncIterable<Block>;
}

/** The most that a provider's `leeway` may be: a token lives that much longer than it says itself, and so does its block. */
export const MAX_LEEWAY_MS = 5 * 60_000;
/** Attempts when others write the same key at the same time. */
const TRIES = 5;
const MAX_TEXT = 256;

export function openBlocks({ store, clock }: { readonly store: Store; readonly clock: Clock }): Blocks {
  /** Reads, and writes on condition that nobody else wrote meanwhile; undefined: there is nothing to write. */
  async function change<T>(
    key: StoreKey,
    next: (before: Entry | undefined) => Change<T> | undefined,
  ): Promise<T | undefined> {
    const { partition, name } = key;
    for (let tries = 0; tries < TRIES; tries++) {
      const before = await store.get(key);
      const made = next(before);
      if (made === undefined) return undefined;
      const done = await store.commit({
        partition,
        expect: [{ name, version: before?.version ?? 0 }],
        ...made.write,
        changes: [{ kind: 'block', subject: name }],
      });
      if (done) return made.result;
    }
    throw new Error('many write one block at once');
  }

  return {
    isBlocked(subject) {
      const found = store.get(blockKeyOf(subject));
      return found instanceof Promise ? found.then(isThere) : isThere(found);
    },

    async add(subject, { until, by, reason }) {
      const now = clock.now();
      if (!(until + MAX_LEEWAY_MS > now && until <= LATEST_INSTANT)) return undefined;
      const key = blockKeyOf(subject);
      return change(key, (before) => {
        const former = before === undefined ? undefined : decodeBlock(before);
        const block: Block = {
          id: blockIdOf(subject),
          subject,
          until: Math.max(until, former?.until ?? 0),
          at: now,
          by: by.slice(0, MAX_TEXT),
          reason: reason.slice(0, MAX_TEXT),
        };
        const put = { name: key.name, value: encodeBlock(block), expiresAt: block.until + MAX_LEEWAY_MS };
        return { write: { put: [put] }, result: block };
      });
    },

    async get(id) {
      const key = blockKeyOfId(id);
      const entry = key && (await store.get(key));
      return entry && decodeBlock(entry);
    },

    async remove(id) {
      const key = blockKeyOfId(id);
      if (key === undefined) return false;
      const removed = await change(key, (before) => before && { write: { remove: [key.name] }, result: true });
      return removed === true;
    },

    // a partition is the first part of an id, so the order of keys is that of ids
    async *list(after) {
      for await (const { entry } of walkUsers(store, BLOCK_PREFIX, after && blockKeyOfId(after))) {
        const block = decodeBlock(entry);
        if (block !== undefined) yield block;
      }
    },
  };
}

interface Change<T> {
  readonly write: Pick<Parameters<Store['commit']>[0], 'put' | 'remove'>;
  readonly result: T;
}

const isThere = (entry: Entry | undefined): boolean => entry !== undefined;
