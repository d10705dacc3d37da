import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type RunningCommand, sallyport, startSallyport } from '../support/command.ts';
import { PASSWORD, type Send, seen, senderTo, sessionCookieOf, signInOver } from '../support/gateway.ts';
import type { RawAnswer } from '../support/raw.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';
import { auditOf, configText, metric, STAFF, until } from './process.ts';

// two gateways and every command are processes of their own, on one store; addresses come through a trusted proxy
const ADMIN = 'a-token-of-the-administrator';
let upstream: RecordingUpstream;
let directory: string;
let running: readonly RunningCommand[] = [];
let gates: readonly Send[] = [];
let adminPorts: readonly number[] = [];

beforeAll(async () => {
  upstream = await openUpstream();
  directory = mkdtempSync(join(tmpdir(), 'sallyport-blocks-'));
  const files = {
    'policies/staff.yaml': STAFF,
    'sallyport.yaml': configText(`
admin: { address: 127.0.0.1:0, token: ${ADMIN} }
trusted_proxies: [127.0.0.1]
routes:
  - { route: open, upstream: "${upstream.origin}", match: { host: app.test, path: /open }, public: true }
  - { route: app, upstream: "${upstream.origin}", match: { host: app.test }, policy: staff }
`),
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  for (const name of ['ann', 'bob'])
    expect(await command(['user', 'add', name, '--groups', 'staff', '--password-stdin'], PASSWORD)).toMatch(/added/);
  running = [0, 1].map(() => startSallyport(['run', '--config', join(directory, 'sallyport.yaml')]));
  const started = await Promise.all(
    running.map((each) => each.says(/"gateway":"127\.0\.0\.1:(\d+)","admin":"127\.0\.0\.1:(\d+)"/)),
  );
  gates = started.map(([, port]) => senderTo(Number(port)));
  adminPorts = started.map(([, , port]) => Number(port));
});
afterAll(async () => {
  for (const each of running) each.process.kill('SIGTERM');
  await Promise.all(running.map((each) => each.ended));
  await upstream.close();
  rmSync(directory, { recursive: true, force: true });
});
beforeEach(() => upstream.reset());

async function command(args: readonly string[], input?: string): Promise<string> {
  const { code, stdout, stderr } = await sallyport(
    [...args, '--config', join(directory, 'sallyport.yaml')],
    input === undefined ? {} : { input },
  );
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
}
const block = async (...args: string[]) => JSON.parse(await command(['block', 'add', ...args, '--json']));
const lift = (id: string) => command(['block', 'remove', id]);
const reasonOf = ({ status, body }: RawAnswer) => (status === 200 ? 200 : `${status} ${JSON.parse(body).reason}`);
/** What each gateway answers to the very next request. */
const ask = (path: string, ...headers: string[]): Promise<(number | string)[]> =>
  Promise.all(gates.map(async (send) => reasonOf(await send(`GET ${path} HTTP/1.1`, headers))));
const from = (address: string): string => `X-Forwarded-For: ${address}`;
const both = (what: number | string) => [what, what];
const BLOCKED = both('403 blocked');

/** Signs in on a browser of its own, or on one that was there before. */
async function signIn(name: string, device?: string): Promise<{ readonly cookie: string; readonly device: string }> {
  const send: Send = (line, headers = [], body) =>
    (gates[0] as Send)(
      line,
      headers.map((each) =>
        device !== undefined && /^Cookie:/.test(each) ? `${each}; sallyport-device=${device}` : each,
      ),
      body,
    );
  const { answer } = await signInOver(send, name, PASSWORD);
  const cookie = sessionCookieOf(answer);
  const made = answer.setCookies.map((line) => /^sallyport-device=([^;]+)/.exec(line)?.[1]).find(Boolean) ?? '';
  return { cookie, device: made };
}
const as = (cookie: string): string => `Cookie: sallyport=${cookie}`;
const tryPassword = async (name: string, password: string, device?: string): Promise<number> => {
  const send: Send = (line, headers = [], body) =>
    (gates[1] as Send)(
      line,
      headers.map((each) =>
        device !== undefined && /^Cookie:/.test(each) ? `${each}; sallyport-device=${device}` : each,
      ),
      body,
    );
  return (await signInOver(send, name, password)).answer.status;
};
const sessionsOf = async (name: string) => JSON.parse(await command(['session', 'list', '--user', name, '--json']));
const decisions = async (detail: string): Promise<readonly Record<string, unknown>[]> => {
  const file = join(directory, 'data', 'audit.ndjson');
  const found = () =>
    auditOf(file).events.filter((event) => event.type === 'decision' && String(event.detail).includes(detail));
  await until(async () => found().length > 0);
  return found();
};

describe('an address', () => {
  it('is refused from the next request on, on every route and page, and nothing reaches the application', async () => {
    const { cookie } = await signIn('ann');
    const here = from('203.0.113.7');
    expect(await ask('/open', here)).toEqual(both(200));
    expect(await ask('/a', here, as(cookie))).toEqual(both(200));
    upstream.reset();
    const made = await block('address', '203.0.113.99/24', '--reason', 'scanning');
    expect(made).toMatchObject({ kind: 'address', network: '203.0.113.0/24', until: null, reason: 'scanning' });
    for (const path of ['/open', '/a', '/none', '/.sallyport/login', '/.sallyport/userinfo', '/.sallyport/jwks.json'])
      expect(await ask(path, here, as(cookie)), path).toEqual(BLOCKED);
    expect(await ask('/open', from('::ffff:203.0.113.8'))).toEqual(BLOCKED);
    // the first address from the right that is no proxy of ours is the client's; what a client claims before it is not
    expect(await ask('/open', from('192.0.2.1, 203.0.113.7'))).toEqual(BLOCKED);
    expect(upstream.hits).toEqual([]);
    expect(await ask('/open', from('203.0.113.7, 192.0.2.1'))).toEqual(both(200));
    expect(await ask('/open', from('203.0.112.255'))).toEqual(both(200));
    expect(await ask('/open')).toEqual(both(200));
    const [event] = await decisions(made.id);
    expect(event).toMatchObject({
      result: 'refused',
      reason: 'blocked',
      status: 403,
      detail: made.id,
      address: '203.0.113.7',
    });
    for (const port of adminPorts) {
      expect(await metric(port, 'sallyport_blocks{kind="address"}')).toBe(1);
      expect(
        await metric(port, 'sallyport_decisions_total{route="(none)",effect="deny",reason="blocked"}'),
      ).toBeGreaterThan(0);
    }
    await lift(made.id);
    expect(await ask('/open', here)).toEqual(both(200));
    expect(await ask('/a', here, as(cookie))).toEqual(both(200));
  });

  it('of IPv6 is refused with its network', async () => {
    const { id } = await block('address', '2001:DB8:1::/48');
    expect(await ask('/open', from('2001:db8:1:ffff::1'))).toEqual(BLOCKED);
    expect(await ask('/open', from('2001:db8:2::1'))).toEqual(both(200));
    await command(['block', 'remove', 'address', '2001:db8:1::/48']);
    expect(await ask('/open', from('2001:db8:1:ffff::1'))).toEqual(both(200));
    expect(id).toMatch(/^blk_/);
  });

  it('is let in again when its time is over', async () => {
    const end = new Date(Date.now() + 3000).toISOString();
    await block('address', '198.51.100.7', '--until', end);
    if (Date.now() < Date.parse(end) - 500) expect(await ask('/open', from('198.51.100.7'))).toEqual(BLOCKED);
    await until(async () => (await ask('/open', from('198.51.100.7'))).every((answer) => answer === 200));
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(end));
    expect(JSON.parse(await command(['block', 'list', '--kind', 'address', '--json']))).toEqual([]);
  });
});

describe('a user', () => {
  it('is refused with every session and at sign-in, and goes on where it was when the block is lifted', async () => {
    const [ann, bob] = [await signIn('ann'), await signIn('bob')];
    for (let i = 0; i < 3; i++) expect(await ask('/a', as(ann.cookie))).toEqual(both(200));
    upstream.reset();
    const made = await block('user', 'ann', '--for', '2h');
    expect(made).toMatchObject({ kind: 'user', user: 'staff:ann' });
    expect(await ask('/a', as(ann.cookie))).toEqual(BLOCKED);
    // a browser is not sent to sign in, and keeps its cookie
    for (const send of gates) {
      const page = await send('GET /a HTTP/1.1', [as(ann.cookie), 'Accept: text/html', 'Sec-Fetch-Mode: navigate']);
      expect([page.status, page.setCookies]).toEqual([403, []]);
      const form = await send('GET /.sallyport/login HTTP/1.1', [as(ann.cookie), 'Accept: text/html']);
      expect([form.status, form.setCookies.filter((line) => line.startsWith('sallyport='))]).toEqual([200, []]);
    }
    expect(await ask('/.sallyport/me', as(ann.cookie))).toEqual(BLOCKED);
    expect(await ask('/.sallyport/userinfo', as(ann.cookie))).toEqual(BLOCKED);
    expect(upstream.hits).toEqual([]);
    // where everybody may enter, they are nobody
    expect(await ask('/open', as(ann.cookie))).toEqual(both(200));
    expect(upstream.hits.map(({ rawHeaders }) => seen(rawHeaders, 'x-forwarded-user'))).toEqual(['', '']);
    expect(await ask('/a', as(bob.cookie))).toEqual(both(200));
    // only who has the password learns of it
    expect(await tryPassword('ann', PASSWORD)).toBe(403);
    expect([await tryPassword('ann', 'wrong'), await tryPassword('nobody', 'wrong')]).toEqual([401, 401]);
    expect((await decisions(made.id))[0]).toMatchObject({
      reason: 'blocked',
      detail: `credential blocked: ${made.id}`,
    });
    expect(await sessionsOf('ann')).not.toEqual([]);
    await command(['block', 'remove', 'user', 'staff:ann']);
    expect(await ask('/a', as(ann.cookie))).toEqual(both(200));
    expect(await tryPassword('ann', PASSWORD)).toBe(303);
  });
});

describe('a session', () => {
  it('is refused, and no other of the same user', async () => {
    const before = new Set((await sessionsOf('ann')).map(({ id }: { id: string }) => id));
    const one = await signIn('ann');
    const [{ id: session }] = (await sessionsOf('ann')).filter(({ id }: { id: string }) => !before.has(id));
    const two = await signIn('ann');
    expect([await ask('/a', as(one.cookie)), await ask('/a', as(two.cookie))]).toEqual([both(200), both(200)]);
    upstream.reset();
    const { id } = await block('session', session);
    expect(await ask('/a', as(one.cookie))).toEqual(BLOCKED);
    expect(upstream.hits).toEqual([]);
    expect(await ask('/a', as(two.cookie))).toEqual(both(200));
    await lift(id);
    expect(await ask('/a', as(one.cookie))).toEqual(both(200));
  });
});

describe('a device', () => {
  it('is shown by its public name alone; its sessions are refused, whoever they are of, and nobody signs in on it', async () => {
    const before = new Set((await sessionsOf('bob')).map(({ device }: { device: string }) => device));
    const bob = await signIn('bob');
    const [{ device }] = (await sessionsOf('bob')).filter((each: { device: string }) => !before.has(each.device));
    expect(device).toMatch(/^dev_[A-Za-z0-9_-]{22}$/);
    expect(JSON.stringify(await sessionsOf('bob'))).not.toContain(bob.device.split('.')[0]);
    const ann = await signIn('ann', bob.device);
    expect(ann.device).toBe(bob.device);
    const elsewhere = await signIn('bob');
    for (const { cookie } of [bob, ann, elsewhere]) expect(await ask('/a', as(cookie))).toEqual(both(200));
    upstream.reset();
    const { id } = await block('device', device);
    expect([await ask('/a', as(bob.cookie)), await ask('/a', as(ann.cookie))]).toEqual([BLOCKED, BLOCKED]);
    expect(upstream.hits).toEqual([]);
    expect(await ask('/a', as(elsewhere.cookie))).toEqual(both(200));
    expect([await tryPassword('ann', PASSWORD, bob.device), await tryPassword('ann', 'wrong', bob.device)]).toEqual([
      403, 401,
    ]);
    expect(await tryPassword('ann', PASSWORD)).toBe(303);
    await lift(id);
    expect([await ask('/a', as(bob.cookie)), await ask('/a', as(ann.cookie))]).toEqual([both(200), both(200)]);
  });
});

it('what could lock its maker out, or blocks nobody, is refused with a word about it', async () => {
  const refused = async (args: readonly string[]) => {
    const { code, stdout, stderr } = await sallyport([
      'block',
      'add',
      ...args,
      '--config',
      join(directory, 'sallyport.yaml'),
    ]);
    return [code, stdout, stderr];
  };
  for (const [args, says] of [
    [['address', '127.0.0.0/8'], /--force: .*loopback/],
    [['address', '::1'], /--force: .*loopback/],
    [['address', '0.0.0.0/0', '--force'], /every address/],
    [['address', 'fe80::1%eth0'], /zone/],
    [['address', 'x'], /no network/],
    [['user', 'carol'], /Nobody is called so/],
    [['user', 'staff:carol'], /Nobody is called so/],
    [['session', `ses_00${'a'.repeat(26)}`], /no live session/],
    [['device', 'dev_x'], /Say which device/],
  ] as const)
    expect(await refused(args), args.join(' ')).toEqual([1, '', expect.stringMatching(says)]);
  const over = (body: object) =>
    fetch(`http://127.0.0.1:${adminPorts[0]}/api/v1/blocks`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${ADMIN}`, 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
  const answer = await over({ kind: 'address', network: '127.0.0.0/8' });
  expect([answer.status, ((await answer.json()) as { errors: object[] }).errors[0]]).toEqual([
    400,
    { pointer: '/force', detail: expect.stringContaining('loopback') },
  ]);
  expect(JSON.parse(await command(['block', 'list', '--json']))).toEqual([]);
  expect(await ask('/open')).toEqual(both(200));
  expect((await over({ kind: 'address', network: '127.0.0.0/8', force: true })).status).toBe(200);
  expect(await ask('/open')).toEqual(BLOCKED);
  await command(['block', 'remove', 'address', '127.0.0.0/8']);
  expect(await ask('/open')).toEqual(both(200));
});
