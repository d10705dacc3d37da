import { generateSync } from 'otplib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { UserId } from '../../src/core/subject.ts';
import { CODE_WINDOW_MS } from '../../src/identity/factors/attempts.ts';
import { handClock } from '../stores/ports.ts';
import { sallyport } from '../support/command.ts';
import { enrolTotp } from '../support/enrol.ts';
import { openTestGateway, PASSWORD, sessionCookieOf, signInOver, type TestGateway } from '../support/gateway.ts';
import type { RawAnswer } from '../support/raw.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';
import { auditOf } from './process.ts';

const POLICY = `
version: 1
policy: careful
rules:
  - allow: staff
    when: { identity.groups: { any_of: [staff] } }
  - step_up: to-write
    when: { any: [{ request.method: { none_of: [GET, HEAD] } }, { request.path: { prefix: /vault } }] }
    require: { level: medium, max_age: 15m }
`;
const NAVIGATION = ['Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document', 'Accept: text/html'];
const STEP_UP = '/.sallyport/step-up';

const clock = handClock();
let upstream: RecordingUpstream;
let first: TestGateway;
let second: TestGateway;
let secret: Uint8Array;

beforeAll(async () => {
  upstream = await openUpstream();
  const config = `audit: { file: audit.ndjson }\nroutes:\n  - { route: app, match: { host: app.test }, upstream: "${upstream.origin}", policy: careful }\n`;
  const policies = { 'careful.yaml': POLICY };
  first = await openTestGateway({ config, policies, clock });
  second = await openTestGateway({ config, policies, clock, store: `{ path: ${first.directory}/data }` });
  await first.addUser('ann');
  await first.addUser('bob');
});
afterAll(async () => {
  await second.close();
  await first.close();
  await upstream.close();
});
beforeEach(() => {
  upstream.reset();
  clock.advance(60_000);
});

const codeNow = () => generateSync({ secret, epoch: Math.floor(clock.now() / 1000) });
const as = (cookie: string): string => `Cookie: sallyport=${cookie}`;
const hidden = (answer: RawAnswer): Record<string, string> =>
  Object.fromEntries(
    [...answer.body.matchAll(/<input type="hidden" name="([a-z_]+)" value="([^"]*)"/g)].map(([, name, value]) => [
      name,
      (value as string).replaceAll('&amp;', '&'),
    ]),
  );
const cookieOf = (answer: RawAnswer): string =>
  answer.setCookies.map((line) => /^sallyport=([^;]+)/.exec(line)?.[1]).find((value) => value !== undefined) ?? '';
async function post(gate: TestGateway, path: string, cookie: string, fields: Record<string, string>) {
  const body = new URLSearchParams(fields).toString();
  const headers = [
    'Host: app.test',
    'Origin: http://app.test',
    'Sec-Fetch-Site: same-origin',
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Accept: text/html',
    cookie,
  ];
  return gate.send(`POST ${path} HTTP/1.1`, headers, body);
}
/** Enrols; the code of this step is used up. */
async function enrol(user: UserId): Promise<void> {
  secret = await enrolTotp(first, clock, user);
}

describe('somebody without a second factor', () => {
  it('is told how to get one, and reaches nothing', async () => {
    const bob = await first.signIn('bob');
    const asked = await first.send('GET /vault HTTP/1.1', [...NAVIGATION, as(bob)]);
    expect(asked.status).toBe(302);
    const page = await first.send(`GET ${asked.headers.get('location')} HTTP/1.1`, [...NAVIGATION, as(bob)]);
    expect(page.status).toBe(403);
    expect(page.body).toContain('/.sallyport/me');
    expect(upstream.hits).toHaveLength(0);
  });
});

describe('stepping up', () => {
  let before: string;
  it('signs in with password and code; the elevation runs out', async () => {
    await enrol('staff:ann');
    clock.advance(60_000);
    const { answer } = await signInOver(first.send, 'ann', PASSWORD);
    expect(answer.status).toBe(200);
    const login = answer.setCookies.map((line) => `Cookie: ${line.split(';')[0]}`).join('; ');
    const done = await post(first, '/.sallyport/login', login, { ...hidden(answer), code: codeNow() });
    before = sessionCookieOf(done);
    expect((await first.send('GET /vault HTTP/1.1', [as(before)])).status).toBe(200);
    clock.advance(15 * 60_000);
    expect((await first.send('GET /vault HTTP/1.1', [as(before)])).status).toBe(200);
    clock.advance(1);
    expect((await first.send('GET /vault HTTP/1.1', [as(before)])).status).toBe(401);
  });

  it('an API client and fetch get the challenge of RFC 9470, never a redirect', async () => {
    for (const headers of [[], ['Sec-Fetch-Mode: cors', 'Sec-Fetch-Dest: empty', 'Accept: text/html']]) {
      const answer = await first.send('GET /vault HTTP/1.1', [...headers, as(before)]);
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toBe(
        'Bearer error="insufficient_user_authentication", acr_values="urn:sallyport:acr:medium", max_age=900',
      );
      expect(JSON.parse(answer.body)).toMatchObject({
        reason: 'step_up_required',
        step_up_url: `${STEP_UP}?return_to=${encodeURIComponent(`${STEP_UP}?done=1`)}&level=medium&max_age=900`,
      });
    }
  });

  it('a form that a browser sent is told that it was not delivered, and where to confirm in another window', async () => {
    const body = 'text=long';
    const type = ['Content-Type: application/x-www-form-urlencoded', `Content-Length: ${body.length}`];
    const answer = await first.send('POST /notes HTTP/1.1', [...NAVIGATION, ...type, as(before)], body);
    expect(answer.status).toBe(401);
    expect(answer.body).toContain('not delivered');
    const [, href = ''] = /href="([^"]+)" target="_blank" rel="noopener"/.exec(answer.body) ?? [];
    expect(href).toMatch(/^\/\.sallyport\/step-up\?return_to=/);
    expect(upstream.hits).toHaveLength(0);
  });

  it('a browser goes to the page, confirms, comes back, and every gateway knows at once', async () => {
    const asked = await first.send('GET /vault?a=b HTTP/1.1', [...NAVIGATION, as(before)]);
    expect(asked.status).toBe(302);
    const location = asked.headers.get('location') ?? '';
    expect(location).toBe(`${STEP_UP}?return_to=%2Fvault%3Fa%3Db&level=medium&max_age=900`);
    const page = await first.send(`GET ${location} HTTP/1.1`, [...NAVIGATION, as(before)]);
    expect(page.status).toBe(200);
    const fields = hidden(page);
    expect(fields).toMatchObject({ level: 'medium', max_age: '900', return_to: '/vault?a=b', method: 'totp' });

    const wrong = await post(first, STEP_UP, as(before), { ...fields, code: '000000' });
    expect([wrong.status, cookieOf(wrong)]).toEqual([401, '']);
    const right = await post(first, STEP_UP, as(before), { ...hidden(wrong), code: codeNow() });
    expect([right.status, right.headers.get('location')]).toEqual([303, '/vault?a=b']);
    const after = cookieOf(right);
    expect(after).not.toBe(before);

    for (const gate of [first, second]) {
      expect((await gate.send('GET /vault?a=b HTTP/1.1', [as(after)])).status).toBe(200);
      const old = await gate.send('GET /vault?a=b HTTP/1.1', [as(before)]);
      // it may have been on its way when the browser got the new cookie: that one must not be taken away
      expect([old.status, old.setCookies]).toEqual([401, []]);
    }
    expect((await second.send('DELETE /x HTTP/1.1', [as(after)])).status).toBe(200);
    const { events } = auditOf(`${first.directory}/audit.ndjson`);
    const mine = events.filter(({ action }) => action === 'step_up');
    expect(mine).toMatchObject([
      { type: 'authentication', result: 'failure', reason: 'wrong_code', user: 'staff:ann', factors: 'totp' },
      { type: 'authentication', result: 'success', user: 'staff:ann', factors: 'totp', status: 303 },
    ]);
    before = after;
  });

  it('the same code does not do it again, nor a form of another session or from elsewhere', async () => {
    const page = await first.send(`GET ${STEP_UP}?return_to=/ HTTP/1.1`, [...NAVIGATION, as(before)]);
    const code = codeNow();
    const once = await post(first, STEP_UP, as(before), { ...hidden(page), code });
    expect(once.status).toBe(303);
    before = cookieOf(once);
    expect((await post(first, STEP_UP, as(before), { ...hidden(page), code })).status).toBe(401);
    const bob = await first.signIn('bob');
    expect((await post(first, STEP_UP, as(bob), { ...hidden(page), code })).status).toBe(403);
    const elsewhere = ['Origin: https://evil.example', 'Content-Length: 0', as(before)];
    expect((await first.send(`POST ${STEP_UP} HTTP/1.1`, elsewhere)).status).toBe(403);
  });

  it('return_to stays here', async () => {
    const page = await first.send(`GET ${STEP_UP}?return_to=https://evil.example/ HTTP/1.1`, [as(before)]);
    expect(hidden(page).return_to).toBe('/');
  });

  it('nobody is asked to sign in first', async () => {
    const answer = await first.send(`GET ${STEP_UP}?return_to=/vault HTTP/1.1`, NAVIGATION);
    expect(answer.headers.get('location')).toMatch(/^\/\.sallyport\/login\?return_to=%2F\.sallyport%2Fstep-up/);
  });

  it('the window that was opened to confirm says what to do next', async () => {
    const page = await first.send(`GET ${STEP_UP}?done=1 HTTP/1.1`, [...NAVIGATION, as(before)]);
    expect(page.body).toContain('reload');
  });

  it('guesses are counted, and the session goes on', async () => {
    clock.advance(CODE_WINDOW_MS);
    const page = await first.send(`GET ${STEP_UP}?return_to=/ HTTP/1.1`, [...NAVIGATION, as(before)]);
    const sent = Array.from({ length: 20 }, () =>
      post(first, STEP_UP, as(before), { ...hidden(page), code: '000000' }),
    );
    const statuses = (await Promise.all(sent)).map(({ status }) => status).sort();
    expect(statuses).toEqual([...Array(10).fill(401), ...Array(10).fill(429)]);
    expect((await first.send('GET /notes HTTP/1.1', [as(before)])).status).toBe(200);
  });

  it('a session that is revoked is over, whatever it proved', async () => {
    const revoked = await sallyport(['session', 'revoke', '--user', 'ann', '--config', first.configFile]);
    expect(revoked.code).toBe(0);
    expect((await first.send('GET /vault HTTP/1.1', [as(before)])).status).toBe(401);
  });

  it('whoever lost all factors gets in with the password again once an administrator took them away', async () => {
    expect((await signInOver(second.send, 'ann', PASSWORD)).answer.status).toBe(200);
    const reset = await sallyport(['user', 'reset-factors', 'ann', '--config', first.configFile]);
    expect([reset.code, reset.stdout]).toEqual([0, expect.stringContaining('staff:ann has no second factor any more')]);
    expect((await signInOver(second.send, 'ann', PASSWORD)).answer.status).toBe(303);
    const { events } = auditOf(`${first.directory}/audit.ndjson`);
    expect(events).toContainEqual(expect.objectContaining({ type: 'administration', action: 'user_reset_factors' }));
  });
});
