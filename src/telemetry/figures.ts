import type { Effect } from '../core/decision.ts';
import { REASONS } from '../core/reasons.ts';

/**
 * The figures of the request path: typed arrays that are only turned into text when somebody scrapes. An observation is a
 * few array operations (a labelled counter of the usual client costs 200 ns and allocates; docs/performance.md).
 */

/** A histogram over durations. Counts are kept per bucket and summed up when read. */
export class Histogram {
  readonly #boundsMs: Float64Array;
  readonly #counts: Float64Array;
  #sumMs = 0;

  /** @param seconds upper bounds, ascending */
  constructor(seconds: readonly number[]) {
    // rounded to the nanosecond: 0.005 * 1000 must be 5, or an observation of exactly 5 ms falls beside its bucket
    this.#boundsMs = Float64Array.from(seconds, (s) => Math.round(s * 1e9) / 1e6);
    this.#counts = new Float64Array(seconds.length + 1);
  }

  /** Adds a duration in ms; what is not a number ≥ 0 counts as 0, so that sum and count stay usable. */
  observe(durationMs: number): void {
    // not Math.max: it would keep NaN
    const ms = Number.isNaN(durationMs) || durationMs < 0 ? 0 : durationMs;
    const bounds = this.#boundsMs;
    let i = 0;
    while (i < bounds.length && ms > (bounds[i] as number)) i++;
    this.#counts[i] = (this.#counts[i] as number) + 1;
    if (ms !== Number.POSITIVE_INFINITY) this.#sumMs += ms;
  }

  /** Cumulative counts, the last one over everything, and the sum in seconds. */
  read(): { readonly cumulative: readonly number[]; readonly sumSeconds: number } {
    let total = 0;
    const cumulative = Array.from(this.#counts, (n) => {
      total += n;
      return total;
    });
    return { cumulative, sumSeconds: this.#sumMs / 1000 };
  }
}

/** Methods with a label of their own; every other word is `other`, since anybody can invent one. */
export const METHOD_LABELS = [
  'other',
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'CONNECT',
] as const;
const METHOD_INDEX: ReadonlyMap<string, number> = new Map(METHOD_LABELS.map((method, i) => [method, i]));

/** Requests by method and status. A method's counters are made when it is first seen. */
export class StatusCounts {
  readonly #byMethod: (Float64Array | undefined)[] = METHOD_LABELS.map(() => undefined);

  count(method: string, status: number): void {
    const row = METHOD_INDEX.get(method) ?? 0;
    this.#byMethod[row] ??= new Float64Array(500);
    const counts = this.#byMethod[row];
    // slot 0 would be status 100; what no answer can have lands there and reads as `other`
    const at = status > 100 && status < 600 ? Math.trunc(status) - 100 : 0;
    counts[at] = (counts[at] as number) + 1;
  }

  *read(): Iterable<{ readonly method: string; readonly code: string; readonly value: number }> {
    for (const [row, counts] of this.#byMethod.entries()) {
      if (counts === undefined) continue;
      for (const [at, value] of counts.entries()) {
        if (value > 0)
          yield { method: METHOD_LABELS[row] as string, code: at === 0 ? 'other' : String(at + 100), value };
      }
    }
  }
}

/** Reason codes with a label of their own. */
export const MAX_REASONS = 100;

/**
 * Numbers for reason codes, shared by all routes: the gateway's own first, so that the codes of policies can never push
 * them out; then the codes of policies as they come; beyond {@link MAX_REASONS} everything is `other`.
 */
export class ReasonLabels {
  /** label by number; 0 is no reason at all, 1 is `other` */
  readonly labels: string[] = ['', 'other'];
  readonly #numbers = new Map<string, number>();

  constructor() {
    for (const reason of Object.keys(REASONS)) this.number(reason);
  }

  number(reason: string | undefined): number {
    if (reason === undefined) return 0;
    const known = this.#numbers.get(reason);
    if (known !== undefined) return known;
    if (this.#numbers.size >= MAX_REASONS) return 1;
    this.#numbers.set(reason, this.labels.length);
    return this.labels.push(reason) - 1;
  }
}

const EFFECTS = ['allow', 'step_up', 'login', 'deny'] as const satisfies readonly Effect[];

/** Decisions by effect and reason. An effect's counters are made when it first occurs. */
export class DecisionCounts {
  readonly #reasons: ReasonLabels;
  readonly #byEffect: (Float64Array | undefined)[] = EFFECTS.map(() => undefined);

  constructor(reasons: ReasonLabels) {
    this.#reasons = reasons;
  }

  count(effect: Effect, reason: string | undefined): void {
    const row = EFFECTS.indexOf(effect);
    this.#byEffect[row] ??= new Float64Array(MAX_REASONS + 2);
    const counts = this.#byEffect[row];
    const at = this.#reasons.number(reason);
    counts[at] = (counts[at] as number) + 1;
  }

  *read(): Iterable<{ readonly effect: Effect; readonly reason: string; readonly value: number }> {
    for (const [row, counts] of this.#byEffect.entries()) {
      if (counts === undefined) continue;
      for (const [at, value] of counts.entries()) {
        if (value > 0) yield { effect: EFFECTS[row] as Effect, reason: this.#reasons.labels[at] as string, value };
      }
    }
  }
}
