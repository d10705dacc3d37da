import type { Attribute } from '../core/attribute.ts';
import type { RequestContext } from './context.ts';
import { declared } from './declare.ts';

const deviation = (name: string, meaning: string, example: number): Attribute<RequestContext> =>
  declared({
    name: `behavior.${name}`,
    type: 'number',
    unit: '0–1',
    meaning,
    example,
    source: 'profile of the person',
    aboutPerson: true,
    cost: 'cheap',
  });

/** How far the person is from their own habits: 0 as always, 1 as never before. Numbers or unknown, never absent. */
export const behaviorAttributes: readonly Attribute<RequestContext>[] = [
  deviation('anomaly', 'deviation of everything together', 0.7),
  deviation('typing', 'deviation of the rhythm of typing at sign-in', 0.7),
  deviation('navigation', 'deviation of the order in which pages are visited', 0.6),
  deviation('time_of_day', 'deviation of the hours of activity', 0.5),
  deviation('request_rate', 'deviation of the number of requests a minute', 0.7),
];
