import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { deriveKey } from '../../src/keys/derive.ts';
import { formToken } from '../../src/portal/form.ts';
import { person, start } from '../sessions/people.ts';
import { handClock } from '../stores/ports.ts';
import { cookiesSetBy, hiddenIn, NAVIGATION, postForm } from '../support/forms.ts';
import { openTestGateway, PASSWORD, signInOver, type TestGateway } from '../support/gateway.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';
import { auditOf } from './process.ts';

const POLICY = `
version: 1
policy: fresh
rules:
  - allow: staff
    when: { identity.groups: { any_of: [staff] } }
  - step_up: signed-in-lately
    when: { request.path: { prefix: /vault } }
    require: { max_age: 5m }
  - step_up: password-lately
    when: { request.path: { prefix: /word } }
    require: { methods: [password], max_age: 5m }
`;
const STEP_UP = '/.sallyport/step-up';
const MINUTE = 60_000;
const clock = handClock();
let upstream: RecordingUpstream;
let gate: TestGateway;
beforeAll(async () => {
  upstream = await openUpstream();
  const config = `
audit: { file: audit.ndjson }
identity:
  providers:
    - { id: staff, type: local }
    - { id: people, type: jwt, issuer: "https://issuer.test", jwks: keys.json, audience: app }
routes:
  - { route: app, match: { host: app.test }, upstream: "${upstream.origin}", policy: fresh, user_prefix: true }
`;
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keys = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: '1', alg: 'ES256' }] });
  gate = await openTestGateway({ config, policies: { 'fresh.yaml': POLICY }, files: { 'keys.json': keys }, clock });
  await gate.addUser('ann');
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});
beforeEach(() => upstream.reset());

const reached = () => upstream.hits.map(({ method, url }) => `${method} ${url}`);
const open = (path: string, cookie: string) =>
  gate.send(`GET ${path} HTTP/1.1`, ['Host: app.test', ...NAVIGATION, `Cookie: ${cookie}`]);
async function signedIn(name: string, password: string): Promise<string> {
  const cookie = cookiesSetBy((await signInOver(gate.send, name, password)).answer);
  expect(cookie).toContain('sallyport=');
  clock.advance(5 * MINUTE + 1);
  return cookie;
}

describe('a sign-in that is too old', () => {
  it.each(['/vault/a?b=c', '/word/a?b=c'])('%s: the password is asked for, and the person comes back', async (path) => {
    const before = await signedIn('ann', PASSWORD);
    const asked = await open(path, before);
    const location = asked.headers.get('location') ?? '';
    expect([asked.status, location.startsWith(`${STEP_UP}?return_to=${encodeURIComponent(path)}&level=none`)]).toEqual([
      302,
      true,
    ]);
    const page = await open(location, before);
    expect([page.status, page.body]).toEqual([200, expect.stringContaining('type="password"')]);
    const wrong = await postForm(gate.send, STEP_UP, before, { ...hiddenIn(page), password: 'wrong password' });
    expect([wrong.status, wrong.setCookies]).toEqual([401, []]);
    expect((await open(path, before)).status).toBe(302);
    expect(reached()).toEqual([]);

    const right = await postForm(gate.send, STEP_UP, before, { ...hiddenIn(wrong), password: PASSWORD });
    expect([right.status, right.headers.get('location')]).toEqual([303, path]);
    expect((await open(path, cookiesSetBy(right))).status).toBe(200);
    expect((await open(path, before)).status).not.toBe(200);
    expect(reached()).toEqual([`GET ${path}`]);
    const mine = auditOf(`${gate.directory}/audit.ndjson`).events.filter(({ action }) => action === 'step_up');
    expect(mine.slice(-2)).toMatchObject([
      { result: 'failure', reason: 'wrong_password', user: 'staff:ann', factors: 'password', status: 401 },
      { result: 'success', user: 'staff:ann', factors: 'password', status: 303 },
    ]);
    expect(JSON.stringify(mine)).not.toContain(PASSWORD);
    const metrics = await fetch(`http://127.0.0.1:${gate.adminPort}/metrics`).then((answer) => answer.text());
    expect(metrics).toMatch(/sallyport_authentications_total\{method="password",result="wrong_password"\} [1-9]/);
  });

  it('an API client gets the challenge of RFC 9470, never a redirect', async () => {
    const cookie = await signedIn('ann', PASSWORD);
    const answer = await gate.send('GET /vault HTTP/1.1', ['Host: app.test', `Cookie: ${cookie}`]);
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
      401,
      'Bearer error="insufficient_user_authentication", max_age=300',
    ]);
    expect(reached()).toEqual([]);
  });

  it('signing in again does too, in the same browser, with a new session', async () => {
    const before = await signedIn('ann', PASSWORD);
    const login = '/.sallyport/login?return_to=%2Fvault&prompt=login';
    const form = await open(login, before);
    expect([form.status, hiddenIn(form).return_to]).toEqual([200, '/vault']);
    const fields = { ...hiddenIn(form), username: 'ann', password: PASSWORD };
    const done = await postForm(gate.send, '/.sallyport/login', `${before}; ${cookiesSetBy(form)}`, fields);
    expect([done.status, done.headers.get('location')]).toEqual([303, '/vault']);
    expect((await open('/vault', cookiesSetBy(done))).status).toBe(200);
    expect((await open('/', before)).status).toBe(302);
  });
});

describe('somebody whose password is not asked for here', () => {
  // whom a provider elsewhere signed in; none of those is built yet, so the session is made by hand
  async function signedInElsewhere(): Promise<string> {
    const subject = { ...person('ann', { groups: ['staff'] }), user: 'people:ann', provider: 'people' } as const;
    const proofs = [{ method: 'oidc', level: 'none', at: clock.now() }] as const;
    const { cookie } = await gate.gateway.services.sessions.create(subject, {
      ...start(clock.now(), 'http:app.test'),
      proofs,
    });
    clock.advance(5 * MINUTE + 1);
    return `sallyport=${cookie}`;
  }
  const link = '/.sallyport/login?return_to=%2Fvault&prompt=login';

  it('is told to sign in again, with a link that leads to the form and then to the same place', async () => {
    const before = await signedInElsewhere();
    expect((await open('/', before)).status).toBe(200);
    const asked = await open('/vault', before);
    const told = await open(asked.headers.get('location') ?? '', before);
    expect([told.status, told.body]).toEqual([200, expect.stringContaining(`href="${link.replace('&', '&amp;')}"`)]);
    expect(told.body).not.toContain('<form');

    const form = await open(link, before);
    const fields = { ...hiddenIn(form), username: 'ann', password: PASSWORD };
    const done = await postForm(gate.send, '/.sallyport/login', `${before}; ${cookiesSetBy(form)}`, fields);
    expect([done.status, done.headers.get('location')]).toEqual([303, '/vault']);
    expect((await open('/vault', cookiesSetBy(done))).status).toBe(200);
    expect(reached()).toEqual(['GET /', 'GET /vault']);
  });

  it('is told that nothing helps where only a password does', async () => {
    const before = await signedInElsewhere();
    const asked = await open('/word', before);
    const told = await open(asked.headers.get('location') ?? '', before);
    expect([told.status, told.body]).toEqual([403, expect.not.stringContaining('<form')]);
  });

  it('cannot use the password of somebody of the same name here', async () => {
    const before = await signedInElsewhere();
    // the token of a form is the session's own: that of any page for stepping up will do
    const { sid } = JSON.parse((await open('/.sallyport/userinfo', before)).body);
    const key = deriveKey(readFileSync(join(gate.directory, 'data/secret')).subarray(0, -1), 'csrf');
    const csrf = formToken(key, 'step-up', sid, clock.now());
    for (const username of ['ann', 'staff:ann', 'people:ann']) {
      const fields = { csrf, return_to: '/vault', level: 'none', method: 'password', password: PASSWORD, username };
      const answer = await postForm(gate.send, STEP_UP, before, fields);
      expect([answer.status, answer.setCookies]).not.toEqual([303, expect.anything()]);
      expect((await open('/vault', before)).status).toBe(302);
    }
    const mine = () =>
      auditOf(`${gate.directory}/audit.ndjson`)
        .events.filter(({ action, user }) => action === 'step_up' && user === 'people:ann')
        .map(({ result, reason }) => [result, reason]);
    await expect.poll(mine, { timeout: 5000 }).toEqual(Array(3).fill(['refused', 'not_enrolled']));
    expect(reached()).toEqual([]);
  });
});
