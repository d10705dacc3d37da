import { generateSync } from 'otplib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Answer } from '../../src/core/handler.ts';
import type { Recorder } from '../../src/core/ports.ts';
import { MANAGE_FACTORS_MS } from '../../src/identity/factors/managing.ts';
import { deviceWord } from '../../src/portal/device-word.ts';
import { portalEndpoints } from '../../src/portal/endpoints.ts';
import { type Browser, bodyOf, headerOf, hiddenOf } from './browser.ts';
import { openWorld, PASSWORD, type World } from './world.ts';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
let world: World;
let people = 0;
let name: string;
let user: `staff:${string}`;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  name = `mia-${people++}`;
  user = `staff:${name}`;
  await world.accounts.add(name, { password: PASSWORD });
  world.events.length = 0;
  world.durable.length = 0;
});

const codeOf = (secret: string) => generateSync({ secret, epoch: Math.floor(world.clock.now() / 1000) });
const secretOn = (answer: Answer): string => /<code>([A-Z2-7]{32})<\/code>/.exec(bodyOf(answer))?.[1] ?? '';
const csrfOf = async (browser: Browser): Promise<string> => hiddenOf(await browser.get('me')).csrf ?? '';
const act = async (browser: Browser, path: string, fields: Record<string, string>): Promise<Answer> =>
  browser.post(path, { csrf: await csrfOf(browser), ...fields });
const factorsOf = async (browser: Browser) => JSON.parse(bodyOf(await browser.get('me/factors'))).factors;

async function signedIn(): Promise<Browser> {
  const browser = world.browser();
  // sessions are listed by when they began
  world.clock.advance(1);
  expect((await browser.signIn(name, PASSWORD)).status).toBe(303);
  return browser;
}
/** Sends the form of a page that shows a secret, with a code. */
const confirm = (browser: Browser, page: Answer, code: string): Promise<Answer> =>
  browser.post('me/factors', { ...hiddenOf(page), code });
async function enrol(browser: Browser): Promise<string> {
  const page = await act(browser, 'me/factors', { action: 'enrol_totp' });
  const secret = secretOn(page);
  const done = await confirm(browser, page, codeOf(secret));
  expect([done.status, headerOf(done, 'Location')]).toEqual([303, ['/.sallyport/me']]);
  world.clock.advance(30_000);
  return secret;
}
async function stepUp(browser: Browser, secret: string): Promise<void> {
  const hidden = await browser.openForm('step-up?return_to=/');
  expect((await browser.post('step-up', { ...hidden, method: 'totp', code: codeOf(secret) })).status).toBe(303);
}

describe('enrolling', () => {
  test('shows a picture and the secret, and makes a factor with a code', async () => {
    const browser = await signedIn();
    const page = await act(browser, 'me/factors', { action: 'enrol_totp' });
    expect(page.status).toBe(200);
    expect(bodyOf(page)).toMatch(/<svg class="qr" role="img" aria-label="[^"]+" viewBox="0 0 \d+ \d+"/);
    expect(bodyOf(page)).not.toMatch(/ style=|<script|<img/);
    const code = codeOf(secretOn(page));
    const wrong = await confirm(browser, page, code === '000000' ? '1' : '000000');
    expect([wrong.status, secretOn(wrong)]).toEqual([401, secretOn(page)]);
    expect(await factorsOf(browser)).toEqual([]);
    expect((await confirm(browser, wrong, code)).status).toBe(303);
    expect(await factorsOf(browser)).toEqual([
      {
        id: expect.stringMatching(/^fac_/),
        method: 'totp',
        created_at: new Date(world.clock.now()).toISOString(),
        last_used_at: null,
      },
    ]);
    const event = { action: 'factor_add', user, factors: 'totp' };
    const [{ id }] = await factorsOf(browser);
    expect(world.events.slice(-3)).toMatchObject([
      { ...event, result: 'failure', reason: 'wrong_code', status: 401 },
      { ...event, result: 'allow', detail: id },
      { ...event, result: 'success', detail: id, status: 303 },
    ]);
    expect(world.durable.at(-1)).toMatchObject({ result: 'allow' });
    expect(JSON.stringify(world.events)).not.toContain(secretOn(page));
  });
  test('whoever shares the session is not shown the secret by a wrong code, nor finishes what another form began', async () => {
    const browser = await signedIn();
    const page = await act(browser, 'me/factors', { action: 'enrol_totp' });
    const secret = secretOn(page);
    for (const more of [{}, { enrolment: '' }, { enrolment: 'AAAAAAAAAAAAAAAAAAAAAA' }])
      for (const code of ['000000', codeOf(secret)]) {
        const answer = await act(browser, 'me/factors', { action: 'confirm_totp', code, ...more });
        expect([answer.status, secretOn(answer)]).toEqual([303, '']);
      }
    expect(await factorsOf(browser)).toEqual([]);
    expect((await confirm(browser, page, codeOf(secret))).status).toBe(303);
    expect(await factorsOf(browser)).toHaveLength(1);
  });
  test('beginning again shows another secret, and the first is void', async () => {
    const browser = await signedIn();
    const first = await act(browser, 'me/factors', { action: 'enrol_totp' });
    const second = await act(browser, 'me/factors', { action: 'enrol_totp' });
    expect(secretOn(second)).not.toBe(secretOn(first));
    const stale = await confirm(browser, first, codeOf(secretOn(first)));
    expect([stale.status, secretOn(stale)]).toEqual([303, '']);
    expect(world.durable.at(-1)).toMatchObject({ action: 'factor_add', result: 'failure', reason: 'not_begun' });
    const mixed = await confirm(browser, second, codeOf(secretOn(first)));
    expect([mixed.status, secretOn(mixed)]).toEqual([401, secretOn(second)]);
    expect((await confirm(browser, second, codeOf(secretOn(second)))).status).toBe(303);
  });
  test('does not raise the session', async () => {
    const browser = await signedIn();
    await enrol(browser);
    const session = await world.sessionOf(browser.sessionCookie ?? '');
    expect(session?.proofs.map(({ method }) => method)).toEqual(['password']);
  });
  test('the first factor only within ten minutes of signing in', async () => {
    const browser = await signedIn();
    world.clock.advance(MANAGE_FACTORS_MS);
    const inTime = await act(browser, 'me/factors', { action: 'enrol_totp' });
    expect(inTime.status).toBe(200);
    world.clock.advance(1);
    const late = await browser.post('me/factors', {
      csrf: hiddenOf(await browser.get('me')).csrf ?? '',
      action: 'enrol_totp',
    });
    expect([late.status, secretOn(late)]).toEqual([403, '']);
    expect(bodyOf(late)).toContain('sign in again');
    // what was begun in time is not finished out of time either
    expect((await confirm(browser, inTime, codeOf(secretOn(inTime)))).status).toBe(403);
    expect(await factorsOf(browser)).toEqual([]);
  });
  test('another one only with a factor that was shown lately', async () => {
    const secret = await enrol(await signedIn());
    const other = world.browser();
    const hidden = hiddenOf(await other.signIn(name, PASSWORD));
    expect((await other.post('login', { ...hidden, code: codeOf(secret) })).status).toBe(303);
    expect((await act(other, 'me/factors', { action: 'enrol_totp' })).status).toBe(200);
    world.clock.advance(MANAGE_FACTORS_MS + 1);
    const late = await act(other, 'me/factors', { action: 'enrol_totp' });
    expect(headerOf(late, 'Location')).toEqual([
      '/.sallyport/step-up?return_to=%2F.sallyport%2Fme&level=medium&max_age=600',
    ]);
    await stepUp(other, secret);
    expect((await act(other, 'me/factors', { action: 'enrol_totp' })).status).toBe(200);
  });
  test('a session of before, with the password alone, cannot take the new factor away', async () => {
    const intruder = await signedIn();
    const owner = await signedIn();
    await enrol(owner);
    const [{ id }] = await factorsOf(owner);
    for (const fields of [{ action: 'remove', id }, { action: 'enrol_totp' }, { action: 'backup_codes' }]) {
      const answer = await act(intruder, 'me/factors', fields);
      expect(headerOf(answer, 'Location')[0]).toMatch(/^\/\.sallyport\/step-up/);
    }
    expect(await factorsOf(owner)).toHaveLength(1);
  });
  test('has a bound, and says so', async () => {
    const browser = await signedIn();
    for (let i = 0; i < 3; i++) await enrol(browser);
    const page = await act(browser, 'me/factors', { action: 'enrol_totp' });
    const answer = await confirm(browser, page, codeOf(secretOn(page)));
    expect([answer.status, bodyOf(answer)]).toEqual([403, expect.stringContaining('too many')]);
  });
});

describe('backup codes and removing', () => {
  test('codes are shown once and are good for signing in', async () => {
    const browser = await signedIn();
    await enrol(browser);
    const page = await act(browser, 'me/factors', { action: 'backup_codes' });
    const codes = Array.from(bodyOf(page).matchAll(/<code>([2-9A-Z-]{9})<\/code>/g), ([, code]) => code as string);
    expect(codes).toHaveLength(10);
    const again = bodyOf(await browser.get('me'));
    for (const code of codes) expect(again).not.toContain(code);
    const other = world.browser();
    const fields = { ...hiddenOf(await other.signIn(name, PASSWORD)), method: 'backup_code', code: codes[0] ?? '' };
    expect((await other.post('login', fields)).status).toBe(303);
    expect(
      (await factorsOf(browser)).map(({ method, left }: { method: string; left?: number }) => [method, left]),
    ).toEqual([
      ['totp', undefined],
      ['backup_code', 9],
    ]);
  });
  test('with the last authenticator the codes go, and the password is enough again', async () => {
    const browser = await signedIn();
    await enrol(browser);
    await act(browser, 'me/factors', { action: 'backup_codes' });
    const [{ id }] = await factorsOf(browser);
    expect((await act(browser, 'me/factors', { action: 'remove', id })).status).toBe(303);
    expect(await factorsOf(browser)).toEqual([]);
    await signedIn();
  });
  test('nobody removes what is not theirs', async () => {
    const browser = await signedIn();
    await enrol(browser);
    const [{ id }] = await factorsOf(browser);
    const owner = name;
    name = 'bob';
    const bob = await signedIn();
    await enrol(bob);
    expect((await act(bob, 'me/factors', { action: 'remove', id })).status).toBe(404);
    expect(await world.factors.list(`staff:${owner}`)).toHaveLength(1);
  });
});

describe('removing a factor', () => {
  test('takes what it proved from every session, the very one that removed it too', async () => {
    const secret = await enrol(await signedIn());
    const again = async () => {
      const browser = world.browser();
      const hidden = hiddenOf(await browser.signIn(name, PASSWORD));
      expect((await browser.post('login', { ...hidden, code: codeOf(secret) })).status).toBe(303);
      world.clock.advance(30_000);
      return browser;
    };
    const [owner, other] = [await again(), await again()];
    const methods = async (browser: Browser) =>
      (await world.sessionOf(browser.sessionCookie ?? ''))?.proofs.map(({ method }) => method);
    expect([await methods(owner), await methods(other)]).toEqual([
      ['password', 'totp'],
      ['password', 'totp'],
    ]);
    // a second one first: with none at all nobody would be asked
    await enrol(owner);
    const [{ id }] = await factorsOf(owner);
    expect((await act(owner, 'me/factors', { action: 'remove', id })).status).toBe(303);
    expect([await methods(owner), await methods(other)]).toEqual([['password'], ['password']]);
    // so nothing is changed on the strength of it
    const answer = await act(other, 'me/factors', { action: 'backup_codes' });
    expect(headerOf(answer, 'Location')[0]).toMatch(/^\/\.sallyport\/step-up/);
  });
  test('new backup codes take what the former ones proved', async () => {
    const secret = await enrol(await signedIn());
    const [code = ''] = await world.makeBackupCodes(name);
    const thief = world.browser();
    const hidden = hiddenOf(await thief.signIn(name, PASSWORD));
    expect((await thief.post('login', { ...hidden, method: 'backup_code', code })).status).toBe(303);
    const owner = world.browser();
    const fields = { ...hiddenOf(await owner.signIn(name, PASSWORD)), method: 'totp', code: codeOf(secret) };
    expect((await owner.post('login', fields)).status).toBe(303);
    expect((await act(owner, 'me/factors', { action: 'backup_codes' })).status).toBe(200);
    const left = (await world.sessionOf(thief.sessionCookie ?? ''))?.proofs.map(({ method }) => method);
    expect(left).toEqual(['password']);
  });
});

describe('what changes factors', () => {
  test('and is overtaken after it was recorded is recorded as a failure too', async () => {
    const browser = await signedIn();
    await enrol(browser);
    const [{ id }] = await factorsOf(browser);
    const csrf = await csrfOf(browser);
    // the sessions are ended between the record and the change
    const recorder: Recorder = {
      record: world.deps.recorder.record,
      recordDurably: async (event) => {
        await world.deps.recorder.recordDurably(event);
        if (event.result === 'allow') await world.sessions.revokeUser(user, 'cli:root', 'test');
      },
    };
    const overtaken = world.browser(portalEndpoints({ ...world.deps, recorder }));
    for (const [cookie, value] of browser.cookies) overtaken.cookies.set(cookie, value);
    expect((await overtaken.post('me/factors', { csrf, action: 'remove', id })).status).toBe(401);
    expect(await world.factors.list(user)).toHaveLength(1);
    const event = { action: 'factor_remove', detail: id, user };
    expect(world.durable.slice(-2)).toMatchObject([
      { ...event, result: 'allow' },
      { ...event, result: 'failure', reason: 'session_over', status: 401 },
    ]);
    expect(world.events.at(-1)).toMatchObject({ result: 'failure' });
  });
});

describe('own sessions', () => {
  test('are listed with device, address, activity and which is this one', async () => {
    const browser = await signedIn();
    world.clock.advance(1);
    await world.browser().signIn(name, PASSWORD, '/', {
      facts: { clientAddress: '198.51.100.9' },
      headers: ['Origin', 'https://wiki.example.com', 'User-Agent', FIREFOX],
    });
    const { sessions } = JSON.parse(bodyOf(await browser.get('me/sessions')));
    expect(sessions).toMatchObject([
      { current: true, address: '192.0.2.1', device: 'Unknown' },
      { current: false, address: '198.51.100.9', device: 'Firefox on Linux', user_agent: FIREFOX },
    ]);
    const page = bodyOf(await browser.get('me'));
    expect(page).toContain('Firefox on Linux');
    expect(page).toContain('198.51.100.9');
    expect(page.match(/\(this one\)/g)).toHaveLength(1);
  });
  test('one, the others or all can be ended', async () => {
    const [one, two, three] = [await signedIn(), await signedIn(), await signedIn()];
    const { sessions } = JSON.parse(bodyOf(await one.get('me/sessions')));
    const alive = async () =>
      Promise.all(
        [one, two, three].map(async (each) => (await world.sessionOf(each.sessionCookie ?? '')) !== undefined),
      );
    await act(one, 'me/sessions', { action: 'end', id: sessions[1].id });
    expect(await alive()).toEqual([true, false, true]);
    expect((await act(one, 'me/sessions', { action: 'end_others' })).status).toBe(303);
    expect(await alive()).toEqual([true, false, false]);
    const done = await act(one, 'me/sessions', { action: 'end_all' });
    expect(headerOf(done, 'Location')).toEqual(['/.sallyport/logout']);
    expect(one.sessionCookie).toBeUndefined();
    expect(world.durable.map(({ action }) => action).filter((action) => action !== 'sign_in')).toEqual([
      'session_revoke',
      'session_revoke_others',
      'session_revoke_all',
    ]);
  });
  test('ending this one signs out', async () => {
    const browser = await signedIn();
    const { sessions } = JSON.parse(bodyOf(await browser.get('me/sessions')));
    await act(browser, 'me/sessions', { action: 'end', id: sessions[0].id });
    expect(browser.sessionCookie).toBeUndefined();
  });
  test('never somebody else’s', async () => {
    const browser = await signedIn();
    const [other] = await world.sessions.listUser(user);
    name = 'ann';
    const ann = await signedIn();
    expect((await act(ann, 'me/sessions', { action: 'end', id: other?.id ?? '' })).status).toBe(404);
    expect(await world.sessionOf(browser.sessionCookie ?? '')).toBeDefined();
  });
});

describe('forms', () => {
  test.each(['me/sessions', 'me/factors'])('%s wants its own token, of this session, from our page', async (path) => {
    const browser = await signedIn();
    const csrf = await csrfOf(browser);
    const other = await signedIn();
    const fields = { action: 'end_all' };
    expect((await browser.post(path, fields)).status).toBe(403);
    expect((await browser.post(path, { ...fields, csrf: await csrfOf(other) })).status).toBe(403);
    const { csrf: signOut = '' } = await browser.openForm('logout');
    expect((await browser.post(path, { ...fields, csrf: signOut })).status).toBe(403);
    const headers = ['Origin', 'https://evil.example', 'Sec-Fetch-Site', 'cross-site'];
    expect((await browser.post(path, { ...fields, csrf }, { headers })).status).toBe(403);
    expect((await browser.post(path, { csrf, action: 'constructor' })).status).toBe(400);
    expect(await world.sessions.listUser(user)).toHaveLength(2);
  });
  test('over plain HTTP from elsewhere there is nothing to see', async () => {
    const browser = await signedIn();
    for (const path of ['me', 'me/factors', 'me/sessions', 'step-up'])
      expect((await browser.get(path, { scheme: 'http' })).status).toBe(403);
  });
});

test.each([
  ['', 'Unknown'],
  ['curl/8.5.0', 'Program'],
  [FIREFOX, 'Firefox on Linux'],
  [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36',
    'Chrome on Windows',
  ],
  [
    'Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0',
    'Edge on Windows',
  ],
  [
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 (KHTML, like Gecko) Version/18.0 Mobile Safari/604',
    'Safari on iPhone',
  ],
  [
    'Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36',
    'Chrome on Android',
  ],
  [
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 14_0) AppleWebKit/605 (KHTML, like Gecko) Version/18.0 Safari/605',
    'Safari on Mac',
  ],
])('%s is %s', (userAgent, word) => {
  expect(deviceWord(userAgent)).toBe(word);
});
