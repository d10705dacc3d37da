import { SignJWT } from 'jose';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/app/clock.ts';
import type { CredentialLookup } from '../../src/core/credential.ts';
import type { Clock, Log } from '../../src/core/ports.ts';
import { type IssuerOptions, openBearer, type TokenStore } from '../../src/identity/authenticators/bearer.ts';
import { openTestGateway, seen, type TestGateway, type TestGatewayOptions } from '../support/gateway.ts';
import { type KeyServer, openKeyServer, type SigningPair, signingPair } from '../support/issuer.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';

const ISSUER = 'https://issuer.test';
let first: SigningPair;
let second: SigningPair;
beforeAll(async () => {
  [first, second] = await Promise.all([signingPair('ES256', 'first'), signingPair('ES256', 'second')]);
});

const tokenOf = (
  pair: SigningPair,
  claims: Record<string, unknown> = {},
  life = 300,
  at = Date.now(),
): Promise<string> => {
  const now = Math.floor(at / 1000);
  return new SignJWT({ groups: ['staff'], ...claims })
    .setProtectedHeader({ alg: pair.alg, kid: pair.kid })
    .setIssuer(ISSUER)
    .setAudience('api')
    .setSubject('svc')
    .setIssuedAt(now)
    .setExpirationTime(now + life)
    .sign(pair.privateKey);
};

async function served(...keys: readonly object[]): Promise<KeyServer> {
  const server = await openKeyServer(keys);
  onTestFinished(server.close);
  return server;
}

async function application(): Promise<RecordingUpstream> {
  const upstream = await openUpstream();
  onTestFinished(upstream.close);
  return upstream;
}

/** Time that a test moves, for both of the clock's hands. */
function movableClock(): Clock & { pass(ms: number): void } {
  const system = systemClock();
  let offset = 0;
  return {
    now: () => system.now() + offset,
    monotonic: () => system.monotonic() + offset,
    pass(ms) {
      offset += ms;
    },
  };
}

const identity = (jwks: string): string =>
  `identity: { providers: [{ id: services, type: jwt, issuer: "${ISSUER}", jwks: "${jwks}", audience: api }] }\n`;

/** A gateway that takes tokens with the keys of `jwks`; undefined: no tokens at all. */
async function gatewayFor(
  upstream: RecordingUpstream,
  jwks: string | undefined,
  more: Partial<TestGatewayOptions> = {},
): Promise<TestGateway & { ask(token: string, path?: string): Promise<number> }> {
  const routes = `
routes:
  - { route: open, upstream: "${upstream.origin}", match: { path: /open }, public: true }
  - { route: app, upstream: "${upstream.origin}", policy: staff }
`;
  const gate = await openTestGateway({
    ...(more.store === undefined && { storeBornAgo: 3_600_000 }),
    ...more,
    config: `${jwks === undefined ? '' : identity(jwks)}${more.config ?? routes}`,
  });
  onTestFinished(gate.close);
  const ask = async (token: string, path = '/'): Promise<number> =>
    (await gate.send(`GET ${path} HTTP/1.1`, [`Authorization: Bearer ${token}`])).status;
  return { ...gate, ask };
}

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** A store that says what a test wants. */
function quietStore() {
  const state = { position: 'a:1', birth: { id: 'a', at: 0 }, blocked: new Set<string>() };
  const store: TokenStore = {
    blockOf: ({ provider }, jti) => (state.blocked.has(`${provider}/${jti}`) ? 'blk_x' : undefined),
    position: () => state.position,
    birth: () => state.birth,
  };
  return { state, store };
}

async function bearerFor(jwks: string, store: TokenStore, clock: Clock = systemClock()) {
  const issuer: IssuerOptions = {
    provider: 'services',
    issuer: ISSUER,
    jwks,
    audience: ['api'],
    algorithms: ['ES256'],
    maxAgeMs: 3_600_000,
    leewayMs: 0,
    groupsClaim: 'groups',
    rolesClaim: undefined,
    acrLevels: { 'urn:example:mfa': 'medium' },
  };
  const counted: string[] = [];
  const bearer = openBearer({ clock, log: SILENT, store, count: (result) => counted.push(result) }, [issuer]);
  await bearer.start();
  onTestFinished(() => bearer.close(0));
  return { bearer, issuer, counted };
}

describe('a token that was verified', () => {
  it('is found again at once, as the same entry, until its last millisecond', async () => {
    const server = await served(first.jwk);
    const { bearer, counted } = await bearerFor(server.url, quietStore().store);
    const at = Math.floor(Date.now() / 1000) * 1000;
    const token = await tokenOf(first, {}, 300, at);
    const entry = await bearer.look(token, at);
    expect(entry).toMatchObject({ state: 'valid', session: undefined, expiresAt: at + 300_000 });
    expect(entry.state === 'valid' && entry.proofs).toEqual([{ method: undefined, level: 'none', at }]);
    expect(bearer.look(token, at + 299_999)).toBe(entry);
    expect(await bearer.look(token, at + 300_000)).toEqual({ state: 'unknown', detail: 'expired' });
    expect(await bearer.look(token, Number.NaN)).toEqual({ state: 'unknown', detail: 'expired' });
    expect(counted).toEqual(['success', 'invalid_token', 'invalid_token']);
  });

  it('is looked at again whenever the store moved, still at once', async () => {
    const server = await served(first.jwk);
    const { state, store } = quietStore();
    const { bearer } = await bearerFor(server.url, store);
    const token = await tokenOf(first, { jti: 'j' });
    const now = Date.now();
    const entry = await bearer.look(token, now);
    state.position = 'a:2';
    expect(bearer.look(token, now)).toBe(entry);
    state.blocked.add('services/j');
    expect(bearer.look(token, now)).toBe(entry);
    state.position = 'a:3';
    expect(bearer.look(token, now)).toEqual({ state: 'blocked', detail: 'blk_x' });
    expect(await bearer.look(token, now)).toEqual({ state: 'blocked', detail: 'blk_x' });
  });

  it('counts no more once its key is published no more', async () => {
    const server = await served(first.jwk, second.jwk);
    const { bearer } = await bearerFor(server.url, quietStore().store);
    const [old, other] = [await tokenOf(first), await tokenOf(second)];
    const now = Date.now();
    const [entry, kept] = [await bearer.look(old, now), await bearer.look(other, now)];
    server.publish([second.jwk]);
    const unknown = await signingPair('ES256', 'unknown');
    expect(await bearer.look(await tokenOf(unknown), now)).toMatchObject({ detail: 'no such key' });
    expect(bearer.look(other, now)).toBe(kept);
    expect(entry.state).toBe('valid');
    expect(await bearer.look(old, now)).toMatchObject({ state: 'unknown', detail: 'no such key' });
  });

  it('from before a store that was emptied under the gateway counts no more (security rule 23)', async () => {
    const server = await served(first.jwk);
    const { state, store } = quietStore();
    const { bearer } = await bearerFor(server.url, store);
    const now = Date.now();
    const token = await tokenOf(first, {}, 300, now - 2000);
    expect((await bearer.look(token, now)).state).toBe('valid');
    Object.assign(state, { position: 'b:0', birth: { id: 'b', at: now } });
    expect(await bearer.look(token, now)).toMatchObject({ state: 'unknown' });
    expect((await bearer.look(await tokenOf(first, {}, 300, now + 1000), now + 1000)).state).toBe('valid');
  });

  it('from before the birth that was found at the start counts as little, the second of the birth included', async () => {
    const server = await served(first.jwk);
    const { state, store } = quietStore();
    const second = Math.floor(Date.now() / 1000) * 1000;
    state.birth.at = second - 500;
    const { bearer } = await bearerFor(server.url, store);
    const look = async (at: number) => bearer.look(await tokenOf(first, {}, 300, at), second);
    expect(await look(second - 1000)).toEqual({ state: 'unknown', detail: 'from before the birth of the store' });
    expect((await look(second)).state).toBe('valid');
    state.birth.at = Number.NaN;
    state.position = 'a:2';
    expect((await look(second)).state).toBe('unknown');
  });

  it('proves what its acr is worth now, and not under a former configuration', async () => {
    const server = await served(first.jwk);
    const { bearer, issuer } = await bearerFor(server.url, quietStore().store);
    const now = Math.floor(Date.now() / 1000) * 1000;
    const claims = { acr: 'urn:example:mfa', auth_time: now / 1000 - 60, amr: ['totp'] };
    const token = await tokenOf(first, claims, 300, now);
    const proofs = async () => {
      const found = await bearer.look(token, now);
      return found.state === 'valid' ? found.proofs : found;
    };
    expect(await proofs()).toEqual([{ method: 'totp', level: 'medium', at: now - 60_000 }]);
    bearer.configure([{ ...issuer, acrLevels: { 'urn:example:mfa': 'low' } }]);
    expect(await proofs()).toEqual([{ method: 'totp', level: 'low', at: now - 60_000 }]);
    bearer.configure([{ ...issuer, acrLevels: {} }]);
    expect(await proofs()).toEqual([{ method: undefined, level: 'none', at: now }]);
  });

  it('is forgotten with another configuration; an issuer that stays keeps its keys', async () => {
    const server = await served(first.jwk);
    const { bearer, issuer } = await bearerFor(server.url, quietStore().store);
    const [token, now] = [await tokenOf(first), Date.now()];
    const entry = await bearer.look(token, now);
    bearer.configure([{ ...issuer }]);
    expect(await bearer.look(token, now)).not.toBe(entry);
    expect(server.asked).toBe(1);
    bearer.configure([{ ...issuer, audience: ['elsewhere'] }]);
    expect(await bearer.look(token, now)).toMatchObject({ state: 'unknown' });
    bearer.configure([]);
    expect(await bearer.look(token, now)).toMatchObject({ detail: 'of an issuer that is not configured' });
  });

  it('a store that is gone is no answer', async () => {
    const server = await served(first.jwk);
    const { store } = quietStore();
    const gone: TokenStore = {
      ...store,
      blockOf: () => Promise.reject(new Error('gone')),
    };
    const { bearer } = await bearerFor(server.url, gone);
    await expect(bearer.look(await tokenOf(first, { jti: 'j' }), Date.now())).rejects.toThrow('gone');
  });
});

describe('a whole gateway', () => {
  it('nothing of the store is read for a token that is known', async () => {
    const [upstream, server] = [await application(), await served(first.jwk)];
    const gate = await gatewayFor(upstream, server.url);
    const token = await tokenOf(first, { jti: 'j' });
    expect(await gate.ask(token)).toBe(200);
    const { store } = gate.gateway.services;
    const { get } = store;
    const read: string[] = [];
    store.get = (key) => {
      read.push(key.name);
      return get(key);
    };
    expect(await gate.ask(token)).toBe(200);
    expect(read).toEqual([]);
  });

  it('a blocked token is refused with the next request, on every gateway with that store, and only that one', async () => {
    const [upstream, server] = [await application(), await served(first.jwk)];
    const here = await gatewayFor(upstream, server.url);
    const there = await gatewayFor(upstream, server.url, { store: `{ path: "${here.directory}/data" }` });
    const [token, other] = [await tokenOf(first, { jti: 'bad' }), await tokenOf(first, { jti: 'good' })];
    for (const gate of [here, there]) expect([await gate.ask(token), await gate.ask(other)]).toEqual([200, 200]);
    const { blocks } = here.gateway.services;
    const subject = { kind: 'token', provider: 'services', jti: 'bad' } as const;
    const block = await blocks.add(subject, { until: Date.now() + 300_000, by: 'cli:root', reason: 'leaked' });
    upstream.reset();
    for (const gate of [here, there]) {
      expect([await gate.ask(token), await gate.ask(token, '/open'), await gate.ask(other)]).toEqual([403, 200, 200]);
    }
    expect(upstream.hits.filter(({ rawHeaders }) => seen(rawHeaders, 'x-forwarded-user') === '')).toHaveLength(2);
    expect(await there.gateway.services.blocks.remove(block?.id ?? 'blk_')).toBe(true);
    expect(await here.ask(token)).toBe(200);
    expect(await there.ask(token)).toBe(200);
  });

  it('an issuer that was never reached: 503 and not 401, public routes go on, and it recovers by itself', async () => {
    const clock = movableClock();
    const [upstream, server] = [await application(), await served(first.jwk)];
    server.misbehave((response) => void response.destroy());
    const gate = await gatewayFor(upstream, server.url, { clock });
    const token = await tokenOf(first);
    const answer = await gate.send('GET / HTTP/1.1', [`Authorization: Bearer ${token}`]);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    expect(JSON.parse(answer.body)).toMatchObject({ reason: 'issuer_unavailable' });
    expect(upstream.hits).toHaveLength(0);
    expect(await gate.ask(token, '/open')).toBe(200);
    expect(seen(upstream.newest().rawHeaders, 'x-forwarded-user')).toBe('');
    expect(seen(upstream.newest().rawHeaders, 'authorization')).toBe(undefined);
    server.misbehave(undefined);
    clock.pass(1000);
    expect(await gate.ask(token)).toBe(200);
  });

  it('an issuer that is gone: tokens of known keys are good for a day, new ones too', async () => {
    const clock = movableClock();
    const [upstream, server] = [await application(), await served(first.jwk)];
    const gate = await gatewayFor(upstream, server.url, { clock });
    const token = await tokenOf(first);
    expect(await gate.ask(token)).toBe(200);
    await server.close();
    expect([await gate.ask(token), await gate.ask(await tokenOf(first, { n: 1 }))]).toEqual([200, 200]);
    expect(await gate.ask(await tokenOf(second))).toBe(401);
    clock.pass(86_400_000);
    expect(await gate.ask(await tokenOf(first, {}, 300, clock.now()))).toBe(503);
  });

  it('keys rotate without anybody’s doing', async () => {
    const [upstream, server] = [await application(), await served(first.jwk)];
    const gate = await gatewayFor(upstream, server.url);
    expect(await gate.ask(await tokenOf(first))).toBe(200);
    server.publish([first.jwk, second.jwk]);
    expect(await gate.ask(await tokenOf(second))).toBe(200);
    expect(await gate.ask(await tokenOf(first, { n: 1 }))).toBe(200);
    expect(server.asked).toBe(2);
  });

  it('keys come from a file, beside the configuration', async () => {
    const upstream = await application();
    const gate = await gatewayFor(upstream, 'keys.json', {
      files: { 'keys.json': JSON.stringify({ keys: [first.jwk] }) },
    });
    expect(await gate.ask(await tokenOf(first))).toBe(200);
    expect(await gate.ask(await tokenOf(second))).toBe(401);
    gate.write('keys.json', JSON.stringify({ keys: [second.jwk, first.jwk] }));
    await gate.logs(/"keys":2/);
    expect(await gate.ask(await tokenOf(second))).toBe(200);
  });

  it('without an issuer Authorization is the application’s own business', async () => {
    const upstream = await application();
    const gate = await gatewayFor(upstream, undefined);
    expect(await gate.ask('x.y.z', '/open')).toBe(200);
    expect(seen(upstream.newest().rawHeaders, 'authorization')).toBe('Bearer x.y.z');
  });

  it('policies tell programs from people, know how old a token is, and ask for more than it proves', async () => {
    const clock = movableClock();
    const [upstream, server] = [await application(), await served(first.jwk)];
    const gate = await gatewayFor(upstream, server.url, {
      clock,
      policies: {
        'api.yaml': `
version: 1
policy: api
rules:
  - { allow: programs, when: { identity.kind: service, identity.provider: services, identity.claims.scope: read } }
  - { deny: stale, when: { identity.auth_age: { above: 1m } } }
  - { step_up: strong, when: { request.path: /strong }, require: { level: medium } }
`,
      },
      config: `routes:\n  - { route: app, upstream: "${upstream.origin}", policy: api }\n`,
    });
    const program = await tokenOf(first, { client_id: 'svc', scope: 'read' });
    expect(await gate.ask(program)).toBe(200);
    expect(await gate.ask(await tokenOf(first, { client_id: 'web', scope: 'read' }))).toBe(403);
    const answer = await gate.send('GET /strong HTTP/1.1', [`Authorization: Bearer ${program}`]);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer error="insufficient_user_authentication"/);
    clock.pass(61_000);
    expect(await gate.ask(program)).toBe(403);
    clock.pass(260_000);
    expect(await gate.ask(program)).toBe(401);
  });
});

it('refuses what it was given as a look-up', async () => {
  const server = await served(first.jwk);
  const { bearer } = await bearerFor(server.url, quietStore().store);
  const states: CredentialLookup['state'][] = [];
  for (const text of ['', 'x', 'a.b.c', 'x'.repeat(8193)]) states.push((await bearer.look(text, 1)).state);
  expect(states).toEqual(['unknown', 'unknown', 'unknown', 'unknown']);
});
