import type { Attribute } from '../core/attribute.ts';
import type { RequestContext } from './context.ts';
import { declared } from './declare.ts';

/** How risky the request is, all signals together; numbers or unknown, never absent (policy-language 7). */
export const riskAttributes: readonly Attribute<RequestContext>[] = [
  declared({
    name: 'risk.score',
    type: 'number',
    unit: '0–100',
    meaning: 'sum of the risk factors, scaled by the sensitivity of the route’s policies',
    example: 50,
    source: 'device, geo, behaviour, session',
    aboutPerson: true,
    cost: 'costly',
  }),
  declared({
    name: 'risk.level',
    type: 'level',
    meaning: 'level of the score: low from 25, medium from 50, high from 80',
    example: 'medium',
    source: 'risk.score',
    aboutPerson: true,
    cost: 'costly',
  }),
  declared({
    name: 'risk.factors',
    type: 'list',
    meaning: 'names of the factors that make up the score',
    example: ['device_trust', 'location'],
    source: 'device, geo, behaviour, session',
    aboutPerson: true,
    cost: 'costly',
  }),
];
