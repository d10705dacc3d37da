import type { RateCounter } from '../limits/rate-counter.ts';

type Maybe = RateCounter | undefined;

/** A route's own limits. */
export interface RouteRates {
  readonly address: Maybe;
  readonly identity: Maybe;
  /** all callers together */
  readonly route: Maybe;
}

/** Limits over all routes. */
export interface PlaneRates {
  readonly address: Maybe;
  /** the same limit, counted apart, for those of our endpoints that say so */
  readonly apart: Maybe;
  readonly identity: Maybe;
}
