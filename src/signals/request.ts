import type { Attribute } from '../core/attribute.ts';
import { absent, unknown } from '../core/signal.ts';
import type { RequestContext } from './context.ts';
import { live, readUnknown } from './declare.ts';
import { headerReader } from './header.ts';
import { queryReader } from './query.ts';

/**
 * What is asked. Everything comes from the canonical request, which is also what goes upstream. Size, headers and query vary
 * too much to be worth remembering decisions for: they are `uncached` (architecture, hot path 2).
 */
export const requestAttributes: readonly Attribute<RequestContext>[] = [
  live({
    name: 'request.method',
    type: 'string',
    meaning: 'method, as sent; methods are case-sensitive and open-ended',
    example: 'GET',
    source: 'request line',
    read: ({ facts }) => facts.method,
  }),
  live({
    name: 'request.host',
    type: 'string',
    meaning: 'host asked for, lower case, without port',
    example: 'wiki.example.com',
    source: 'Host header',
    read: ({ facts }) => facts.host,
  }),
  live({
    name: 'request.path',
    type: 'string',
    meaning: 'path, decoded (an allowed %2F stays as it is), without query',
    example: '/reports/2026',
    source: 'request target',
    foldsCase: true,
    read: ({ facts }) => facts.decodedPath,
  }),
  live({
    name: 'request.params.*',
    type: 'string',
    meaning: 'segment that `:name` of the route’s path bound, decoded',
    example: 'ann',
    source: 'request target',
    mayBeAbsent: true,
    foldsCase: true,
    bind: ({ key }) => (key === undefined ? readUnknown : ({ params }) => params.get(key) ?? absent),
  }),
  live({
    name: 'request.query.*',
    type: 'string',
    meaning: 'query parameter, decoded as form data; unknown when the query can be read in two ways',
    example: 'full',
    source: 'request target',
    mayBeAbsent: true,
    cost: 'cheap',
    scope: 'uncached',
    bind: ({ key }) => (key === undefined ? readUnknown : queryReader(key)),
  }),
  live({
    name: 'request.header.*',
    type: 'string',
    meaning:
      'end-to-end header as it goes upstream, name in any spelling; those that the gateway removes or rebuilds are unknown',
    example: 'application/json',
    source: 'headers',
    mayBeAbsent: true,
    cost: 'cheap',
    scope: 'uncached',
    bind: ({ key }) => (key === undefined ? readUnknown : headerReader(key)),
  }),
  live({
    name: 'request.scheme',
    type: 'string',
    meaning: 'what the client speaks, as far as the socket or a trusted proxy tells',
    values: ['http', 'https'],
    example: 'https',
    source: 'socket or trusted proxy',
    read: ({ facts }) => facts.scheme,
  }),
  live({
    name: 'request.http_version',
    type: 'version',
    meaning: 'version of HTTP that the client speaks to the gateway: 1.0, 1.1 or 2',
    example: '1.1',
    source: 'request line',
    read: ({ facts }) => facts.httpVersion,
  }),
  live({
    name: 'request.client_ip',
    type: 'address',
    meaning: 'address of the client; forwarded ones count only behind trusted proxies',
    example: '192.0.2.7',
    source: 'socket or trusted proxy',
    read: ({ facts }) => (facts.clientAddress === '' ? unknown : facts.clientAddress),
  }),
  live({
    name: 'request.size',
    type: 'number',
    unit: 'bytes',
    meaning: 'length of the body; 0 without one, unknown when it is chunked',
    example: 1048576,
    source: 'Content-Length header',
    scope: 'uncached',
    read: ({ facts }) => facts.contentLength ?? unknown,
  }),
  live({
    name: 'request.is_upgrade',
    type: 'boolean',
    meaning: 'asks to leave HTTP, for a WebSocket for example',
    example: true,
    source: 'Connection and Upgrade headers',
    read: ({ facts }) => facts.isUpgrade,
  }),
];
