import type { Clock, Log } from '../core/ports.ts';
import { countReplicas } from './redis-checks.ts';
import type { Link } from './redis-link.ts';

/** Replicas of the server: what is acknowledged has reached one, where there are any (`WAIT`). */
export interface Replicas {
  /** Looks how many there are. */
  count(): Promise<void>;
  /**
   * Resolves once what was written on the link before this call has reached a replica, or it was waited for in vain: that is an
   * alarm and no failure, since the server itself has the write.
   */
  reached(): Promise<void>;
}

const WAIT_MS = 100;
/** Between two alarms. */
const ALARM_MS = 10_000;

export function watchReplicas(link: Link, clock: Clock, log: Log | undefined): Replicas {
  let replicas = 0;
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let alarmedAt = Number.NEGATIVE_INFINITY;

  async function wait(): Promise<void> {
    let reached = 0;
    try {
      reached = await link.run((redis) => redis.wait(1, WAIT_MS));
    } catch {
      // the connection is gone, and with it the answer
    }
    if (reached > 0 || clock.monotonic() - alarmedAt < ALARM_MS) return;
    alarmedAt = clock.monotonic();
    log?.error('no replica of the store has confirmed a write: a failover now would lose it', { replicas });
  }

  return {
    async count() {
      replicas = await link.run(countReplicas);
    },
    reached() {
      if (replicas === 0) return Promise.resolve();
      // the server lets nothing else through while a connection waits, so one wait at a time is for all writes before it
      next ??= (running ?? Promise.resolve()).then(() => {
        running = next;
        next = undefined;
        return wait();
      });
      return next;
    },
  };
}
