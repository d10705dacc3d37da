import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type RunningCommand, sallyport, startSallyport } from '../support/command.ts';
import {
  openTestGateway,
  PASSWORD,
  type Send,
  seen,
  senderTo,
  sessionCookieOf,
  signInOver,
  type TestGateway,
} from '../support/gateway.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';
import { auditOf, metric } from './process.ts';

let upstream: RecordingUpstream;
let first: TestGateway;
let second: TestGateway;
let process3: RunningCommand;
let adminPort3: number;
const gates = new Map<string, Send>();

beforeAll(async () => {
  upstream = await openUpstream();
  const config = `routes:\n  - { route: app, match: { host: app.test }, upstream: "${upstream.origin}", policy: staff }\n`;
  first = await openTestGateway({ config });
  second = await openTestGateway({ config, store: `{ path: ${first.directory}/data }` });
  // a third one, in a process of its own, by the very same configuration file
  process3 = startSallyport(['run', '--config', first.configFile]);
  const [, port, adminPort] = await process3.says(/"gateway":"127\.0\.0\.1:(\d+)","admin":"127\.0\.0\.1:(\d+)"/);
  adminPort3 = Number(adminPort);
  gates
    .set('first', first.send)
    .set('second', second.send)
    .set('process', senderTo(Number(port)));
  await first.addUser('ann');
});
afterAll(async () => {
  process3.process.kill('SIGTERM');
  await process3.ended;
  await second.close();
  await first.close();
  await upstream.close();
});
beforeEach(() => upstream.reset());

const PAIRS = [
  ['first', 'second'],
  ['second', 'first'],
  ['first', 'process'],
  ['process', 'first'],
] as const;
const gate = (name: string): Send => gates.get(name) as Send;
const ask = async (name: string, cookie: string, path = `/${randomUUID()}`): Promise<number> =>
  (await gate(name)(`GET ${path} HTTP/1.1`, [`Cookie: sallyport=${cookie}`])).status;
const signIn = async (name: string): Promise<string> =>
  sessionCookieOf((await signInOver(gate(name), 'ann', PASSWORD)).answer);
/** The session's public name, as one of the gateways tells it. */
async function idOf(name: string, cookie: string): Promise<string> {
  const answer = await gate(name)('GET /.sallyport/userinfo HTTP/1.1', [`Cookie: sallyport=${cookie}`]);
  return JSON.parse(answer.body).session.id;
}

describe.each(PAIRS)('made on %s, used on %s', (here, there) => {
  it('the session is valid there, on its own host only', async () => {
    const cookie = await signIn(here);
    expect(await ask(there, cookie)).toBe(200);
    const elsewhere = await gate(there)('GET /.sallyport/userinfo HTTP/1.1', [
      'Host: 127.0.0.1',
      `Cookie: sallyport=${cookie}`,
    ]);
    expect(elsewhere.status).toBe(404);
    expect(upstream.hits).toHaveLength(1);
  });

  it('ended here, the next request there is refused, however warm it was', async () => {
    const cookie = await signIn(here);
    for (let i = 0; i < 5; i++) expect(await ask(there, cookie, '/warm')).toBe(200);
    const id = await idOf(there, cookie);
    const owner = here === 'second' ? second : first;
    expect(await owner.gateway.services.sessions.revoke(id, 'test', 'revoked')).toBe(true);
    expect(await ask(there, cookie, '/warm')).toBe(401);
    expect(await ask(here, cookie, '/warm')).toBe(401);
    expect(upstream.hits).toHaveLength(5);
  });

  it('signed out here, the next request there is refused', async () => {
    const cookie = await signIn(here);
    expect(await ask(there, cookie)).toBe(200);
    const own = [`Cookie: sallyport=${cookie}`, 'Accept: text/html'];
    const page = await gate(here)('GET /.sallyport/logout HTTP/1.1', own);
    const body = new URLSearchParams({ csrf: /name="csrf" value="([^"]+)"/.exec(page.body)?.[1] ?? '' }).toString();
    const headers = ['Origin: http://app.test', 'Content-Type: application/x-www-form-urlencoded'];
    const answer = await gate(here)(
      'POST /.sallyport/logout HTTP/1.1',
      [...own, ...headers, `Content-Length: ${body.length}`],
      body,
    );
    expect(answer.status).toBe(303);
    expect(await ask(there, cookie)).toBe(401);
  });

  it('a form that was served here is good there', async () => {
    const form = await gate(here)('GET /.sallyport/login HTTP/1.1', ['Accept: text/html']);
    const body = new URLSearchParams({
      username: 'ann',
      password: PASSWORD,
      csrf: /name="csrf" value="([^"]+)"/.exec(form.body)?.[1] ?? '',
    }).toString();
    const answer = await gate(there)(
      'POST /.sallyport/login HTTP/1.1',
      [
        'Origin: http://app.test',
        'Content-Type: application/x-www-form-urlencoded',
        `Content-Length: ${body.length}`,
        `Cookie: ${form.setCookies[0]?.split(';')[0]}`,
      ],
      body,
    );
    expect(await ask(here, sessionCookieOf(answer))).toBe(200);
  });

  it('what is signed here verifies with the keys that are published there', async () => {
    const cookie = await signIn(here);
    expect(await ask(here, cookie)).toBe(200);
    const assertion = seen(upstream.newest().rawHeaders, 'X-Sallyport-Assertion') ?? '';
    const keys = JSON.parse((await gate(there)('GET /.sallyport/jwks.json HTTP/1.1')).body);
    const { payload } = await jwtVerify(assertion, createLocalJWKSet(keys), {
      audience: 'app',
      algorithms: ['ES256', 'EdDSA'],
      requiredClaims: ['exp', 'sub', 'iat', 'sid'],
    });
    expect(payload).toMatchObject({ sub: 'ann', sid: await idOf(here, cookie) });
  });
});

describe('from the command line', () => {
  const command = (...args: string[]) => sallyport([...args, '--config', first.configFile]);

  it('a revoked session is refused by all of them on the next request', async () => {
    const cookie = await signIn('first');
    for (const name of gates.keys()) expect(await ask(name, cookie)).toBe(200);
    expect((await command('session', 'revoke', await idOf('first', cookie))).code).toBe(0);
    for (const name of gates.keys()) expect(await ask(name, cookie)).toBe(401);
  });

  it('so are all sessions of a user', async () => {
    const cookies = [await signIn('first'), await signIn('second'), await signIn('process')];
    for (const name of gates.keys()) for (const cookie of cookies) expect(await ask(name, cookie)).toBe(200);
    expect((await command('session', 'revoke', '--user', 'ann')).code).toBe(0);
    for (const name of gates.keys()) for (const cookie of cookies) expect(await ask(name, cookie)).toBe(401);
  });

  it('what it ended is counted by every gateway, though nobody asked for anything since', async () => {
    const ports = [first.adminPort, second.adminPort, adminPort3];
    const counts = () => Promise.all(ports.map((port) => metric(port, 'sallyport_revocations_total{kind="session"}')));
    const before = await counts();
    const [one, two] = [await signIn('first'), await signIn('process')];
    expect((await command('session', 'revoke', await idOf('first', one))).code).toBe(0);
    expect((await command('session', 'revoke', '--user', 'ann')).code).toBe(0);
    const after = await counts();
    expect(after).toEqual(before.map((count) => count + 2));
    for (const name of gates.keys()) expect(await ask(name, two)).toBe(401);
    expect(await counts()).toEqual(after);
  });
});

it('all of them write one audit file, and no line is torn', async () => {
  const cookie = await signIn('process');
  await Promise.all(Array.from({ length: 60 }, (_, i) => ask(['first', 'process'][i % 2] as string, cookie)));
  await Promise.all([signIn('first'), signIn('process')]);
  const { events, torn } = auditOf(join(first.directory, 'data', 'audit.ndjson'));
  expect(torn).toEqual([]);
  expect(events.length).toBeGreaterThan(60);
});
