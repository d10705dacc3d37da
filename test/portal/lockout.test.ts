import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { Answer } from '../../src/core/handler.ts';
import { LOCKOUT_LIMITS } from '../../src/identity/lockout.ts';
import { auditOf } from '../app/process.ts';
import { PASSWORD as GATEWAY_PASSWORD, openTestGateway, type Send, signInOver } from '../support/gateway.ts';
import { type Browser, bodyOf, headerOf } from './browser.ts';
import { openWorld, PASSWORD, type World } from './world.ts';

const ELSEWHERE = { facts: { clientAddress: '198.51.100.7' } };
const { windowMs, perUser } = LOCKOUT_LIMITS;

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
beforeEach(() => {
  world.clock.advance(windowMs);
  world.events.length = 0;
  world.durable.length = 0;
  world.checked.count = 0;
});

const statuses = (answers: readonly Answer[]): number[] => answers.map(({ status }) => status).sort();
const times = (count: number, status: number): number[] => Array.from({ length: count }, () => status);
async function guess(count: number, username: string, browser: Browser = world.browser()): Promise<Answer[]> {
  const hidden = await browser.openForm('login');
  const posts = Array.from({ length: count }, (_, i) =>
    browser.post('login', { ...hidden, username, password: `wrong password ${i}` }),
  );
  return Promise.all(posts);
}

test('of twenty guesses at once at most ten are checked, the others are 429', async () => {
  expect(statuses(await guess(20, 'ann'))).toEqual([...times(10, 401), ...times(10, 429)]);
  expect(world.checked.count).toBe(perUser);
});

test('the right password is then refused here, unseen, and accepted from another network', async () => {
  await guess(perUser, 'ann');
  const here = world.browser();
  const answer = await here.signIn('ann', PASSWORD);
  expect([answer.status, headerOf(answer, 'Retry-After')]).toEqual([429, ['900']]);
  expect(here.sessionCookie).toBeUndefined();
  expect(world.checked.count).toBe(perUser);
  expect((await world.browser().signIn('ann', PASSWORD, '/', ELSEWHERE)).status).toBe(303);
  expect((await world.browser().signIn('ann', PASSWORD)).status).toBe(429);
});

test('the answer says in how many seconds it works again, and then it does', async () => {
  await guess(perUser, 'ann');
  world.clock.advance(windowMs - 29_500);
  const locked = await world.browser().signIn('ann', PASSWORD);
  expect(headerOf(locked, 'Retry-After')).toEqual(['30']);
  expect(bodyOf(locked)).toContain('<dt>Try again after</dt><dd>30 seconds</dd>');
  expect(bodyOf(locked)).toContain('<code>locked_out</code>');
  world.clock.advance(29_500);
  expect((await world.browser().signIn('ann', PASSWORD)).status).toBe(303);
});

test('a success begins anew', async () => {
  for (let round = 0; round < 2; round++) {
    expect(statuses(await guess(perUser - 1, 'bob'))).toEqual(times(perUser - 1, 401));
    expect((await world.browser().signIn('bob', PASSWORD)).status).toBe(303);
  }
});

test('names that nobody has are locked in the same words', async () => {
  const [known, unknown, impossible] = [
    await guess(perUser + 1, 'ann'),
    await guess(perUser + 1, 'ghost'),
    await guess(perUser + 1, 'no name at all'),
  ];
  const locked = (answers: readonly Answer[]) => answers.find(({ status }) => status === 429);
  expect(statuses(known)).toEqual([...times(perUser, 401), 429]);
  expect(locked(known)).toBeDefined();
  expect(locked(unknown)).toEqual(locked(known));
  expect(locked(impossible)).toEqual(locked(known));
});

test('it is recorded without waiting for the disk, and without a name that is nobody’s', async () => {
  for (const name of ['ann', 'hunter2', 'No Name']) await guess(perUser, name);
  world.events.length = 0;
  world.durable.length = 0;
  for (const name of ['Ann', 'hunter2', 'No Name']) await world.browser().signIn(name, PASSWORD);
  const refused = { type: 'authentication', action: 'sign_in', result: 'refused', reason: 'locked_out', status: 429 };
  expect(world.events).toEqual(
    ['staff:ann', expect.stringMatching(/^unknown:/), 'invalid'].map((user) =>
      expect.objectContaining({ ...refused, user }),
    ),
  );
  expect(JSON.stringify(world.events)).not.toMatch(/hunter2|No Name/);
  expect(world.durable).toEqual([]);
});

describe('on real gateways', () => {
  test('two with one store count together, by the network that a trusted proxy tells', async () => {
    const config =
      'trusted_proxies: [127.0.0.1]\nroutes: [{ route: app, upstream: "http://127.0.0.1:9", policy: staff }]\n';
    const first = await openTestGateway({ config });
    onTestFinished(() => first.close());
    const second = await openTestGateway({ config, store: `{ path: ${first.directory}/data }` });
    onTestFinished(() => second.close());
    await first.addUser('ann');
    const from =
      (address: string, { send }: { send: Send } = first): Send =>
      (line, headers = [], body = '') =>
        send(line, [...headers, `X-Forwarded-For: ${address}`], body);
    const signIn = async (send: Send, password: string) => (await signInOver(send, 'ann', password)).answer;

    const guesses = await Promise.all(
      Array.from({ length: 20 }, (_, i) => signIn(from(`203.0.113.${i}`, i % 2 ? first : second), 'wrong password')),
    );
    expect(guesses.map(({ status }) => status).sort()).toEqual([...times(10, 401), ...times(10, 429)]);
    for (const gate of [first, second]) {
      const answer = await signIn(from('203.0.113.99', gate), GATEWAY_PASSWORD);
      expect(answer.status).toBe(429);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(Number(answer.headers.get('retry-after'))).toBeLessThanOrEqual(900);
      expect(answer.body).toContain('locked_out');
      expect(answer.setCookies).toEqual([]);
    }
    expect((await signIn(from('198.51.100.1'), GATEWAY_PASSWORD)).status).toBe(303);

    const metrics = await (await fetch(`http://127.0.0.1:${first.adminPort}/metrics`)).text();
    expect(metrics).toMatch(/^sallyport_authentications_total\{method="password",result="locked_out"\} [1-9]/m);
    // a durable record puts everything before it on disk
    const { events } = auditOf(join(first.directory, 'data', 'audit.ndjson'));
    expect(events.filter(({ reason }) => reason === 'locked_out').length).toBeGreaterThan(0);
  });
});
