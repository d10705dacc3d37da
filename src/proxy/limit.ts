import { clientOf } from '../limits/client.ts';
import type { RateCounter } from '../limits/rate-counter.ts';
import { refuse } from './answers.ts';
import type { CompiledRoute } from './plane.ts';
import type { Transit } from './transit.ts';

/**
 * Charges the client's address, before anything is asked about who it is: over all, and on its route. False: it was refused,
 * and the answer was sent.
 */
export function limitClient(transit: Transit): boolean {
  const { plane, route, endpoint, facts } = transit;
  const everywhere = endpoint?.isCountedApart === true ? plane.rates.apart : plane.rates.address;
  const here = route?.rates.address;
  if (everywhere === undefined && here === undefined) return true;
  const client = clientOf(facts.clientAddress);
  return admits(transit, everywhere, client) && admits(transit, here, client);
}

/**
 * Charges who is let in, over all routes and on this one, and what the route is given at all, as the last thing before
 * forwarding. What a policy refuses is not charged: strangers could otherwise use up a route's limit for its people. Nobody has
 * no identity to charge. Limits that a decision's obligations set will be charged here. False: it was refused, and the answer
 * was sent.
 */
export function limitCaller(transit: Transit, { rates }: CompiledRoute): boolean {
  const user = transit.subject?.user;
  return (
    (user === undefined ||
      (admits(transit, transit.plane.rates.identity, user) && admits(transit, rates.identity, user))) &&
    admits(transit, rates.route, EVERYBODY)
  );
}

const EVERYBODY = 'everybody';

function admits(transit: Transit, counter: RateCounter | undefined, key: string): boolean {
  const { at } = transit.facts;
  if (counter === undefined || counter.take(key, at)) return true;
  const { rate, resetSeconds, retryAfterSeconds } = counter.refusal(key, at);
  transit.limited = counter.label;
  refuse(transit, 'rate_limited', {
    retryAfterSeconds,
    // draft-ietf-httpapi-ratelimit-headers-07, the form with three fields
    extraHeaders: [
      ['RateLimit-Limit', String(rate.requests)],
      ['RateLimit-Remaining', '0'],
      ['RateLimit-Reset', String(resetSeconds)],
      ['RateLimit-Policy', `${rate.requests};w=${rate.windowMs / 1000}`],
    ],
  });
  return false;
}
