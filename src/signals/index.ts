import type { Attribute, Catalogue } from '../core/attribute.ts';
import { accessAttributes } from './access.ts';
import { behaviorAttributes } from './behavior.ts';
import type { RequestContext } from './context.ts';
import { deviceAttributes } from './device.ts';
import { geoAttributes } from './geo.ts';
import { identityAttributes } from './identity.ts';
import { proofsOf } from './proofs.ts';
import { requestAttributes } from './request.ts';
import { riskAttributes } from './risk.ts';
import { sessionAttributes } from './session.ts';
import { threatAttributes } from './threat.ts';
import { timeAttributes } from './time.ts';

/** One line per group, in the order in which the reference lists them. */
const groups: readonly (readonly Attribute<RequestContext>[])[] = [
  requestAttributes,
  identityAttributes,
  accessAttributes,
  sessionAttributes,
  deviceAttributes,
  geoAttributes,
  riskAttributes,
  behaviorAttributes,
  threatAttributes,
  timeAttributes,
];

/** THE catalogue: schema, type checker, reference and readers of every attribute come from here (policy-language 9). */
export const catalogue: Catalogue<RequestContext> = Object.freeze({
  attributes: new Map(groups.flat().map((attribute) => [attribute.name, attribute])),
  authenticated: (context: RequestContext) => context.subject !== undefined,
  proofs: proofsOf,
  now: (context: RequestContext) => context.facts.at,
});
