import { mkdirSync, readFileSync, renameSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTestGateway, PASSWORD, signInOver, type TestGateway } from '../support/gateway.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';
import { auditOf } from './process.ts';

const POLICY = `
version: 1
policy: app
rules:
  - { allow: staff, when: { identity.groups: { any_of: [staff] } } }
  - { deny: closed, reason: shut, when: { request.path: { prefix: /closed } } }
  - { step_up: careful, when: { request.path: { prefix: /careful } }, require: { level: medium } }
`;
let upstream: RecordingUpstream;
let gate: TestGateway;
let file: string;
beforeEach(async () => {
  upstream = await openUpstream();
  gate = await openTestGateway({
    policies: { 'app.yaml': POLICY },
    config: `routes:
  - { route: app, match: { host: app.test }, upstream: "${upstream.origin}", policy: app }
  - { route: open, match: { host: app.test, path: /open }, upstream: "${upstream.origin}", public: true }
`,
  });
  file = join(gate.directory, 'data', 'audit.ndjson');
  await gate.addUser('ann');
});
afterEach(async () => {
  await gate.close();
  await upstream.close();
});
const as = (cookie: string): string[] => [`Cookie: sallyport=${cookie}`];
const byId = (id: string | undefined) => auditOf(file).events.filter((event) => event.id === id);

describe('an authentication is on disk when its answer arrives', () => {
  it('a success', async () => {
    const { answer } = await signInOver(gate.send, 'ann', PASSWORD);
    // the very next thing: what is not there now was not there before the answer
    expect(byId(answer.headers.get('x-request-id'))).toEqual([
      expect.objectContaining({
        type: 'authentication',
        action: 'sign_in',
        result: 'success',
        user: 'staff:ann',
        session: expect.stringMatching(/^ses_/),
        factors: 'password',
        address: '127.0.0.1',
        status: 303,
      }),
    ]);
  });

  it.each([
    ['a wrong password', 'ann', 'staff:ann'],
    // whatever was typed there may be a password
    ['a user that there is not', 'nobody', expect.stringMatching(/^unknown:[\w-]{12}$/)],
    ['a name that cannot be one', 'no name at all', 'invalid'],
  ])('%s', async (_name, name, user) => {
    const { answer } = await signInOver(gate.send, name, 'not the password');
    expect(answer.status).toBe(401);
    expect(byId(answer.headers.get('x-request-id'))).toEqual([
      expect.objectContaining({ type: 'authentication', result: 'failure', user, status: 401 }),
    ]);
  });

  it('a sign-out', async () => {
    const ann = await gate.signIn('ann');
    const page = await gate.send('GET /.sallyport/logout HTTP/1.1', [...as(ann), 'Accept: text/html']);
    const csrf = /name="csrf" value="([^"]+)"/.exec(page.body)?.[1] ?? '';
    const body = new URLSearchParams({ csrf }).toString();
    const answer = await gate.send(
      'POST /.sallyport/logout HTTP/1.1',
      [
        ...as(ann),
        'Origin: http://app.test',
        'Sec-Fetch-Site: same-origin',
        'Content-Type: application/x-www-form-urlencoded',
        `Content-Length: ${body.length}`,
      ],
      body,
    );
    expect(answer.status).toBe(303);
    expect(byId(answer.headers.get('x-request-id'))).toEqual([
      expect.objectContaining({ type: 'authentication', action: 'sign_out', user: 'staff:ann' }),
    ]);
  });
});

it('every decision is there, under the id that the client was told', async () => {
  const ann = await gate.signIn('ann');
  const [live] = await gate.gateway.services.sessions.listUser('staff:ann');
  const asAnn = { user: 'staff:ann', session: live?.id };
  const expected: [string, string[], object][] = [
    ['GET /a?b=c', as(ann), { result: 'allow', rule: 'app/staff', route: 'app', path: '/a', status: 200, ...asAnn }],
    [
      'POST /closed',
      as(ann),
      { result: 'deny', rule: 'app/closed', reason: 'shut', status: 403, method: 'POST', ...asAnn },
    ],
    [
      'GET /careful',
      as(ann),
      { result: 'step_up', rule: 'app/careful', reason: 'step_up_required', status: 401, ...asAnn },
    ],
    ['GET /a', [], { result: 'login', reason: 'login_required', route: 'app', status: 401 }],
    ['GET /a', as(`00.${'A'.repeat(43)}`), { result: 'refused', reason: 'invalid_token', route: 'app', status: 401 }],
    ['GET /open', [], { result: 'allow', route: 'open', status: 200 }],
    ['GET /a', ['Host: nowhere.test'], { result: 'refused', reason: 'no_route', host: 'nowhere.test', status: 404 }],
    ['GET /a%00b', [], { result: 'refused', reason: 'ambiguous_request', status: 400 }],
    ['GET /a', ['User-Agent: curl', 'X-Forwarded-For: 192.0.2.9'], { user_agent: 'curl', address: '127.0.0.1' }],
  ];
  const told = new Map<string, object>();
  for (const [line, headers, event] of expected) {
    const answer = await gate.send(`${line} HTTP/1.1`, headers);
    told.set(answer.headers.get('x-request-id') ?? '', event);
  }
  expect(told.size).toBe(expected.length);
  await gate.gateway.close(1000);
  for (const [id, event] of told) expect(byId(id)).toEqual([expect.objectContaining({ type: 'decision', ...event })]);
  for (const { duration_ms, time } of auditOf(file).events.filter((event) => event.type === 'decision')) {
    expect([typeof duration_ms, typeof time]).toEqual(['number', 'number']);
  }
});

it('no secret is in the audit file or in the log', async () => {
  const { form, answer } = await signInOver(gate.send, 'ann', PASSWORD);
  const ann =
    /^sallyport=([^;]+)/.exec(answer.setCookies.find((line) => line.startsWith('sallyport=')) ?? '')?.[1] ?? '';
  const login = /^sallyport-login=([^;]+)/.exec(form.setCookies[0] ?? '')?.[1] ?? '';
  const csrf = /name="csrf" value="([^"]+)"/.exec(form.body)?.[1] ?? '';
  const dead = `00.${'B'.repeat(43)}`;
  const token = `spt_${'c'.repeat(43)}`;
  // people type a password where the name belongs, and programs send secrets wherever they can
  await signInOver(gate.send, 'mistyped hunter2', 'not the password');
  await signInOver(gate.send, 'ann', 'wrong horse');
  await gate.send('GET /a?token=querysecret HTTP/1.1', [...as(ann), 'Authorization: Basic YW5uOmh1bnRlcjI=']);
  await gate.send('GET /a HTTP/1.1', as(dead));
  await gate.send('GET /a HTTP/1.1', [`Authorization: Bearer ${token}`]);
  await gate.send('GET /a HTTP/1.1', [`Cookie: sallyport=${ann}; sallyport=${dead}`]);
  await gate.send('GET /closed HTTP/1.1', [...as(ann), `User-Agent: Bearer ${token}`]);
  // failures inside are logged with their details
  gate.gateway.services.store.position = () => {
    throw new Error(`failed for sallyport=${ann}`);
  };
  expect((await gate.send('GET /a HTTP/1.1', as(ann))).status).toBe(500);
  await gate.gateway.close(1000);
  const written = readFileSync(file, 'utf8') + gate.logged.join('');
  const root = readFileSync(join(gate.directory, 'data', 'secret'), 'utf8').trim();
  const secrets = { ann, login, csrf, dead, token, root, PASSWORD, mistyped: 'hunter2', wrong: 'wrong horse' };
  for (const [name, secret] of Object.entries({ ...secrets, query: 'querysecret', basic: 'YW5uOmh1bnRlcjI=' })) {
    expect(secret.length, name).toBeGreaterThan(6);
    expect(written.includes(secret), `${name} was written`).toBe(false);
    expect(written.includes(encodeURIComponent(secret)), `${name} was written, encoded`).toBe(false);
  }
});

describe('while the audit file cannot be written', () => {
  beforeEach(() => {
    renameSync(file, `${file}.1`);
    mkdirSync(file);
  });

  it('nobody is signed in and no session stays, until it can be written again', async () => {
    const { answer } = await signInOver(gate.send, 'ann', PASSWORD);
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(answer.setCookies.filter((line) => line.startsWith('sallyport='))).toEqual([]);
    expect(await gate.gateway.services.sessions.listUser('staff:ann')).toEqual([]);
    // a wrong password is not told apart
    expect((await signInOver(gate.send, 'ann', 'wrong horse')).answer.status).toBe(503);

    rmdirSync(file);
    const ann = await gate.signIn('ann');
    expect((await gate.send('GET /a HTTP/1.1', as(ann))).status).toBe(200);
    expect(auditOf(file).events).toContainEqual(expect.objectContaining({ action: 'sign_in', result: 'success' }));
  });

  it('requests go on, and their decisions are written later', async () => {
    // otherwise the path is looked at once a second, and until then the renamed file is written
    gate.gateway.services.audit.reopen();
    const answer = await gate.send('GET /open HTTP/1.1');
    expect(answer.status).toBe(200);
    await gate.logs(/audit file cannot be written/);
    rmdirSync(file);
    await gate.logs(/audit file is written again/);
    expect(byId(answer.headers.get('x-request-id'))).toEqual([expect.objectContaining({ route: 'open', status: 200 })]);
  });
});
