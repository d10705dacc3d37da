import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type BlackHole, openBlackHole } from '../support/black-hole.ts';
import { sallyport, startSallyport } from '../support/command.ts';
import { PASSWORD, sessionCookieOf, signInOver } from '../support/gateway.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { type Hammer, openHammer, type Told } from './hammer.ts';
import { configured, type GatewayProcess, startGateway, until } from './process.ts';

const TOKEN = 'a-token-of-the-administrator';
const LANES = 32;
const ROUNDS = 5;
/** the issue: with a link silently cut, a revocation returns within that, ms */
const RETURNS_MS = 1200;
/** what a machine under load adds to everything */
const LOAD_MS = 400;

let redis: RedisServer;
let hammer: Hammer;
let hole: BlackHole;
let shell: string;
let gates: readonly GatewayProcess[];
beforeEach(async () => {
  redis = await startRedis();
  onTestFinished(() => redis.stop());
  hole = await openBlackHole(redis.port);
  onTestFinished(() => hole.close());
  hammer = await openHammer();
  const machine = (port: number): string =>
    configured(`store: { path: data, redis: "redis://127.0.0.1:${port}" }
secrets: { cookie: "0123456789abcdef0123456789abcdef" }
admin: { address: 127.0.0.1:0, token: ${TOKEN} }
routes:
  - { route: app, match: { host: app.test }, upstream: "${hammer.origin}", policy: staff }`);
  shell = machine(redis.port);
  const args = ['user', 'add', 'ann', '--groups', 'staff', '--password-stdin', ...config()];
  expect(await sallyport(args, { input: `${PASSWORD}\n` })).toMatchObject({ code: 0, stderr: '' });
  // the first one's link can be cut
  gates = await Promise.all([startGateway(machine(hole.port)), startGateway(machine(redis.port))]);
  await hammer.begin(
    gates.map(({ port }) => port),
    LANES,
  );
}, 60_000);

const config = (): string[] => ['--config', join(shell, 'sallyport.yaml')];
const whole = (): GatewayProcess => gates[1] as GatewayProcess;

/** A session that all connections are using, and that both gateways have admitted many times. */
async function beginRound(): Promise<string> {
  const { send } = whole();
  const cookie = sessionCookieOf((await signInOver(send, 'ann', PASSWORD)).answer);
  const answer = await send('GET /.sallyport/userinfo HTTP/1.1', [`Cookie: sallyport=${cookie}`]);
  await hammer.use(cookie);
  await told(0n, ({ reached }) => reached > 5 * LANES);
  return JSON.parse(answer.body).session.id;
}

/** Asks until it holds of both gateways. */
async function told(since: bigint, holds: (of: Told) => boolean): Promise<readonly Told[]> {
  for (;;) {
    const both = await hammer.tell(since);
    if (both.every(holds)) return both;
    await delay(20);
  }
}

/** Nothing that was started since is admitted, on either, although every connection went on. */
async function expectNobodyIn(since: bigint, refusals: readonly (readonly string[])[]): Promise<void> {
  const count = (statuses: Readonly<Record<string, number>>) => Object.values(statuses).reduce((a, b) => a + b, 0);
  const both = await told(since, ({ statuses }) => count(statuses) > 5 * LANES);
  for (const [gate, { statuses, reached }] of both.entries()) {
    expect(reached).toBe(0);
    expect(refusals[gate]).toEqual(expect.arrayContaining(Object.keys(statuses)));
  }
}

const connections = async (): Promise<number> =>
  String(await redis.client.client('LIST'))
    .trim()
    .split('\n').length;

/**
 * The instant at which the command says that it is done, before its process has ended. `cut` is called when it has reached the
 * server: before that it would be over by the time that the command has started.
 */
async function revokeByCommand(id: string, cut: () => void = () => {}): Promise<bigint> {
  const before = await connections();
  const command = startSallyport(['session', 'revoke', id, ...config()]);
  await until(async () => (await connections()) > before);
  cut();
  await command.says(/ended ses_/);
  const returned = process.hrtime.bigint();
  expect(await command.ended).toBe(0);
  return returned;
}

async function revokeByApi(id: string, cut: () => void): Promise<bigint> {
  cut();
  const from = performance.now();
  const { status } = await fetch(`http://127.0.0.1:${whole().adminPort}/api/v1/sessions/${id}`, {
    method: 'DELETE',
    headers: { Authorization: `Bearer ${TOKEN}` },
  });
  const returned = process.hrtime.bigint();
  expect(status).toBe(204);
  expect(performance.now() - from).toBeLessThan(RETURNS_MS + LOAD_MS);
  return returned;
}

describe('64 connections hammer two gateways on one Redis', { timeout: 120_000 }, () => {
  it('no request that was started after `session revoke` returned is admitted on either', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const id = await beginRound();
      await expectNobodyIn(await revokeByCommand(id), [['401'], ['401']]);
    }
  });

  it.each([
    ['the command', revokeByCommand],
    ['the API, in time', revokeByApi],
  ])('nor when the link of one was silently cut: by %s', async (_name, revoke) => {
    const id = await beginRound();
    const returned = await revoke(id, () => hole.swallow('both'));
    await expectNobodyIn(returned, [['401', '503'], ['401']]);
    hole.swallow('nothing');
    // it is back, knows what happened meanwhile, and had nobody in while it caught up
    await told(returned, ({ statuses }) => (statuses[401] ?? 0) > 5 * LANES);
    await expectNobodyIn(returned, [['401', '503'], ['401']]);
    await beginRound();
  });
});
