import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { openBlackHole } from '../support/black-hole.ts';
import { sallyport } from '../support/command.ts';
import { PASSWORD, sessionCookieOf, signInOver } from '../support/gateway.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';
import { configured, type GatewayProcess, metric, readiness, startGateway, until } from './process.ts';

const SECRETS = 'secrets: { cookie: "0123456789abcdef0123456789abcdef" }';

// every test starts several processes
vi.setConfig({ testTimeout: 60_000 });

let upstream: RecordingUpstream;
let redis: RedisServer;
/** a third machine, for commands */
let shell: string;
beforeEach(async () => {
  upstream = await openUpstream();
  redis = await startRedis();
  shell = machine();
  await addAnn();
});
afterEach(async () => {
  await redis.stop();
  await upstream.close();
});

const routes = (): string => `routes:
  - { route: app, match: { host: app.test }, upstream: "${upstream.origin}", policy: staff }
  - { route: open, match: { host: app.test, path: /open }, upstream: "${upstream.origin}", public: true }`;
/** A machine of its own: a directory, and the server at `port`. */
const machine = (port = redis.port): string =>
  configured(`store: { path: data, redis: "redis://127.0.0.1:${port}" }\n${SECRETS}\n${routes()}`);
const gatewayOn = (port?: number): Promise<GatewayProcess> => startGateway(machine(port));

const command = (...args: string[]) => sallyport([...args, '--config', join(shell, 'sallyport.yaml')]);
async function addAnn(): Promise<void> {
  const args = [
    'user',
    'add',
    'ann',
    '--groups',
    'staff',
    '--password-stdin',
    '--config',
    join(shell, 'sallyport.yaml'),
  ];
  expect(await sallyport(args, { input: `${PASSWORD}\n` })).toMatchObject({ code: 0, stderr: '' });
}

const signIn = async ({ send }: GatewayProcess): Promise<string> =>
  sessionCookieOf((await signInOver(send, 'ann', PASSWORD)).answer);
const ask = async ({ send }: GatewayProcess, cookie: string, path = `/${randomUUID()}`): Promise<number> =>
  (await send(`GET ${path} HTTP/1.1`, [`Cookie: sallyport=${cookie}`])).status;
async function idOf({ send }: GatewayProcess, cookie: string): Promise<string> {
  const answer = await send('GET /.sallyport/userinfo HTTP/1.1', [`Cookie: sallyport=${cookie}`]);
  return JSON.parse(answer.body).session.id;
}

describe('two gateways on two machines, one Redis', () => {
  it('what is blocked on a third machine is refused by both with the next request, and let in again when it is lifted', async () => {
    const gates = [await gatewayOn(), await gatewayOn()] as const;
    const cookie = await signIn(gates[0]);
    const all = () => Promise.all(gates.flatMap((gate) => [ask(gate, cookie), ask(gate, 'none', '/open')]));
    expect(await all()).toEqual([200, 200, 200, 200]);
    for (const [args, answers] of [
      [
        ['address', '127.0.0.0/8', '--force'],
        [403, 403, 403, 403],
      ],
      [
        ['user', 'ann'],
        [403, 200, 403, 200],
      ],
    ] as const) {
      const { code, stdout, stderr } = await command('block', 'add', ...args, '--json');
      expect([code, stderr]).toEqual([0, '']);
      upstream.reset();
      expect(await all()).toEqual(answers);
      expect(upstream.hits).toHaveLength(answers.filter((status) => status === 200).length);
      expect((await command('block', 'remove', JSON.parse(stdout).id)).code).toBe(0);
      expect(await all()).toEqual([200, 200, 200, 200]);
    }
  });

  it('a session of one is good on the other, and what is ended anywhere is refused by both from the next request on', async () => {
    const gates = [await gatewayOn(), await gatewayOn()] as const;
    const cookie = await signIn(gates[0]);
    for (const gate of gates) expect(await ask(gate, cookie)).toBe(200);
    expect((await command('session', 'revoke', await idOf(gates[1], cookie))).code).toBe(0);
    upstream.reset();
    for (const gate of gates) expect(await ask(gate, cookie)).toBe(401);
    const more = [await signIn(gates[0]), await signIn(gates[1])];
    for (const each of more) for (const gate of gates) expect(await ask(gate, each)).toBe(200);
    expect((await command('session', 'revoke', '--user', 'ann')).code).toBe(0);
    upstream.reset();
    for (const each of more) for (const gate of gates) expect(await ask(gate, each)).toBe(401);
    expect(upstream.hits).toHaveLength(0);
    for (const gate of gates) expect(await metric(gate.adminPort, 'sallyport_store_up')).toBe(1);
  });

  it('a form of one is good on the other, and both sign with the same keys', async () => {
    const gates = [await gatewayOn(), await gatewayOn()] as const;
    const keys = await Promise.all(
      gates.map(async ({ send }) => (await send('GET /.sallyport/jwks.json HTTP/1.1')).body),
    );
    expect(keys[0]).toBe(keys[1]);
    const form = await gates[0].send('GET /.sallyport/login HTTP/1.1', ['Accept: text/html']);
    const csrf = /name="csrf" value="([^"]+)"/.exec(form.body)?.[1] ?? '';
    const body = new URLSearchParams({ username: 'ann', password: PASSWORD, csrf }).toString();
    const headers = ['Origin: http://app.test', 'Content-Type: application/x-www-form-urlencoded'];
    const own = [`Content-Length: ${body.length}`, `Cookie: ${form.setCookies[0]?.split(';')[0]}`];
    const answer = await gates[1].send('POST /.sallyport/login HTTP/1.1', [...headers, ...own], body);
    expect(await ask(gates[0], sessionCookieOf(answer))).toBe(200);
  });

  it('one whose link is cut without a word admits nothing that was revoked since', async () => {
    const hole = await openBlackHole(redis.port);
    onTestFinished(() => hole.close());
    const [cut, whole] = [await gatewayOn(hole.port), await gatewayOn()];
    const cookie = await signIn(whole);
    for (const gate of [cut, whole]) expect(await ask(gate, cookie, '/warm')).toBe(200);
    const id = await idOf(whole, cookie);
    hole.swallow('both');
    expect((await command('session', 'revoke', id)).code).toBe(0);
    upstream.reset();
    expect(await ask(cut, cookie, '/warm')).toBe(503);
    expect(await ask(whole, cookie, '/warm')).toBe(401);
    expect(upstream.hits).toHaveLength(0);
    hole.swallow('nothing');
    await until(async () => (await ask(cut, cookie, '/warm')) !== 503);
    expect(await ask(cut, cookie, '/warm')).toBe(401);
    expect(upstream.hits).toHaveLength(0);
  });
});

it('Redis stands still: who is signed in gets 503, public routes go on, and it is over when it is over', async () => {
  const gate = await gatewayOn();
  const cookie = await signIn(gate);
  expect(await ask(gate, cookie)).toBe(200);
  redis.freeze();
  await until(async () => (await ask(gate, cookie)) === 503);
  upstream.reset();
  const answer = await gate.send('GET /a HTTP/1.1', [`Cookie: sallyport=${cookie}`]);
  expect([answer.status, JSON.parse(answer.body).reason]).toEqual([503, 'store_unavailable']);
  expect(answer.setCookies).toEqual([]);
  expect(upstream.hits).toHaveLength(0);
  expect(await ask(gate, cookie, '/open')).toBe(200);
  expect((await readiness(gate.adminPort)).status).toBe(503);
  expect(await metric(gate.adminPort, 'sallyport_store_up')).toBe(0);
  redis.thaw();
  await until(async () => (await ask(gate, cookie)) === 200);
  await until(async () => (await readiness(gate.adminPort)).status === 200);
});

it('Redis is emptied: nobody is signed in any more, and people can sign in again when there are accounts', async () => {
  const gate = await gatewayOn();
  const cookie = await signIn(gate);
  expect(await ask(gate, cookie)).toBe(200);
  const keysOf = async () => JSON.parse((await gate.send('GET /.sallyport/jwks.json HTTP/1.1')).body).keys;
  const former = await keysOf();
  await redis.client.flushall();
  await until(async () => (await ask(gate, cookie)) !== 200);
  for (let again = 0; again < 20; again += 1) expect([401, 503]).toContain(await ask(gate, cookie));
  await until(async () => (await readiness(gate.adminPort)).status === 200);
  expect(await ask(gate, cookie)).toBe(401);
  await addAnn();
  const again = await signIn(gate);
  // with keys that were made anew: those that were lost are nobody's any more
  await until(async () => (await ask(gate, again)) === 200);
  const names = (keys: { kid: string }[]): string[] => keys.map(({ kid }) => kid);
  expect(names(await keysOf()).filter((kid) => names(former).includes(kid))).toEqual([]);
});

describe('what does not start', () => {
  const started = async (more: string) => sallyport(['run', '--config', join(configured(more), 'sallyport.yaml')]);

  it.each([
    ['without a root secret', () => `store: { redis: "${redis.url}" }`, 78, /secrets\.cookie is not set/],
    ['nobody there', () => `store: { redis: "redis://127.0.0.1:1" }\n${SECRETS}`, 1, /store\.redis.*127\.0\.0\.1:1/],
  ])('%s', async (_name, more, code, why) => {
    const result = await started(`${more()}\n${routes()}`);
    expect(`${result.stdout}${result.stderr}`).toMatch(why);
    expect(result.code).toBe(code);
  });

  it('accounts on a server that forgets them', async () => {
    const forgetful = await startRedis({ appendonly: 'no' });
    onTestFinished(() => forgetful.stop());
    const result = await started(`store: { redis: "${forgetful.url}" }\n${SECRETS}\n${routes()}`);
    expect(`${result.stdout}${result.stderr}`).toMatch(/local accounts too: say `appendonly yes`/);
    expect(result.code).toBe(1);
  });
});
