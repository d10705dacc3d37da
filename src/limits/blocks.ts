import type { MaybePromise } from '../core/assert-never.ts';
import { type BlockId, type BlockSubject, blockChange } from '../core/block.ts';
import type { Clock } from '../core/ports.ts';
import { type Entry, type Store, type StoreKey, StoreUnavailable } from '../core/store.ts';
import { readUsers, walkUsers } from '../core/store-walk.ts';
import {
  BLOCK_PREFIX,
  type Block,
  blockIdOf,
  blockKeyOf,
  blockKeyOfId,
  decodeBlock,
  encodeBlock,
  LATEST_INSTANT,
} from './block-record.ts';

export type { BlockId, BlockKind, BlockSubject } from '../core/block.ts';
export { type Block, blockIdOf, isBlockId, LATEST_INSTANT } from './block-record.ts';

/** What is refused whatever a policy says, until somebody lifts it or it ends. All methods fail with `StoreUnavailable`. */
export interface Blocks {
  /**
   * The block of the first subject that has one. Synchronous in the embedded store. A block that cannot be read is one all the
   * same. Addresses are found by `BlockIndex`: here only the very same network is.
   */
  blockOf(...subjects: readonly BlockSubject[]): MaybePromise<BlockId | undefined>;
  /**
   * Blocks; in force from the next request on, in every process. Resolves once it is durable; undefined when `until` lies in the
   * past, or is no instant, and there is nothing to block. Without `until` it does not end, which no token can need: undefined
   * too. Again for the same subject: the later end counts. Texts are cut at 256 characters.
   */
  add(subject: BlockSubject, block: Pick<Block, 'until' | 'by' | 'reason'>): Promise<Block | undefined>;
  /** `unreadable`: something is there and blocks, but it was written by another version, or is damaged. */
  get(id: BlockId): Promise<Block | 'unreadable' | undefined>;
  /** False when there was none. */
  remove(id: BlockId): Promise<boolean>;
  /** All that are in force, by id, from the one after `after` on: costs what is taken of it. */
  list(after?: BlockId): AsyncIterable<Block>;
}

/** The most that a provider's `leeway` may be: a token lives that much longer than it says itself, and so does its block. */
export const MAX_LEEWAY_MS = 5 * 60_000;
/** Attempts when others write the same key at the same time. */
const TRIES = 16;
const MAX_TEXT = 256;

export function openBlocks({ store, clock }: { readonly store: Store; readonly clock: Clock }): Blocks {
  /** Reads, and writes on condition that nobody else wrote meanwhile; undefined: there is nothing to write. */
  async function change<T>(
    key: StoreKey,
    next: (before: Entry | undefined, isAgain: boolean) => Change<T> | undefined,
  ): Promise<T | undefined> {
    const { partition, name } = key;
    for (let tries = 0; tries < TRIES; tries++) {
      const before = await store.get(key);
      const made = next(before, tries > 0);
      if (made?.write === undefined) return made?.result;
      const done = await store.commit({
        partition,
        expect: [{ name, version: before?.version ?? 0 }],
        ...made.write,
      });
      if (done) return made.result;
    }
    throw new StoreUnavailable('many write one block at once');
  }

  return {
    blockOf(...subjects) {
      const found = subjects.map((subject) => store.get(blockKeyOf(subject)));
      const first = (entries: readonly (Entry | undefined)[]): BlockId | undefined => {
        const subject = subjects[entries.findIndex((entry) => entry !== undefined)];
        return subject && blockIdOf(subject);
      };
      return found.some((entry) => entry instanceof Promise)
        ? Promise.all(found).then(first)
        : first(found as readonly (Entry | undefined)[]);
    },

    async add(subject, { until, by, reason }) {
      const now = clock.now();
      if (until === undefined ? subject.kind === 'token' : !(endOf(subject, until) > now && until <= LATEST_INSTANT))
        return undefined;
      const key = blockKeyOf(subject);
      return change(key, (before, isAgain) => {
        const former = before === undefined ? undefined : decodeBlock(before);
        // somebody was quicker, and it is blocked as long as we want
        if (isAgain && former !== undefined && later(until, former.until) === former.until) return { result: former };
        const block: Block = {
          id: blockIdOf(subject),
          subject,
          until: former === undefined ? until : later(until, former.until),
          at: now,
          by: by.slice(0, MAX_TEXT),
          reason: reason.slice(0, MAX_TEXT),
        };
        const end = endOf(subject, block.until);
        const put = { name: key.name, value: encodeBlock(block), ...(Number.isFinite(end) && { expiresAt: end }) };
        return { write: { put: [put], changes: [blockChange(subject, end)] }, result: block };
      });
    },

    async get(id) {
      const key = blockKeyOfId(id);
      const entry = key && (await store.get(key));
      return entry && (decodeBlock(entry) ?? 'unreadable');
    },

    async remove(id) {
      const key = blockKeyOfId(id);
      if (key === undefined) return false;
      const removed = await change(key, (before) => {
        const changes = [blockChange(before && decodeBlock(before)?.subject, 0)];
        return before && { write: { remove: [key.name], changes }, result: true };
      });
      return removed === true;
    },

    async *list(after) {
      // a partition is the first part of an id, so the order of keys is that of ids
      for await (const { entry } of walkUsers(store, BLOCK_PREFIX, after && blockKeyOfId(after))) {
        const block = decodeBlock(entry);
        if (block !== undefined) yield block;
      }
    },
  };
}

/** Gives everything that lies among the blocks to `take`, in no order; undefined: one that cannot be read. */
export const readBlocks = (store: Store, take: (block: Block | undefined) => void): Promise<void> =>
  readUsers(store, BLOCK_PREFIX, (entry) => take(decodeBlock(entry)));

/** Until when a block is kept, wall-clock ms; infinity: it does not end. */
export const endOf = ({ kind }: BlockSubject, until: number | undefined): number =>
  until === undefined ? Number.POSITIVE_INFINITY : until + (kind === 'token' ? MAX_LEEWAY_MS : 0);

const later = (one: number | undefined, other: number | undefined): number | undefined =>
  one === undefined || other === undefined ? undefined : Math.max(one, other);

interface Change<T> {
  /** left out: it is as it should be */
  readonly write?: Pick<Parameters<Store['commit']>[0], 'put' | 'remove' | 'changes'>;
  readonly result: T;
}
