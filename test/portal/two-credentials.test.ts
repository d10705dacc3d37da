import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestGateway, type TestGateway } from '../support/gateway.ts';
import { type KeyServer, openKeyServer, part, type SigningPair, signingPair, signRaw } from '../support/issuer.ts';
import type { RawAnswer } from '../support/raw.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';

/** A browser whose requests carry a token besides its cookie, as an extension or a proxy on the way may add one. */
const ISSUER = 'https://issuer.test';
let upstream: RecordingUpstream;
let keys: KeyServer;
let gate: TestGateway;
let pair: SigningPair;
let cookie: string;

beforeAll(async () => {
  pair = await signingPair('ES256', 'k');
  [upstream, keys] = await Promise.all([openUpstream(), openKeyServer([pair.jwk])]);
  gate = await openTestGateway({
    storeBornAgo: 3_600_000,
    config: `
identity: { providers: [{ id: staff, type: local }, { id: services, type: jwt, issuer: "${ISSUER}", jwks: "${keys.url}", audience: api }] }
routes:
  - { route: app, upstream: "${upstream.origin}", policy: staff, user_prefix: true }
`,
  });
  await gate.addUser('ann');
});
afterAll(async () => {
  await gate.close();
  await Promise.all([upstream.close(), keys.close()]);
});
beforeEach(async () => {
  cookie = await gate.signIn('ann');
});

const now = (): number => Math.floor(Date.now() / 1000);
const claims = () => ({ iss: ISSUER, aud: 'api', sub: 'svc', groups: ['staff'], iat: now(), exp: now() + 300 });
const TOKENS: readonly (readonly [name: string, make: () => Promise<string> | string])[] = [
  ['a good token', () => signRaw(pair, { alg: 'ES256', kid: 'k' }, claims())],
  ['a token that is not valid', () => `${part({ alg: 'none' })}.${part(claims())}.`],
  ['what is no token', () => 'x y z'],
  ['a token of ours', () => 'spt_0123456789'],
];
const HTML = 'Accept: text/html';
const FORM = [
  'Origin: http://app.test',
  'Sec-Fetch-Site: same-origin',
  'Content-Type: application/x-www-form-urlencoded',
];

async function live(): Promise<boolean> {
  return (await gate.send('GET /x HTTP/1.1', [`Cookie: sallyport=${cookie}`])).status === 200;
}

describe.each(TOKENS)('pages for people go by the cookie, whatever comes along: %s', (_name, make) => {
  let both: readonly string[];
  beforeEach(async () => {
    both = [`Cookie: sallyport=${cookie}`, `Authorization: Bearer ${await make()}`, HTML];
  });
  const get = (path: string): Promise<RawAnswer> => gate.send(`GET /.sallyport/${path} HTTP/1.1`, both);
  const post = (path: string, fields: Readonly<Record<string, string>>): Promise<RawAnswer> => {
    const body = new URLSearchParams(fields).toString();
    return gate.send(`POST /.sallyport/${path} HTTP/1.1`, [...both, ...FORM, `Content-Length: ${body.length}`], body);
  };
  const csrfOf = (answer: RawAnswer): string => /name="csrf" value="([^"]+)"/.exec(answer.body)?.[1] ?? '';

  it('login knows that the person is signed in, and takes no cookie away', async () => {
    const answer = await get('login?return_to=%2Fx');
    expect([answer.status, answer.headers.get('location'), answer.setCookies]).toEqual([303, '/x', []]);
    expect(await live()).toBe(true);
  });

  it('logout asks the person, ends their session, and only then takes the cookie away', async () => {
    const page = await get('logout');
    expect([page.status, page.setCookies]).toEqual([200, []]);
    expect(page.body).toContain('<strong>ann</strong>');
    const refused = await post('logout', { csrf: 'x' });
    expect([refused.status, refused.setCookies, await live()]).toEqual([403, [], true]);
    const done = await post('logout', { csrf: csrfOf(page) });
    expect(done.status).toBe(303);
    expect(done.setCookies.join()).toMatch(/^sallyport=; .*Max-Age=0/);
    expect(await live()).toBe(false);
  });

  it('me, its JSON and step-up are the person’s', async () => {
    const page = await get('me');
    expect([page.status, page.setCookies]).toEqual([200, []]);
    expect(page.body).toContain('ann');
    const { sessions } = JSON.parse((await get('me/sessions')).body);
    expect(sessions.filter(({ current }: { current: boolean }) => current)).toHaveLength(1);
    expect((await get('step-up')).status).toBe(403);
    const ended = await post('me/sessions', { csrf: csrfOf(page), action: 'end_all' });
    expect([ended.status, await live()]).toEqual([303, false]);
  });
});

describe('a token without a cookie', () => {
  it.each(TOKENS)('%s: is nobody on pages for people', async (_name, make) => {
    const headers = [`Authorization: Bearer ${await make()}`];
    for (const path of ['me', 'me/sessions', 'me/factors', 'step-up']) {
      const answer = await gate.send(`GET /.sallyport/${path} HTTP/1.1`, headers);
      expect([answer.status, JSON.parse(answer.body).reason]).toEqual([401, 'login_required']);
    }
    expect((await gate.send('GET /.sallyport/login HTTP/1.1', headers)).status).toBe(200);
    expect((await gate.send('GET /.sallyport/logout HTTP/1.1', headers)).status).toBe(200);
  });
});

describe('userinfo is for programs', () => {
  it('tells who the token is, and refuses one that is not valid, whatever cookie comes along', async () => {
    for (const [, make] of TOKENS) {
      const answer = await gate.send('GET /.sallyport/userinfo HTTP/1.1', [
        `Cookie: sallyport=${cookie}`,
        `Authorization: Bearer ${await make()}`,
      ]);
      const { user, reason } = JSON.parse(answer.body);
      expect([answer.status, user, reason]).toEqual(
        make === TOKENS[0]?.[1] ? [200, 'services:svc', undefined] : [401, undefined, 'invalid_token'],
      );
      expect(answer.setCookies).toEqual([]);
    }
  });
});

it('public keys are for everybody: no credential is looked up for them, nor for a path that there is not', async () => {
  const { store } = gate.gateway.services;
  const { position } = store;
  let asked = 0;
  store.position = () => {
    asked += 1;
    return position();
  };
  const count = async (path: string, headers: readonly string[]): Promise<readonly number[]> => {
    asked = 0;
    const { status } = await gate.send(`GET /.sallyport/${path} HTTP/1.1`, headers);
    return [status, asked];
  };
  try {
    for (const path of ['jwks.json', 'nothing']) {
      const plain = await count(path, []);
      for (const [, make] of TOKENS) {
        const headers = [`Cookie: sallyport=${cookie}`, `Authorization: Bearer ${await make()}`];
        expect(await count(path, headers)).toEqual(plain);
      }
    }
  } finally {
    store.position = position;
  }
});
