import type { Clock } from '../core/ports.ts';

/** The machine's clocks. `now` never runs backwards: when the wall clock is set back it stands still until it is caught up. */
export function systemClock(): Clock {
  let newest = 0;
  return {
    now: () => {
      const now = Date.now();
      if (now > newest) newest = now;
      return newest;
    },
    monotonic: () => performance.now(),
  };
}
