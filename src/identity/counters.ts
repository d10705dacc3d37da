import type { Clock } from '../core/ports.ts';
import type { Store, StoreKey } from '../core/store.ts';

/** Attempts under one key: so many go on within a window. */
export interface Counter {
  readonly key: StoreKey;
  readonly limit: number;
  /** ms; begins with the first attempt and is not prolonged by later ones */
  readonly windowMs: number;
}

export interface Counted {
  readonly count: number;
  /** wall-clock ms */
  readonly endsAt: number;
}

export interface Refused {
  readonly allowed: false;
  /** seconds until the window is over, rounded up: 1 to the length of the window */
  readonly retryAfterSeconds: number;
  /** the configured limit that it was, `sign_in 100/1h`, for the audit file; the others are the lock-out's own */
  readonly limit?: string | undefined;
}

/** All promises reject with `StoreUnavailable`: who cannot be counted is not let in. */
export interface Counters {
  /** What was counted; a counter that cannot be read is full. */
  read(counter: Counter): Promise<Counted>;
  /** Counts one more. What decides is the number that this gives: others may have counted since it was read. */
  add(counter: Counter): Promise<Counted>;
  /** Takes one back that was counted in the window until `endsAt`; in a later one there is nothing to take back. */
  takeBack(counter: Counter, counted: Counted): Promise<void>;
  refused(counter: Counter, counted: Counted): Refused;
}

/** Does no I/O until it is asked. */
export function openCounters({ store, clock }: { readonly store: Store; readonly clock: Clock }): Counters {
  async function read({ key, windowMs }: Counter): Promise<Counted> {
    const entry = await store.get(key);
    const endsAt = entry?.expiresAt ?? clock.now() + windowMs;
    if (entry === undefined) return { count: 0, endsAt };
    const { value } = entry;
    return { count: typeof value === 'number' && Number.isFinite(value) ? value : Number.POSITIVE_INFINITY, endsAt };
  }

  return {
    read,

    async add(counter) {
      const count = await store.increment(counter.key, 1, counter.windowMs);
      return { count, endsAt: (await read(counter)).endsAt };
    },

    async takeBack(counter, { endsAt }) {
      const now = await read(counter);
      if (now.count > 0 && now.endsAt === endsAt) await store.increment(counter.key, -1, counter.windowMs);
    },

    refused: ({ windowMs }, { endsAt }) => ({
      allowed: false,
      retryAfterSeconds: Math.ceil(Math.min(Math.max(endsAt - clock.now(), 1), windowMs) / 1000),
    }),
  };
}

/** Of two ways that are both closed, the one that opens first. */
export const sooner = (a: Refused, b: Refused): Refused => (a.retryAfterSeconds < b.retryAfterSeconds ? a : b);
