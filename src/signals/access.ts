import type { Attribute } from '../core/attribute.ts';
import type { RequestContext } from './context.ts';
import { declared } from './declare.ts';

/** Whether the caller's permissions cover what the request is about, by the policy's `resource:` block. */
export const accessAttributes: readonly Attribute<RequestContext>[] = [
  declared({
    name: 'access.permitted',
    type: 'boolean',
    meaning: 'some permission of the caller covers this resource and action',
    example: true,
    source: 'roles.yaml and the policy’s resource',
    aboutPerson: true,
    cost: 'cheap',
  }),
  declared({
    name: 'access.action',
    type: 'string',
    meaning: 'action that the method stands for in the policy',
    example: 'read',
    source: 'roles.yaml and the policy’s resource',
    mayBeAbsent: true,
    aboutPerson: true,
    cost: 'cheap',
  }),
  declared({
    name: 'access.scope',
    type: 'string',
    meaning: 'widest scope of the permissions that cover this resource and action',
    values: ['own', 'team', 'all'],
    example: 'team',
    source: 'roles.yaml and the policy’s resource',
    mayBeAbsent: true,
    aboutPerson: true,
    cost: 'cheap',
  }),
];
