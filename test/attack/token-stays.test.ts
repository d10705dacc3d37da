import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestGateway, type TestGateway } from '../support/gateway.ts';
import { type KeyServer, openKeyServer, type SigningPair, signingPair, signRaw } from '../support/issuer.ts';
import { openRawUpstream } from '../support/upstream.ts';

/**
 * No application and no policy sees a credential that is for the gateway (security rule 11): on every kind of route, however
 * the header is written, and whatever becomes of the request.
 */
const ISSUER = 'https://issuer.test';
let upstream: Awaited<ReturnType<typeof openRawUpstream>>;
let keys: KeyServer;
let gate: TestGateway;
let pair: SigningPair;
let token: string;

beforeAll(async () => {
  pair = await signingPair('ES256', 'k');
  [upstream, keys] = await Promise.all([
    openRawUpstream((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')),
    openKeyServer([pair.jwk]),
  ]);
  gate = await openTestGateway({
    storeBornAgo: 3_600_000,
    policies: {
      'curious.yaml': `
version: 1
policy: curious
rules:
  - { allow: programs, when: { identity.groups: { any_of: [staff] } } }
  - { deny: seen, reason: authorization_seen, when: { request.header.authorization: { present: true } } }
`,
      'watch.yaml': `
version: 1
policy: watch
rules:
  - { deny: seen, reason: authorization_seen, when: { request.header.authorization: { present: true } } }
`,
    },
    config: `
identity: { providers: [{ id: services, type: jwt, issuer: "${ISSUER}", jwks: "${keys.url}", audience: api }] }
routes:
  - { route: app, upstream: "${upstream.origin}", reuse: false, policy: curious }
  - { route: open, upstream: "${upstream.origin}", reuse: false, match: { path: /open }, public: true, policy: watch }
  - { route: plain, upstream: "${upstream.origin}", reuse: false, match: { path: /plain }, public: true }
`,
  });
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: ISSUER, aud: 'api', sub: 'svc', groups: ['staff'], iat: now, exp: now + 300 };
  token = await signRaw(pair, { alg: 'ES256', kid: 'k' }, claims);
});
afterAll(async () => {
  await gate.close();
  await Promise.all([upstream.close(), keys.close()]);
});

const UPGRADE = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='];
/** One request; what reached the application, head by head. */
async function send(line: string, headers: readonly string[], body = '') {
  upstream.heads.length = 0;
  const answer = await gate.send(line, headers, body);
  return { status: answer.status, body: answer.body, heads: [...upstream.heads] };
}

describe.each([
  ['a route that asks who it is', '/'],
  ['a public route with a policy', '/open'],
  ['a public route without one', '/plain'],
])('%s', (_name, path) => {
  it.each<[string, string, readonly string[], string]>([
    ['GET', `GET ${path}`, [], ''],
    ['HEAD', `HEAD ${path}`, [], ''],
    ['POST with a body', `POST ${path}`, ['Content-Length: 2'], 'ok'],
    ['POST in chunks', `POST ${path}`, ['Transfer-Encoding: chunked'], '2\r\nok\r\n0\r\n\r\n'],
    ['an upgrade', `GET ${path}`, UPGRADE, ''],
  ])('%s: the token is known, judged, and does not go on', async (_case, line, more, body) => {
    for (const name of ['Authorization', 'authorization', 'AUTHORIZATION']) {
      // twice: verified for the first time, and remembered
      for (let i = 0; i < 2; i++) {
        const { status, heads } = await send(
          `${line} HTTP/1.1`,
          ['X-Before: 1', `${name}: Bearer ${token}`, 'X-After: 2', ...more],
          body,
        );
        expect([status, heads.length]).toEqual([200, 1]);
        expect(heads[0]).not.toMatch(/^authorization/im);
        expect(heads[0]).not.toContain(token.split('.')[2]);
        // whatever stands around it arrives whole and in order
        expect(heads[0]).toMatch(/\r\nX-Before: 1\r\nX-After: 2\r\n/);
        expect(heads[0]).toMatch(/\r\nX-Forwarded-User: (?:services:)?svc\r\n/);
      }
    }
  });
});

describe('what is no good token does not go on either', () => {
  it.each([
    ['of a stranger', () => 'Bearer x.y.z'],
    ['with another scheme beside it', () => `Basic YTpi, Bearer ${token}`],
    ['bound to a key of its sender', () => `DPoP ${token}`],
    ['of ours', () => 'Bearer spt_0123456789'],
    ['of ours, under another scheme', () => 'Token sps_0123456789'],
    ['nothing', () => 'Bearer'],
  ])('%s', async (_name, value) => {
    for (const path of ['/open', '/plain']) {
      const { status, heads } = await send(`GET ${path} HTTP/1.1`, [`Authorization: ${value()}`]);
      expect([status, heads.length]).toEqual([200, 1]);
      expect(heads[0]).not.toMatch(/^authorization/im);
      expect(heads[0]).toMatch(/\r\nX-Forwarded-User: ?\r\n/);
    }
    const refused = await send('GET / HTTP/1.1', [`Authorization: ${value()}`]);
    expect([refused.status, refused.heads]).toEqual([401, []]);
  });
});

it('what is the application’s own, policies see and the application gets', async () => {
  const { status, heads } = await send('GET /plain HTTP/1.1', [
    'X-Before: 1',
    'authorization: Basic YTpi',
    'X-After: 2',
  ]);
  expect(status).toBe(200);
  expect(heads[0]).toContain('\r\nX-Before: 1\r\nauthorization: Basic YTpi\r\nX-After: 2\r\n');
  const judged = await send('GET /open HTTP/1.1', ['Authorization: Basic YTpi']);
  expect([judged.status, JSON.parse(judged.body).reason, judged.heads]).toEqual([403, 'authorization_seen', []]);
});
