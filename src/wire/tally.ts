import type { Log } from '../core/ports.ts';

/** A line that says how often something happened comes at most once in so many seconds. */
const QUIET_S = 10;

/**
 * Counts what clients can make happen as often as they like, by reason, and logs it: the first at once, a flood as one line
 * each ten seconds with its figures. Nothing is kept of a single case but the newest address.
 */
export class Tally<Reason extends string> {
  readonly #log: Log;
  readonly #message: string;
  /** since the start, by reason */
  readonly counts: Record<Reason, number>;
  #logged: Record<Reason, number>;
  #newest = '';
  #quiet = 0;

  constructor(log: Log, message: string, reasons: readonly Reason[]) {
    this.#log = log;
    this.#message = message;
    this.counts = Object.fromEntries(reasons.map((reason) => [reason, 0])) as Record<Reason, number>;
    this.#logged = { ...this.counts };
  }

  count(reason: Reason, address: string): void {
    this.counts[reason]++;
    this.#newest = address;
  }

  /** To be called once a second. */
  tick(): void {
    if (this.#quiet > 0) this.#quiet--;
    else this.flush();
  }

  /** Logs what was not logged yet. */
  flush(): void {
    const news = Object.entries<number>(this.counts)
      .map(([reason, count]) => [reason, count - this.#logged[reason as Reason]] as const)
      .filter(([, count]) => count > 0);
    if (news.length === 0) return;
    this.#log.warn(this.#message, { ...Object.fromEntries(news), newest: this.#newest });
    this.#logged = { ...this.counts };
    this.#quiet = QUIET_S;
  }
}
