import { hash } from 'node:crypto';
import type { Clock, Log, Service } from '../core/ports.ts';
import type { Store, StoreKey } from '../core/store.ts';
import { partitionOf, userId } from '../core/subject.ts';
import { formatRate, type Rate } from '../schema/units.ts';
import { type OwnedCounter, type RateCounter, type RateNode, type RateScope, rateCounter } from './rate-counter.ts';

/** What is counted: callers of all routes, or of the one that is named. */
export interface RateSubject {
  readonly scope: RateScope;
  readonly rate: Rate;
  /** name of a route, or a word of ours in parentheses */
  readonly on?: string | undefined;
}

/** The counters of all configurations alive; the same limit keeps its counts across reloads. */
export interface RateLimits extends Service {
  counter(of: RateSubject): RateCounter;
  /** Forgets what the new configuration no longer limits. */
  retain(inUse: Iterable<RateCounter | undefined>): void;
}

export interface RateLimitDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly increment: Store['increment'];
  readonly onRefused: (scope: RateScope) => void;
  readonly onUncounted: (scope: RateScope) => void;
}

/** Keys that each limit counts in windows that run: about 20 MB for each limit of addresses or identities, when it is full. */
export const MAX_KEYS = 100_000;
/** How long the store is left alone after it failed to answer. */
const RETRY_MS = 1000;
const SWEEP_MS = 1000;
/** Of each counter at a time: well under a millisecond. */
const SWEPT_AT_ONCE = 2000;
/** The store's counter ends so much later than a window, since clocks of nodes are up to 2 s apart from the store's. */
const SKEW_MS = 5000;

/**
 * Rate limits that all nodes share (lease.ts). The store is never asked by a request; claims go their own way. While it does not
 * answer each node keeps the whole limit by itself, so n nodes let in up to n times as many: a limit is no authentication, and
 * must not turn the loss of the store into a loss of public routes. Counted is counted: what was let in meanwhile is told
 * afterwards. An emptied store has forgotten the counts of the windows that run.
 *
 * @param maxKeys see MAX_KEYS
 */
export function openRateLimits(deps: RateLimitDeps, maxKeys: number = MAX_KEYS): RateLimits {
  const { clock, log } = deps;
  const counters = new Map<string, OwnedCounter>();
  let isAlone = false;
  let retryAt = 0;
  let timer: NodeJS.Timeout | undefined;

  async function claim(key: StoreKey, by: number, windowMs: number): Promise<number> {
    // one at a time is enough to see whether the store is back
    if (isAlone) retryAt = clock.monotonic() + RETRY_MS;
    try {
      const total = await deps.increment(key, by, windowMs + SKEW_MS);
      if (isAlone) log.info('rate limits are shared again', {});
      isAlone = false;
      return total;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (!isAlone) log.warn('the store does not count; rate limits are kept by this process alone', { error: why });
      isAlone = true;
      retryAt = clock.monotonic() + RETRY_MS;
      throw error;
    }
  }

  return {
    counter({ scope, rate, on }) {
      const id = JSON.stringify([scope, on ?? '', rate.requests, rate.windowMs]);
      const known = counters.get(id);
      if (known !== undefined) return known;
      const node: RateNode = {
        claim: (key, window, by) => claim(storeKey(scope, id, key, window), by, rate.windowMs),
        isAlone: () => isAlone,
        mayClaim: () => !isAlone || clock.monotonic() >= retryAt,
        onRefused: () => deps.onRefused(scope),
        onUncounted: () => deps.onUncounted(scope),
      };
      const label = `${scope} ${formatRate(rate)}${on === undefined ? '' : ` on ${on}`}`;
      const made = rateCounter(rate, label, node, maxKeys);
      counters.set(id, made);
      return made;
    },

    retain(inUse) {
      const kept = new Set(inUse);
      for (const [id, counter] of counters) {
        // requests that began before a reload may still count on it; it goes with the last of them
        if (!kept.has(counter)) counters.delete(id);
      }
    },

    async start() {
      timer = setInterval(() => {
        for (const counter of counters.values()) counter.sweep(SWEPT_AT_ONCE, clock.now());
      }, SWEEP_MS);
      timer.unref();
    },

    async close() {
      clearInterval(timer);
    },
  };
}

/** A hash, since addresses and user ids may be any text; spread over the partitions, since one busy limit has many keys. */
function storeKey(scope: RateScope, id: string, key: string, window: number): StoreKey {
  const name = hash('sha256', `${id} ${key}`, 'base64url');
  return { partition: partitionOf(userId(scope, name)), name: `rate/${scope}/${window}/${name}` };
}
