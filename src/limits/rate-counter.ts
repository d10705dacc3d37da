import type { Rate } from '../schema/units.ts';
import { allowed, type Lease, renew, settle, wanted } from './lease.ts';
import { endOf, shiftOf, windowAt } from './window.ts';

/** What is limited, as metrics say it. */
export type RateScope = 'address' | 'identity' | 'route';

/** What a counter asks of the node it belongs to. */
export interface RateNode {
  /** adds to the counter that all nodes share; resolves to what it stands at */
  readonly claim: (key: string, window: number, by: number) => Promise<number>;
  /** the store cannot be asked: limits are kept by this node alone */
  readonly isAlone: () => boolean;
  /** a claim may be tried */
  readonly mayClaim: () => boolean;
  readonly onRefused: () => void;
  /** let in without being counted, since too many keys are counted already */
  readonly onUncounted: () => void;
}

/** What a client that was refused is told. Seconds are whole and at least 1. */
export interface RateRefusal {
  readonly rate: Rate;
  readonly resetSeconds: number;
  /** when to try again: at the end of the window, or soon where only the store's answer is waited for */
  readonly retryAfterSeconds: number;
}

/** One limit, counted for each key by itself. */
export interface RateCounter {
  /** `address 600/1m`, `address 60/1m on wiki`: for the audit file */
  readonly label: string;
  /**
   * Counts a request; false: it must be refused, and was not counted. Never waits, never throws, and allocates nothing for a
   * key that is there already.
   *
   * @param now wall-clock ms
   */
  take(key: string, now: number): boolean;
  /** What to tell of a refusal that `take` has just given. */
  refusal(key: string, now: number): RateRefusal;
}

/** A counter as its owner sees it. */
export interface OwnedCounter extends RateCounter {
  /** Forgets keys whose window is over, looking at so many more of them. */
  sweep(keys: number, now: number): void;
}

interface Counted extends Lease {
  readonly shift: number;
}

/**
 * Counts the requests of each key in windows of its own (window.ts) against leases from the store (lease.ts).
 *
 * Memory: an entry of about 200 bytes for each key, kept until its window is over and somebody looks. When there is no room for
 * another key its requests are let in uncounted. A bucket for all of those would be no better against whoever has so many
 * addresses (each has the whole limit), and would lock everybody else out for them; and nobody who is counted is ever put out to
 * make room, so no flood of other keys resets a count.
 *
 * A wall clock that was set back leaves entries of a window that is far off. They are as good as over: whoever sent something
 * while it was ahead would otherwise be refused until it is that late again.
 *
 * @param maxKeys how many keys are counted; a room for each counter, so that one with a long window fills up nobody else's
 */
export function rateCounter(rate: Rate, label: string, node: RateNode, maxKeys: number): OwnedCounter {
  const { requests, windowMs } = rate;
  const windowsBack = Math.ceil(LATE_MS / windowMs);
  const counted = new Map<string, Counted>();
  let cursor = counted.entries();

  /** Whether an entry of a window says nothing of the window of `now`. */
  const isOver = (window: number, current: number): boolean => window < current || window > current + windowsBack;

  function sweep(keys: number, now: number): void {
    for (let i = 0; i < keys; i++) {
      const next = cursor.next();
      if (next.done === true) {
        cursor = counted.entries();
        return;
      }
      const [key, { window, shift }] = next.value;
      if (isOver(window, windowAt(now, shift, windowMs))) counted.delete(key);
    }
  }

  /** The entry of a key, in the window of `now`; undefined: there is no room for it. */
  function find(key: string, now: number): Counted | undefined {
    const known = counted.get(key);
    if (known !== undefined) {
      const window = windowAt(now, known.shift, windowMs);
      // hardly ever back: a request that waited for its session can be older than the newest window
      if (isOver(known.window, window)) renew(known, window);
      return known;
    }
    if (counted.size >= maxKeys) sweep(KEYS_LOOKED_AT, now);
    if (counted.size >= maxKeys) return undefined;
    const shift = shiftOf(key, windowMs);
    const window = windowAt(now, shift, windowMs);
    const fresh = { shift, window, used: 0, granted: 0, isClaiming: false, isExhausted: false };
    counted.set(key, fresh);
    return fresh;
  }

  function claim(key: string, lease: Counted, by: number): void {
    const { window } = lease;
    lease.isClaiming = true;
    node.claim(key, window, by).then(
      (total) => {
        // what was claimed for a window that is over is nobody's
        if (lease.window === window) settle(lease, by, total, requests);
      },
      () => {
        // the node knows that it is alone now, and says so
        if (lease.window === window) lease.isClaiming = false;
      },
    );
  }

  return {
    label,
    take(key, now) {
      const lease = find(key, now);
      if (lease === undefined) {
        node.onUncounted();
        return true;
      }
      const isAllowed = lease.used < allowed(lease, requests, node.isAlone());
      if (isAllowed) lease.used++;
      // also when refused: a claim that failed must be made again
      const by = wanted(lease, requests);
      if (by > 0 && node.mayClaim()) claim(key, lease, by);
      if (!isAllowed) node.onRefused();
      return isAllowed;
    },
    refusal(key, now) {
      const lease = counted.get(key);
      const shift = lease?.shift ?? shiftOf(key, windowMs);
      const endsAt = endOf(lease?.window ?? windowAt(now, shift, windowMs), shift, windowMs);
      const resetSeconds = Math.max(1, Math.ceil((endsAt - now) / 1000));
      const isFinal = lease === undefined || lease.isExhausted || lease.used >= requests;
      return { rate, resetSeconds, retryAfterSeconds: isFinal ? resetSeconds : 1 };
    },
    sweep,
  };
}

/** By whoever brings a new key while there is no room: each makes at most as much room as the timer would later. */
const KEYS_LOOKED_AT = 16;
/** How much older than another that came first a request may be and be charged all the same: longer than any waits for the store. */
const LATE_MS = 10_000;
