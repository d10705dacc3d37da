import { generateSync } from 'otplib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Answer } from '../../src/core/handler.ts';
import { LOCKOUT_LIMITS } from '../../src/identity/lockout.ts';
import { portalEndpoints } from '../../src/portal/endpoints.ts';
import { factsWith } from '../pages/facts.ts';
import { type Browser, bodyOf, headerOf, hiddenOf } from './browser.ts';
import { openWorld, PASSWORD, type World } from './world.ts';

const FRESH = 'step-up?return_to=%2Fvault&level=none&max_age=300';
const WRONG = 'wrong password';
const MINUTE = 60_000;
let world: World;
let people = 0;
let name: string;
let user: `staff:${string}`;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  name = `kim-${people++}`;
  user = `staff:${name}`;
  await world.accounts.add(name, { password: PASSWORD });
  world.events.length = 0;
  world.durable.length = 0;
  world.checked.count = 0;
});

async function signedIn(): Promise<Browser> {
  const browser = world.browser();
  expect((await browser.signIn(name, PASSWORD)).status).toBe(303);
  world.clock.advance(10 * MINUTE);
  world.checked.count = 0;
  return browser;
}
const proofsOf = async (browser: Browser) => (await world.sessionOf(browser.sessionCookie ?? ''))?.proofs;
const sent = (browser: Browser, page: Answer, fields: Record<string, string>) =>
  browser.post('step-up', { ...hiddenOf(page), ...fields });
/** A page without what differs from one to the next. */
const leveled = (answer: Answer) => bodyOf(answer).replace(/value="[^"]*"/g, '');

describe('a fresh sign-in is asked for', () => {
  test('with the password on a page, and the person is where they wanted to go, with a new secret', async () => {
    const browser = await signedIn();
    const page = await browser.get(FRESH);
    expect(page.status).toBe(200);
    expect(bodyOf(page)).toMatch(
      /<input id="password" name="password" type="password" autocomplete="current-password"/,
    );
    expect(bodyOf(page)).toContain(`value="${name}" autocomplete="username" readonly hidden`);
    expect(bodyOf(page)).not.toMatch(/name="code"|name="username"|<script/);
    expect(hiddenOf(page)).toEqual({
      ...{ csrf: expect.any(String), return_to: '/vault', method: 'password' },
      ...{ level: 'none', max_age: '300' },
    });
    const before = browser.sessionCookie ?? '';
    const answer = await sent(browser, page, { password: PASSWORD });
    expect([answer.status, headerOf(answer, 'Location')]).toEqual([303, ['/vault']]);
    expect(browser.sessionCookie).not.toBe(before);
    expect(await world.sessionOf(before)).toBeUndefined();
    expect(await proofsOf(browser)).toEqual([{ method: 'password', level: 'none', at: world.clock.now() }]);
    expect(world.durable.at(-1)).toMatchObject({
      ...{ type: 'authentication', action: 'step_up', result: 'success', user, factors: 'password', status: 303 },
    });
    expect(JSON.stringify(world.events)).not.toContain(PASSWORD);
  });

  test('a wrong one is 401 with the page again and goes on disk; the session is what it was', async () => {
    const browser = await signedIn();
    const before = browser.sessionCookie;
    const answer = await sent(browser, await browser.get(FRESH), { password: WRONG });
    expect([answer.status, headerOf(answer, 'WWW-Authenticate')]).toEqual([401, ['Bearer']]);
    expect(bodyOf(answer)).toContain('role="alert"');
    expect(bodyOf(answer)).not.toContain(WRONG);
    expect(browser.sessionCookie).toBe(before);
    expect(world.durable.at(-1)).toMatchObject({
      action: 'step_up',
      result: 'failure',
      reason: 'wrong_password',
      user,
    });
    expect((await sent(browser, answer, { password: PASSWORD })).status).toBe(303);
  });

  test('exactly one password is hashed, whatever is wrong, and it reads the same', async () => {
    const [one, two] = [await signedIn(), await signedIn()];
    const wrong = await sent(one, await one.get(FRESH), { password: WRONG });
    expect(world.checked.count).toBe(1);
    const page = await two.get(FRESH);
    // disabled between the page and the form; the command that does it ends the sessions a moment later
    await world.accounts.disable(name);
    const disabled = await sent(two, page, { password: PASSWORD });
    expect(world.checked.count).toBe(2);
    expect([disabled.status, leveled(disabled)]).toEqual([wrong.status, leveled(wrong)]);
  });

  test('the password of somebody else does not do it', async () => {
    await world.accounts.setPassword(name, 'another password');
    await world.accounts.add(`${name}-other`, { password: PASSWORD });
    const browser = world.browser();
    await browser.signIn(name, 'another password');
    const page = await browser.get(FRESH);
    const answer = await sent(browser, page, { password: PASSWORD, username: `${name}-other`, user: 'staff:ann' });
    expect(answer.status).toBe(401);
  });

  test('nor does a user of the same name elsewhere, once the provider is gone', async () => {
    const browser = await signedIn();
    const page = await browser.get(FRESH);
    const ann = await world.deps.signIn({ username: 'ann', password: PASSWORD, facts: factsWith([]) });
    const table = portalEndpoints({ ...world.deps, signIn: async () => ann });
    const elsewhere = world.browser(table);
    for (const [cookie, value] of browser.cookies) elsewhere.cookies.set(cookie, value);
    expect(ann.ok).toBe(true);
    expect((await sent(elsewhere, page, { password: PASSWORD })).status).toBe(401);
    expect(world.durable.at(-1)).toMatchObject({ result: 'failure', reason: 'unknown_user', user });
  });

  test('while too many wait, nothing is checked: 503 with the page again', async () => {
    const browser = await signedIn();
    const busy = portalEndpoints({ ...world.deps, signIn: async () => ({ ok: false, reason: 'busy', user }) });
    const crowded = world.browser(busy);
    for (const [cookie, value] of browser.cookies) crowded.cookies.set(cookie, value);
    const answer = await sent(crowded, await browser.get(FRESH), { password: PASSWORD });
    expect([answer.status, headerOf(answer, 'Retry-After')]).toEqual([503, ['2']]);
    expect(hiddenOf(answer)).toMatchObject({ return_to: '/vault', method: 'password', max_age: '300' });
    expect(world.events.at(-1)).toMatchObject({ action: 'step_up', result: 'refused', reason: 'busy', user });
  });

  test('guesses are counted with those of signing in, and the owner elsewhere is spared', async () => {
    const thief = await signedIn();
    const facts = { clientAddress: '198.51.100.7', deviceCookie: null };
    const page = await thief.get(FRESH, facts);
    const guess = () => thief.post('step-up', { ...hiddenOf(page), password: WRONG }, { facts });
    const statuses = (await Promise.all(Array.from({ length: 20 }, guess))).map(({ status }) => status).sort();
    const { perUser } = LOCKOUT_LIMITS;
    expect(statuses).toEqual([...Array(perUser).fill(401), ...Array(20 - perUser).fill(429)]);
    expect(world.checked.count).toBe(perUser);
    const right = await thief.post('step-up', { ...hiddenOf(page), password: PASSWORD }, { facts });
    expect([right.status, headerOf(right, 'Retry-After')]).toEqual([429, [String(LOCKOUT_LIMITS.windowMs / 1000)]]);
    expect(world.events.at(-1)).toMatchObject({ action: 'step_up', result: 'refused', reason: 'locked_out', user });
    const stranger = world.browser();
    expect((await stranger.signIn(name, PASSWORD, '/', { facts })).status).toBe(429);
    expect((await world.browser().signIn(name, PASSWORD)).status).toBe(303);
    expect(await world.sessionOf(thief.sessionCookie ?? '')).toBeDefined();
  });

  test('only by a form of this session, from our page', async () => {
    const [other, browser] = [await signedIn(), await signedIn()];
    const page = await browser.get(FRESH);
    const fields = { ...hiddenOf(page), password: PASSWORD };
    expect((await other.post('step-up', fields)).status).toBe(403);
    const headers = ['Origin', 'https://evil.example', 'Sec-Fetch-Site', 'cross-site'];
    expect((await browser.post('step-up', fields, { headers })).status).toBe(403);
    world.clock.advance(10 * MINUTE + 1);
    expect((await browser.post('step-up', fields)).status).toBe(403);
    expect(world.checked.count).toBe(0);
  });

  test('and it is no sign-in: a first factor still wants one', async () => {
    const browser = await signedIn();
    world.clock.advance(1);
    expect((await sent(browser, await browser.get(FRESH), { password: PASSWORD })).status).toBe(303);
    const me = await browser.get('me');
    expect(bodyOf(me)).toContain('href="/.sallyport/login?return_to=%2F.sallyport%2Fme&amp;prompt=login"');
    const late = await browser.post('me/factors', { csrf: hiddenOf(me).csrf ?? '', action: 'enrol_totp' });
    expect(late.status).toBe(403);
  });
});

describe('with a second factor', () => {
  const code = (secret: Uint8Array) => generateSync({ secret, epoch: Math.floor(world.clock.now() / 1000) });
  async function withCode(): Promise<{ browser: Browser; secret: Uint8Array }> {
    const secret = await world.enrol(name);
    const browser = world.browser();
    const hidden = hiddenOf(await browser.signIn(name, PASSWORD));
    expect((await browser.post('login', { ...hidden, code: code(secret) })).status).toBe(303);
    world.clock.advance(10 * MINUTE);
    return { browser, secret };
  }
  const link = (page: Answer, text: string) =>
    new RegExp(`<a href="/\\.sallyport/([^"]+)">${text}`).exec(bodyOf(page))?.[1]?.replaceAll('&amp;', '&') ?? '';

  test('a code comes first where both do, and the password is a link away', async () => {
    const { browser, secret } = await withCode();
    const page = await browser.get(FRESH);
    expect(bodyOf(page)).toContain('name="code"');
    const other = await browser.get(link(page, 'Use the password instead'));
    expect(bodyOf(other)).toContain('name="password"');
    const back = await browser.get(link(other, 'Use a code instead'));
    expect(bodyOf(back)).toContain('name="code"');
    expect((await sent(browser, back, { code: code(secret) })).status).toBe(303);
    const answer = await sent(browser, other, { password: PASSWORD });
    expect([answer.status, headerOf(answer, 'Location')]).toEqual([303, ['/vault']]);
  });

  test('without a need it is about codes', async () => {
    const { browser } = await withCode();
    const page = await browser.get('step-up?return_to=%2Fvault');
    expect(bodyOf(page)).toContain('name="code"');
    expect(bodyOf(page)).not.toContain('Use the password instead');
    const other = world.browser();
    await other.signIn('bob', PASSWORD);
    expect((await other.get('step-up?return_to=%2Fvault')).status).toBe(403);
  });

  test('what only the password gives asks for nothing else', async () => {
    const { browser } = await withCode();
    const page = await browser.get('step-up?return_to=/vault&level=none&max_age=300&methods=password');
    expect(bodyOf(page)).toContain('name="password"');
    expect(bodyOf(page)).not.toContain('Use a code instead');
  });

  test.each(['level=none&max_age=300&all_of=password,totp', 'level=medium&max_age=300&methods=password'])(
    'where both are asked for (%s) one follows the other',
    async (need) => {
      const { browser, secret } = await withCode();
      const first = await browser.get(`step-up?return_to=%2Fvault&${need}`);
      const next = await sent(browser, first, { code: code(secret) });
      const [location = ''] = headerOf(next, 'Location');
      expect(location).toBe(`/.sallyport/step-up?return_to=%2Fvault&${need}`);
      const second = await browser.get(location.slice('/.sallyport/'.length));
      expect(bodyOf(second)).toContain('name="password"');
      expect(bodyOf(second)).not.toContain('Use a code instead');
      expect(headerOf(await sent(browser, second, { password: PASSWORD }), 'Location')).toEqual(['/vault']);
      expect((await proofsOf(browser))?.map(({ method }) => method).sort()).toEqual(['password', 'totp']);
    },
  );

  test('a password proves no level', async () => {
    const { browser } = await withCode();
    const page = await browser.get('step-up?return_to=%2Fvault&level=medium&max_age=300');
    expect(bodyOf(page)).not.toContain('Use the password instead');
    // somebody may send one all the same: the policy judges what it proves
    expect((await sent(browser, page, { method: 'password', password: PASSWORD })).status).toBe(303);
    expect((await proofsOf(browser))?.find(({ method }) => method === 'password')).toMatchObject({ level: 'none' });
  });
});

describe('signing in again in the same browser', () => {
  test('whoever is signed in gets the form with prompt=login alone, and the session is another then', async () => {
    const browser = await signedIn();
    const before = browser.sessionCookie ?? '';
    expect((await browser.get('login?return_to=%2Fvault')).status).toBe(303);
    const page = await browser.get('login?return_to=%2Fvault&prompt=login');
    expect([page.status, hiddenOf(page).return_to]).toEqual([200, '/vault']);
    expect(browser.sessionCookie).toBe(before);
    const answer = await browser.post('login', { ...hiddenOf(page), username: name, password: PASSWORD });
    expect([answer.status, headerOf(answer, 'Location')]).toEqual([303, ['/vault']]);
    expect(await world.sessionOf(before)).toBeUndefined();
    expect(await proofsOf(browser)).toEqual([{ method: 'password', level: 'none', at: world.clock.now() }]);
  });
  test('where to stays here', async () => {
    const browser = await signedIn();
    const page = await browser.get('login?return_to=https%3A%2F%2Fevil.example%2F&prompt=login');
    expect(hiddenOf(page).return_to).toBe('/');
  });
  test('an account whose password was taken away is sent there', async () => {
    const browser = await signedIn();
    await world.accounts.setPassword(name, undefined);
    const page = await browser.get(FRESH);
    expect(bodyOf(page)).toContain('href="/.sallyport/login?return_to=%2Fvault&amp;prompt=login"');
    expect(bodyOf(page)).not.toContain('<form');
  });
});
