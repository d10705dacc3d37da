import type { MaybePromise } from '../core/assert-never.ts';
import { StoreUnavailable } from '../core/store.ts';
import { refuse } from './answers.ts';
import type { Transit } from './transit.ts';

export interface GateDeps {
  /**
   * Brings what this process remembers in step with the store. Undefined: it is; throws or rejects with `StoreUnavailable`.
   */
  readonly sync: () => Promise<void> | undefined;
  /** The id of the block that an address is under, as far as this process knows; `now` is wall-clock ms. */
  readonly blockOf: (address: string, now: number) => string | undefined;
  /** ms that a request waits for `sync`; after that it goes on as without the store, and what `sync` began goes on too */
  readonly waitMs: number;
}

/** True: the request may go on. False: it was answered. */
export type Gate = (transit: Transit) => MaybePromise<boolean>;

/**
 * The door before everything that knows routes: one look at the store's position for the whole request, then the client's
 * address. Without the store, or when it takes too long to be in step with it, the blocks that were last known go on to count;
 * whatever needs a credential finds out from the transit (`mustBeInStep`).
 */
export function openGate({ sync, blockOf, waitMs }: GateDeps): Gate {
  function judge(transit: Transit): boolean {
    const block = blockOf(transit.facts.clientAddress, transit.facts.at);
    if (block === undefined) return true;
    transit.addressBlock = block;
    refuse(transit, 'blocked');
    return false;
  }

  function lost(transit: Transit, error: unknown): boolean {
    if (!(error instanceof StoreUnavailable)) throw error;
    transit.outOfStep = error;
    return judge(transit);
  }

  return (transit) => {
    let syncing: Promise<void> | undefined;
    try {
      syncing = sync();
    } catch (error) {
      return lost(transit, error);
    }
    if (syncing === undefined) return judge(transit);
    return within(waitMs, syncing).then(
      () => judge(transit),
      (error: unknown) => lost(transit, error),
    );
  };
}

/** Rejects with `StoreUnavailable` when it takes longer than `ms`. */
function within(ms: number, work: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(new StoreUnavailable(`not in step with the store within ${ms} ms`));
    // a turn later: what came while this process itself was busy is read before it is judged
    const timer = setTimeout(() => setImmediate(late), ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
