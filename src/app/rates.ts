import type { Configuration, Route } from '../config/schema.ts';
import type { RateCounter, RateScope } from '../limits/rate-counter.ts';
import type { RateLimits } from '../limits/rate-limits.ts';
import type { DataPlane } from '../proxy/plane.ts';
import type { PlaneRates, RouteRates } from '../proxy/rates.ts';
import type { Rate } from '../schema/units.ts';

/** A counter where the configuration sets a limit. */
const counter = (limits: RateLimits, scope: RateScope, rate: Rate | undefined, on?: string): RateCounter | undefined =>
  rate && limits.counter({ scope, rate, on });

export const planeRates = (limits: RateLimits, { limits: { rate } }: Configuration): PlaneRates => ({
  address: counter(limits, 'address', rate.address),
  apart: counter(limits, 'address', rate.address, '(sign-out)'),
  identity: counter(limits, 'identity', rate.identity),
});

export const routeRates = (limits: RateLimits, { route, rate_limit: rate }: Route): RouteRates => ({
  address: counter(limits, 'address', rate.address, route),
  identity: counter(limits, 'identity', rate.identity, route),
  route: counter(limits, 'route', rate.route, route),
});

/** All counters of a plane and its routes. */
export const ratesOf = (
  plane: DataPlane,
  routes: readonly { readonly rates: RouteRates }[],
): (RateCounter | undefined)[] =>
  [plane.rates, ...routes.map(({ rates }) => rates)].flatMap((rates) => Object.values(rates));
