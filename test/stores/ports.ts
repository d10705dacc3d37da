import { randomBytes } from 'node:crypto';
import type { Clock, Random } from '../../src/core/ports.ts';

/** A clock that tests turn by hand; `set` may go anywhere, as a wall clock may. */
export interface HandClock extends Clock {
  advance(ms: number): void;
  set(ms: number): void;
}

export function handClock(start = 1_800_000_000_000): HandClock {
  let now = start;
  return {
    now: () => now,
    monotonic: () => now,
    advance: (ms) => {
      now += ms;
    },
    set: (ms) => {
      now = ms;
    },
  };
}

export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
export const systemRandom: Random = {
  bytes: (length) => new Uint8Array(randomBytes(length)),
  id: () => Array.from(randomBytes(26), (byte) => BASE32[byte & 31]).join(''),
};
