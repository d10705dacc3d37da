import { createLocalJWKSet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signAssertion } from '../../src/identity/assertion.ts';
import { bodyOf, headerOf } from './browser.ts';
import { openWorld, PASSWORD, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

test('one row says how each endpoint is called and protected', () => {
  expect(
    world.endpoints.map(({ path, methods, csrf, credentials }) => [
      path,
      methods.join(' '),
      csrf,
      credentials.join(' '),
    ]),
  ).toEqual([
    ['login', 'GET HEAD POST', 'form', 'cookie'],
    ['logout', 'GET HEAD POST', 'form', 'cookie'],
    ['step-up', 'GET HEAD POST', 'form', 'cookie'],
    ['me', 'GET HEAD', 'none', 'cookie'],
    ['me/sessions', 'GET HEAD POST', 'form', 'cookie'],
    ['me/factors', 'GET HEAD POST', 'form', 'cookie'],
    ['userinfo', 'GET HEAD', 'none', 'bearer cookie'],
    ['jwks.json', 'GET HEAD', 'none', ''],
  ]);
});

describe('signing out', () => {
  test('GET only asks', async () => {
    const browser = world.browser();
    await browser.signIn('ann', PASSWORD);
    const answer = await browser.get('logout');
    expect(answer.status).toBe(200);
    expect(bodyOf(answer)).toContain('<strong>ann</strong>');
    expect(await world.sessionOf(browser.sessionCookie ?? '')).toBeDefined();
  });
  test('POST ends the session everywhere, is on disk, and takes the cookie away', async () => {
    const browser = world.browser();
    await browser.signIn('ann', PASSWORD);
    const cookie = browser.sessionCookie ?? '';
    const { csrf } = await browser.openForm('logout');
    world.durable.length = 0;
    const answer = await browser.post('logout', { csrf: csrf ?? '' });
    expect([answer.status, headerOf(answer, 'Location')]).toEqual([303, ['/.sallyport/logout']]);
    expect(browser.sessionCookie).toBeUndefined();
    expect(await world.sessionOf(cookie)).toBeUndefined();
    expect(world.durable).toEqual([
      expect.objectContaining({ action: 'sign_out', user: 'staff:ann', result: 'success' }),
    ]);
    expect(bodyOf(await browser.get('logout'))).toContain('You are signed out');
  });
  test("needs Origin and this very session's token", async () => {
    const [mine, theirs] = [world.browser(), world.browser()];
    await mine.signIn('ann', PASSWORD);
    await theirs.signIn('bob', PASSWORD);
    const { csrf } = await mine.openForm('logout');
    const { csrf: foreign } = await theirs.openForm('logout');
    for (const answer of [
      await mine.post('logout', { csrf: foreign ?? '' }),
      await mine.post('logout', {}),
      await mine.post('logout', { csrf: csrf ?? '' }, { headers: ['Origin', 'https://evil.example'] }),
      await mine.post('logout', { csrf: csrf ?? '' }, { headers: [] }),
    ]) {
      expect(answer.status).toBe(403);
    }
    expect(await world.sessionOf(mine.sessionCookie ?? '')).toBeDefined();
  });
  test('nobody is signed out already', async () => {
    const browser = world.browser();
    expect((await browser.get('logout')).status).toBe(200);
    expect((await browser.post('logout', {})).status).toBe(303);
  });
});

describe('userinfo', () => {
  test('nobody', async () => {
    const answer = await world.browser().get('userinfo');
    expect(answer.status).toBe(200);
    expect(headerOf(answer, 'Content-Type')).toEqual(['application/json']);
    expect(headerOf(answer, 'Cache-Control')).toEqual(['no-store']);
    expect(JSON.parse(bodyOf(answer))).toEqual({ authenticated: false });
  });
  test('somebody: who, with what proof, and no secret', async () => {
    const browser = world.browser();
    await browser.signIn('ann', PASSWORD);
    const answer = await browser.get('userinfo');
    const session = await world.sessionOf(browser.sessionCookie ?? '');
    expect(JSON.parse(bodyOf(answer))).toEqual({
      authenticated: true,
      user: 'staff:ann',
      sub: 'ann',
      provider: 'staff',
      kind: 'person',
      email: 'ann@example.com',
      groups: ['finance'],
      permissions: [],
      roles: ['editor'],
      sid: session?.id,
      assurance: 'none',
      acr: 'urn:sallyport:acr:none',
      amr: ['password'],
      session: {
        id: session?.id,
        created_at: new Date(session?.createdAt ?? 0).toISOString(),
        last_activity_at: new Date(session?.lastActivityAt ?? 0).toISOString(),
        expires_at: new Date(session?.absoluteExpiryAt ?? 0).toISOString(),
      },
    });
    const secret = (browser.sessionCookie ?? '').split('.')[1] ?? '';
    expect(secret.length).toBeGreaterThan(40);
    expect(bodyOf(answer)).not.toContain(secret);
  });
});

describe('jwks.json', () => {
  test('holds public parts only, even of a whole key, and may be cached', async () => {
    const answer = await world.browser().get('jwks.json');
    expect(answer.status).toBe(200);
    expect(headerOf(answer, 'Cache-Control')).toEqual(['public, max-age=300']);
    expect(JSON.parse(bodyOf(answer))).toEqual({
      keys: [{ kty: 'OKP', kid: 'k1', use: 'sig', alg: 'EdDSA', crv: 'Ed25519', x: expect.any(String) }],
    });
  });
  test('verifies an assertion', async () => {
    const token = signAssertion(
      { kid: 'k1', alg: 'EdDSA', privateKey: world.privateKey },
      {
        issuer: 'https://auth.example.com',
        audience: 'wiki',
        sub: 'ann',
        provider: 'staff',
        email: undefined,
        groups: [],
        level: 'none',
        methods: ['password'],
        sid: 'ses_x',
      },
      world.clock.now(),
    );
    const keys = createLocalJWKSet(JSON.parse(bodyOf(await world.browser().get('jwks.json'))));
    const { payload } = await jwtVerify(token, keys, {
      algorithms: ['EdDSA'],
      issuer: 'https://auth.example.com',
      audience: 'wiki',
      requiredClaims: ['exp', 'sub', 'iat'],
      currentDate: new Date(world.clock.now()),
    });
    expect(payload).toMatchObject({ sub: 'ann', acr: 'urn:sallyport:acr:none' });
  });
});
