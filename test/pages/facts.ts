import type { RequestFacts } from '../../src/core/facts.ts';

/** Facts of a plain GET with these headers (name, value, …); everything else can be overridden. */
export function factsWith(headers: readonly string[] = [], over: Partial<RequestFacts> = {}): RequestFacts {
  return {
    kind: 'facts',
    id: 'aaaaaaaaaaaaaaaaaaaaaaaaaa',
    at: 1_700_000_000_000,
    method: 'GET',
    scheme: 'https',
    httpVersion: '1.1',
    host: 'wiki.example.com',
    authority: 'wiki.example.com',
    path: '/',
    decodedPath: '/',
    query: '',
    oddities: 0,
    headers,
    headerNames: headers.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase().replace(/[^a-z0-9]/g, '-')),
    sessionCookie: undefined,
    loginCookie: undefined,
    deviceCookie: undefined,
    bearerToken: undefined,
    clientAddress: '192.0.2.1',
    forwardedFor: '192.0.2.1',
    peerAddress: '192.0.2.1',
    viaTrustedProxy: false,
    body: 'none',
    contentLength: 0,
    isUpgrade: false,

    traceparent: undefined,
    ...over,
  };
}
