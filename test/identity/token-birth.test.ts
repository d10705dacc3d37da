import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { temporaryDirectory } from '../stores/directory.ts';
import { bearStore, openTestGateway, type TestGateway } from '../support/gateway.ts';
import { type KeyServer, openKeyServer, type SigningPair, signingPair, signRaw } from '../support/issuer.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';

const ISSUER = 'https://issuer.test';
let pair: SigningPair;
let keys: KeyServer;
let upstream: RecordingUpstream;
/** where the store lies; gateways come and go */
let data: string;

beforeAll(async () => {
  pair = await signingPair('ES256', 'k');
  [keys, upstream] = await Promise.all([openKeyServer([pair.jwk]), openUpstream()]);
});
afterAll(async () => {
  await Promise.all([keys.close(), upstream.close()]);
});
beforeEach(() => {
  const directory = temporaryDirectory();
  onTestFinished(directory.remove);
  data = join(directory.path, 'data');
  upstream.reset();
});

/** A gateway on the store in `data`. */
async function start(): Promise<TestGateway> {
  const gate = await openTestGateway({
    store: `{ path: "${data}" }`,
    config: `
identity: { providers: [{ id: services, type: jwt, issuer: "${ISSUER}", jwks: "${keys.url}", audience: api }] }
routes:
  - { route: open, upstream: "${upstream.origin}", match: { path: /open }, public: true }
  - { route: app, upstream: "${upstream.origin}", policy: staff }
`,
  });
  onTestFinished(gate.close);
  return gate;
}

/** A token that was issued so many seconds ago. */
const tokenOf = (jti: string, ago = 0): Promise<string> => {
  const iat = Math.floor(Date.now() / 1000) - ago;
  const claims = { iss: ISSUER, aud: 'api', sub: 'svc', groups: ['staff'], jti, iat, exp: iat + 3600 };
  return signRaw(pair, { alg: 'ES256', kid: 'k' }, claims);
};
const ask = async (gate: TestGateway, token: string, path = '/'): Promise<number> =>
  (await gate.send(`GET ${path} HTTP/1.1`, [`Authorization: Bearer ${token}`])).status;
const block = async (gate: TestGateway, jti: string): Promise<boolean> => {
  const until = Date.now() + 3_600_000;
  const subject = { kind: 'token', provider: 'services', jti } as const;
  return (await gate.gateway.services.blocks.add(subject, { until, by: 'test', reason: 'leaked' })) !== undefined;
};

it.each<[string, () => void]>([
  ['emptied', () => rmSync(join(data, 'store'), { recursive: true })],
  ['deleted with all that was remembered of it', () => rmSync(data, { recursive: true })],
  [
    'rolled back to before the block',
    () => {
      rmSync(join(data, 'store'), { recursive: true });
      cpSync(join(data, 'copy'), join(data, 'store'), { recursive: true });
    },
  ],
])('a store that was %s while the gateway was down revives no blocked token', async (_name, lose) => {
  await bearStore(data, 3_600_000);
  const [blocked, other] = [await tokenOf('blocked', 5), await tokenOf('other', 5)];
  const first = await start();
  expect(await ask(first, blocked)).toBe(200);
  await first.gateway.close(1000);
  cpSync(join(data, 'store'), join(data, 'copy'), { recursive: true });
  const second = await start();
  expect(await ask(second, blocked)).toBe(200);
  expect(await block(second, 'blocked')).toBe(true);
  expect(await ask(second, blocked)).toBe(403);
  await second.gateway.close(1000);

  lose();
  upstream.reset();
  const third = await start();
  // nobody knows any more which of them it was
  expect([await ask(third, blocked), await ask(third, other)]).toEqual([401, 401]);
  expect(upstream.hits).toHaveLength(0);
  expect(await ask(third, blocked, '/open')).toBe(200);
  expect(upstream.newest().rawHeaders.join()).not.toMatch(/svc|eyJ/);
  expect(await ask(third, await tokenOf('new'))).toBe(200);
});

it('a first start takes every token that is issued from then on, and none from before', async () => {
  const before = await tokenOf('before');
  const gate = await start();
  expect([await ask(gate, await tokenOf('after')), await ask(gate, before)]).toEqual([200, 401]);
});

it('a store that stays has tokens from before the start count on, and blocks too', async () => {
  await bearStore(data, 3_600_000);
  const [good, bad] = [await tokenOf('good', 60), await tokenOf('bad', 60)];
  const first = await start();
  expect(await block(first, 'bad')).toBe(true);
  await first.gateway.close(1000);
  const second = await start();
  expect([await ask(second, good), await ask(second, bad)]).toEqual([200, 403]);
});
