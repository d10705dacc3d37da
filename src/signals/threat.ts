import type { Attribute } from '../core/attribute.ts';
import type { RequestContext } from './context.ts';
import { declared } from './declare.ts';

/** What threat lists say of the client's address and network. */
export const threatAttributes: readonly Attribute<RequestContext>[] = [
  declared({
    name: 'threat.listed',
    type: 'boolean',
    meaning: 'some threat list names the address or its network',
    example: true,
    source: 'threat lists',
    cost: 'cheap',
  }),
  declared({
    name: 'threat.lists',
    type: 'list',
    meaning: 'names of the threat lists that do',
    example: ['scanners'],
    source: 'threat lists',
    cost: 'cheap',
  }),
];
