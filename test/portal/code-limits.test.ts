import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CODE_ATTEMPTS, CODE_FAILURES, CODE_WINDOW_MS, codeCounterNames } from '../../src/identity/factors/attempts.ts';
import { auditOf } from '../app/process.ts';
import { handClock } from '../stores/ports.ts';
import { codeAt, enrolTotp } from '../support/enrol.ts';
import {
  openTestGateway,
  PASSWORD,
  type Send,
  sessionCookieOf,
  signInOver,
  type TestGateway,
} from '../support/gateway.ts';
import type { RawAnswer } from '../support/raw.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';

// the owner at home and an attacker elsewhere who has the password: whoever the proxy says the client is
const HOME = '192.0.2.1';
const AWAY = '203.0.113.1';
const ELSEWHERE = '198.51.100.7';
const strange = (network: number): string => `10.0.${network}.1`;
const WRONG = '000000';
const TOKEN = 'a-token-of-the-administrator';

const clock = handClock();
let upstream: RecordingUpstream;
let gate: TestGateway;
let people = 0;
let name: string;
let secret: Uint8Array;
const configText = (totp = ''): string =>
  `trusted_proxies: [127.0.0.1]\nroutes: [{ route: app, match: { host: app.test }, upstream: "${upstream.origin}", policy: staff }]\nidentity: { providers: [{ id: staff, type: local }]${totp} }\n`;
beforeAll(async () => {
  upstream = await openUpstream();
  gate = await openTestGateway({ config: configText(), clock, adminToken: TOKEN });
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});
beforeEach(async () => {
  name = `eva-${people++}`;
  await gate.addUser(name);
  secret = await enrolTotp(gate, clock, `staff:${name}`);
  clock.advance(30_000);
  upstream.reset();
});

/** A client at an address; what cookies it has besides those of the moment. */
const from =
  (address: string, ...cookies: readonly string[]): Send =>
  (line, headers = [], body = '') =>
    gate.send(line, [...headers, ...cookies.map((cookie) => `Cookie: ${cookie}`), `X-Forwarded-For: ${address}`], body);
/** A code that is good now and was not used. */
function freshCode(): string {
  clock.advance(30_000);
  return codeAt(secret, clock.now());
}
function post(send: Send, path: string, cookie: string, fields: Readonly<Record<string, string>>): Promise<RawAnswer> {
  const body = new URLSearchParams(fields).toString();
  const headers = [
    'Host: app.test',
    'Origin: http://app.test',
    'Sec-Fetch-Site: same-origin',
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Accept: text/html',
    `Cookie: ${cookie}`,
  ];
  return send(`POST /.sallyport/${path} HTTP/1.1`, headers, body);
}
const hiddenOf = ({ body }: RawAnswer): Record<string, string> =>
  Object.fromEntries(
    [...body.matchAll(/<input type="hidden" name="([a-z_]+)" value="([^"]*)"/g)].map(([, field, value]) => [
      field,
      (value as string).replaceAll('&amp;', '&'),
    ]),
  );
const deviceOf = ({ setCookies }: RawAnswer): string =>
  setCookies.find((line) => line.startsWith('sallyport-device='))?.split(';')[0] ?? '';

/** The right password, and then codes by whoever gave it. */
async function passwordGiven(send: Send): Promise<(code: string) => Promise<RawAnswer>> {
  const { answer } = await signInOver(send, name, PASSWORD);
  expect([answer.status, answer.setCookies.some((line) => line.startsWith('sallyport='))]).toEqual([200, false]);
  const login = answer.setCookies.map((line) => line.split(';')[0]).join('; ');
  return (code) => post(send, 'login', login, { ...hiddenOf(answer), code });
}
async function signIn(send: Send): Promise<RawAnswer> {
  const code = await passwordGiven(send);
  return code(freshCode());
}
async function guess(send: Send, count: number): Promise<number[]> {
  const code = await passwordGiven(send);
  const answers = await Promise.all(Array.from({ length: count }, () => code(WRONG)));
  return answers.map(({ status }) => status).sort();
}
const times = (count: number, status: number): number[] => Array.from({ length: count }, () => status);
/** Everything that somebody with many networks and the password can do at once. */
async function exhaust(): Promise<void> {
  for (let network = 0; network < CODE_FAILURES / CODE_ATTEMPTS; network++)
    expect(await guess(from(strange(network)), 2 * CODE_ATTEMPTS)).toEqual([
      ...times(CODE_ATTEMPTS, 401),
      ...times(CODE_ATTEMPTS, 429),
    ]);
}
const retryAfter = ({ headers }: RawAnswer): number => Number(headers.get('retry-after'));
const reaches = async (answer: RawAnswer): Promise<boolean> => {
  const before = upstream.hits.length;
  await gate.send('GET /x HTTP/1.1', ['Host: app.test', `Cookie: sallyport=${sessionCookieOf(answer)}`]);
  return upstream.hits.length > before;
};

describe('an attacker with the right password in another network', () => {
  test('uses up codes there, and the owner signs in from theirs', async () => {
    expect(await guess(from(ELSEWHERE), 20)).toEqual([...times(10, 401), ...times(10, 429)]);
    const refused = await signIn(from(ELSEWHERE));
    expect([refused.status, refused.setCookies]).toEqual([429, []]);
    expect(retryAfter(refused)).toBeGreaterThan(0);
    expect(retryAfter(refused)).toBeLessThanOrEqual(CODE_WINDOW_MS / 1000);
    expect(refused.body).toContain('<dt>Try again after</dt><dd>15 minutes</dd>');
    expect(refused.body).toContain('locked_out');
    const owner = await signIn(from(HOME));
    expect(owner.status).toBe(303);
    expect(await reaches(owner)).toBe(true);
    expect((await signIn(from(ELSEWHERE))).status).toBe(429);
    clock.advance(CODE_WINDOW_MS);
    expect((await signIn(from(ELSEWHERE))).status).toBe(303);
  });

  test('in the very network of the owner they do not reach the owner’s known device', async () => {
    const device = deviceOf(await signIn(from(HOME)));
    await guess(from(HOME), 20);
    expect((await signIn(from(HOME))).status).toBe(429);
    expect((await signIn(from(HOME, device))).status).toBe(303);
    expect((await signIn(from(HOME))).status).toBe(429);
  });

  test('nor with a copy of the device’s cookie: the owner is counted in their network then', async () => {
    const device = deviceOf(await signIn(from(HOME)));
    expect(await guess(from(ELSEWHERE, device), 30)).toEqual([...times(20, 401), ...times(10, 429)]);
    expect((await signIn(from(HOME, device))).status).toBe(303);
  });
});

describe('an attacker with the right password in many networks', () => {
  test('ends codes for strangers, whoever has the right one, and not for the owner’s known device, which ends it', async () => {
    const device = deviceOf(await signIn(from(HOME)));
    await exhaust();
    for (const address of [ELSEWHERE, AWAY]) {
      const refused = await signIn(from(address));
      expect([refused.status, refused.setCookies]).toEqual([429, []]);
      expect(retryAfter(refused)).toBeGreaterThan(24 * 3600);
      expect(refused.body).toContain('<dt>Try again after</dt><dd>30 days</dd>');
    }
    clock.advance(CODE_WINDOW_MS);
    expect(await guess(from(strange(0)), 5)).toEqual(times(5, 429));
    expect((await signIn(from(AWAY))).status).toBe(429);

    const owner = await signIn(from(HOME, device));
    expect(owner.status).toBe(303);
    expect(await reaches(owner)).toBe(true);
    expect((await signIn(from(AWAY))).status).toBe(303);
  });

  test('until an administrator unlocks the user', async () => {
    await exhaust();
    expect((await signIn(from(AWAY))).status).toBe(429);
    const unlocked = await fetch(`http://127.0.0.1:${gate.adminPort}/api/v1/users/${name}/unlock`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${TOKEN}` },
    });
    // ten networks in which codes were tried, what was wrong in a row, and sign-ins from everywhere
    expect(await unlocked.json()).toMatchObject({ user: `staff:${name}`, counters_cleared: 12 });
    expect((await signIn(from(AWAY))).status).toBe(303);
    expect((await signIn(from(strange(0)))).status).toBe(303);
  });

  test('leaves passwords and running sessions alone', async () => {
    const session = await signIn(from(HOME));
    await exhaust();
    expect((await signInOver(from(AWAY), name, PASSWORD)).answer.status).toBe(200);
    expect(await reaches(session)).toBe(true);
  });
});

test('who stole a session uses up codes of stepping up where they are, and the owner goes on', async () => {
  const session = `sallyport=${sessionCookieOf(await signIn(from(HOME)))}`;
  const page = async (send: Send) =>
    hiddenOf(await send('GET /.sallyport/step-up?return_to=/ HTTP/1.1', ['Host: app.test', `Cookie: ${session}`]));
  const thief = from(ELSEWHERE);
  const fields = await page(thief);
  const guesses = Array.from({ length: 20 }, () => post(thief, 'step-up', session, { ...fields, code: WRONG }));
  const statuses = (await Promise.all(guesses)).map(({ status }) => status).sort();
  expect(statuses).toEqual([...times(10, 401), ...times(10, 429)]);
  expect((await post(thief, 'step-up', session, { ...fields, code: freshCode() })).status).toBe(429);
  const owner = from(HOME);
  expect((await post(owner, 'step-up', session, { ...(await page(owner)), code: freshCode() })).status).toBe(303);
});

test('who has a session of an account without factors uses up nothing of what the owner enrols later', async () => {
  const victim = `new-${name}`;
  await gate.addUser(victim);
  const session = `sallyport=${await gate.signIn(victim)}`;
  const page = await gate.send('GET /.sallyport/step-up?return_to=/&level=none&max_age=0 HTTP/1.1', [
    'Host: app.test',
    `Cookie: ${session}`,
  ]);
  for (let network = 0; network < CODE_FAILURES / CODE_ATTEMPTS; network++)
    for (const method of ['totp', 'backup_code']) {
      const thief = from(strange(network));
      const fields = { ...hiddenOf(page), method, code: WRONG };
      const guesses = Array.from({ length: CODE_ATTEMPTS }, () => post(thief, 'step-up', session, fields));
      expect((await Promise.all(guesses)).map(({ status }) => status)).toEqual(times(CODE_ATTEMPTS, 401));
    }
  expect(await codeCounterNames(gate.gateway.services.store, `staff:${victim}`)).toEqual([]);
  name = victim;
  secret = await enrolTotp(gate, clock, `staff:${victim}`);
  expect((await signIn(from(ELSEWHERE))).status).toBe(303);
  // and what the account has got is counted as ever
  expect(await guess(from(AWAY), 20)).toEqual([...times(10, 401), ...times(10, 429)]);
});

test('refusals are counted and recorded', async () => {
  await guess(from(ELSEWHERE), 11);
  const metrics = await (await fetch(`http://127.0.0.1:${gate.adminPort}/metrics`)).text();
  expect(metrics).toMatch(/^sallyport_authentications_total\{method="totp",result="locked_out"\} [1-9]/m);
  // a durable record puts everything before it on disk
  await signIn(from(HOME));
  const { events } = auditOf(join(gate.directory, 'data', 'audit.ndjson'));
  const mine = events.filter(({ user, reason }) => user === `staff:${name}` && reason === 'locked_out');
  expect(mine).toEqual([
    expect.objectContaining({ action: 'sign_in', result: 'refused', status: 429, factors: 'password+totp' }),
  ]);
});

test('identity.totp.drift says how old a code may be, from the next reload on', async () => {
  const older = async (steps: number): Promise<number> => {
    clock.advance(10 * 30_000);
    const code = await passwordGiven(from(HOME));
    return (await code(codeAt(secret, clock.now() - steps * 30_000))).status;
  };
  expect([await older(2), await older(1)]).toEqual([401, 303]);
  for (const drift of [2, 0]) {
    gate.write('sallyport.yaml', configText(`, totp: { drift: ${drift} }`));
    expect(gate.gateway.reload().ok).toBe(true);
    for (const steps of [3, 2, 1, 0])
      expect([drift, steps, await older(steps)]).toEqual([drift, steps, steps <= drift ? 303 : 401]);
  }
  gate.write('sallyport.yaml', configText(', totp: { drift: 3 }'));
  const { ok, findings } = gate.gateway.reload();
  expect([ok, findings.map(({ message }) => message).join()]).toEqual([false, expect.stringContaining('2')]);
  gate.write('sallyport.yaml', configText());
  expect(gate.gateway.reload().ok).toBe(true);
});
