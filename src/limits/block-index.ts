import { BLOCK_KINDS, type BlockId, type BlockKind, blockedName, readBlockChange } from '../core/block.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { Change, Store } from '../core/store.ts';
import { AddressIndex } from './address-index.ts';
import { blockIdOf } from './block-record.ts';
import { endOf, readBlocks } from './blocks.ts';

/**
 * The blocks as this process knows them, in memory: addresses, so that a request costs no read of the store, and how many there
 * are of the other kinds. As new as the process is in step with the store; without the store, as they were last known.
 */
export interface BlockIndex {
  /** The block of the smallest network that has the address in it; synchronous. `now` is wall-clock ms. */
  ofAddress(address: string, now: number): BlockId | undefined;
  /** How many are in force at `now`, by kind. */
  counts(now: number): Readonly<Record<BlockKind, number>>;
  /** A block was made, lifted, or cannot be read. */
  changed(change: Change): void;
  /** Reads all of them anew; what was known counts until they are there. Rejects with `StoreUnavailable`. */
  forgotten(): Promise<void>;
}

/** Between two looks for what has ended, changes; a scrape looks too. */
const PURGE_EVERY = 1024;

export function openBlockIndex({
  store,
  clock,
  log,
}: {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}): BlockIndex {
  let told = 0;
  let addresses = new AddressIndex();
  let others = new Ends();

  async function read(): Promise<void> {
    const [readAddresses, readOthers] = [new AddressIndex(), new Ends()];
    let unreadable = 0;
    await readBlocks(store, (block) => {
      if (block === undefined) unreadable += 1;
      else if (block.subject.kind === 'address')
        readAddresses.put(block.subject.network, endOf(block.subject, block.until));
      else readOthers.set(block.subject.kind, blockedName(block.subject), endOf(block.subject, block.until));
    });
    addresses = readAddresses;
    others = readOthers;
    if (unreadable > 0)
      log.error('blocks in the store cannot be read; those of addresses are not in force', { unreadable });
  }

  function purge(now: number): void {
    addresses.purge(now);
    others.purge(now);
  }

  return {
    ofAddress(address, now) {
      const network = addresses.find(address, now);
      return network === undefined ? undefined : blockIdOf({ kind: 'address', network });
    },

    counts(now) {
      purge(now);
      const count = (kind: BlockKind): number => (kind === 'address' ? addresses.size : others.count(kind));
      return Object.fromEntries(BLOCK_KINDS.map((kind) => [kind, count(kind)])) as Record<BlockKind, number>;
    },

    changed({ kind, subject }) {
      const change = kind === 'block' ? readBlockChange(subject) : undefined;
      if (change === undefined) return;
      const { name, until } = change;
      if (change.kind !== 'address') others.set(change.kind, name, until);
      else if (until > 0) addresses.put(name, until);
      else addresses.remove(name);
      told += 1;
      if (told % PURGE_EVERY === 0) purge(clock.now());
    },

    forgotten: read,
  };
}

/** Until when each of many counts, by kind; only to count them. */
class Ends {
  readonly #byKind = new Map<string, Map<string, number>>();
  #firstEnd = Number.POSITIVE_INFINITY;

  set(kind: string, name: string, until: number): void {
    const ends = this.#byKind.get(kind) ?? new Map<string, number>();
    this.#byKind.set(kind, ends);
    if (until > 0) ends.set(name, until);
    else ends.delete(name);
    if (until > 0) this.#firstEnd = Math.min(this.#firstEnd, until);
  }

  count = (kind: string): number => this.#byKind.get(kind)?.size ?? 0;

  purge(now: number): void {
    if (now < this.#firstEnd) return;
    this.#firstEnd = Number.POSITIVE_INFINITY;
    for (const ends of this.#byKind.values()) {
      for (const [name, until] of ends) {
        if (now >= until) ends.delete(name);
        else this.#firstEnd = Math.min(this.#firstEnd, until);
      }
    }
  }
}
