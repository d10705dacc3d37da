import { generateSync } from 'otplib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CODE_ATTEMPTS, CODE_WINDOW_MS } from '../../src/identity/factors/attempts.ts';
import { PENDING_SIGN_IN_MS } from '../../src/identity/factors/pending.ts';
import { type Browser, bodyOf, headerOf, hiddenOf } from './browser.ts';
import { openWorld, PASSWORD, type World } from './world.ts';

let world: World;
let people = 0;
let name: string;
let secret: Uint8Array;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  name = `eva-${people++}`;
  await world.accounts.add(name, { password: PASSWORD });
  secret = await world.enrol(name);
  world.events.length = 0;
  world.durable.length = 0;
});

const codeNow = () => generateSync({ secret, epoch: Math.floor(world.clock.now() / 1000) });
const WRONG = '000000';

/** Right password, and then the page for the code: its hidden fields. */
async function first(browser: Browser, returnTo = '/wiki'): Promise<Record<string, string>> {
  const answer = await browser.signIn(name, PASSWORD, returnTo);
  expect(answer.status).toBe(200);
  expect(browser.sessionCookie).toBeUndefined();
  return hiddenOf(answer);
}

describe('the password step', () => {
  test('makes no session, asks for the code, and goes on disk', async () => {
    const browser = world.browser();
    const hidden = await first(browser);
    expect(hidden).toEqual({ csrf: expect.any(String), return_to: '/wiki', method: 'totp' });
    expect(await world.sessions.listUser(`staff:${name}`)).toEqual([]);
    expect(world.durable).toEqual([
      expect.objectContaining({ action: 'sign_in', result: 'step_up', user: `staff:${name}`, factors: 'password' }),
    ]);
  });
  test('a wrong password tells nothing of second factors', async () => {
    const browser = world.browser();
    const enrolled = await browser.signIn(name, 'wrong password');
    const other = await world.browser().signIn('ann', 'wrong password');
    const leveled = (text: string) => text.replace(/value="[^"]*"/g, '');
    expect(leveled(bodyOf(enrolled))).toBe(leveled(bodyOf(other)));
  });
  test('a choice of codes is offered where there is one', async () => {
    await world.makeBackupCodes(name);
    const answer = await world.browser().signIn(name, PASSWORD);
    expect(bodyOf(answer)).toMatch(/<select id="method" name="method"><option value="totp">.*value="backup_code">/);
  });
});

describe('the code step', () => {
  test('a right code makes a session of both proofs, and the login cookie goes', async () => {
    const browser = world.browser();
    const hidden = await first(browser);
    const at = world.clock.now();
    world.clock.advance(1000);
    const answer = await browser.post('login', { ...hidden, code: codeNow() });
    expect([answer.status, headerOf(answer, 'Location')]).toEqual([303, ['/wiki']]);
    expect(browser.loginCookie).toBeUndefined();
    const session = await world.sessionOf(browser.sessionCookie ?? '');
    expect(session?.proofs).toEqual([
      { method: 'password', level: 'none', at },
      { method: 'totp', level: 'medium', at: at + 1000, factor: (await world.factors.list(`staff:${name}`))[0]?.id },
    ]);
    expect(world.durable.at(-1)).toMatchObject({
      action: 'sign_in',
      result: 'success',
      factors: 'password+totp',
      session: session?.id,
    });
    expect(JSON.stringify(world.events)).not.toContain(codeNow());
  });
  test('a backup code does too, once', async () => {
    const [code = ''] = await world.makeBackupCodes(name);
    const browser = world.browser();
    const hidden = await first(browser);
    expect((await browser.post('login', { ...hidden, method: 'backup_code', code })).status).toBe(303);
    expect((await world.sessionOf(browser.sessionCookie ?? ''))?.proofs).toContainEqual(
      expect.objectContaining({ method: 'backup_code', level: 'medium' }),
    );
    const again = world.browser();
    const answer = await again.post('login', { ...(await first(again)), method: 'backup_code', code });
    expect(answer.status).toBe(401);
    expect(again.sessionCookie).toBeUndefined();
    expect(world.durable.at(-1)).toMatchObject({ result: 'failure', reason: 'used_code' });
  });
  test('a wrong code is 401 with the page again, and the right one is still good then', async () => {
    const browser = world.browser();
    const hidden = await first(browser);
    const answer = await browser.post('login', { ...hidden, code: WRONG });
    expect(answer.status).toBe(401);
    // to begin again works for somebody who is signed in already, too
    expect(bodyOf(answer)).toContain('href="/.sallyport/login?return_to=%2Fwiki&amp;prompt=login">Start again');
    expect(headerOf(answer, 'WWW-Authenticate')).toEqual(['Bearer']);
    expect(world.durable.at(-1)).toMatchObject({ result: 'failure', reason: 'wrong_code', factors: 'password+totp' });
    expect((await browser.post('login', { ...hiddenOf(answer), code: codeNow() })).status).toBe(303);
  });
  test('wrong and used codes read the same', async () => {
    const used = codeNow();
    const one = world.browser();
    await one.post('login', { ...(await first(one)), code: used });
    const two = world.browser();
    const hidden = await first(two);
    const [a, b] = [
      await two.post('login', { ...hidden, code: used }),
      await two.post('login', { ...hidden, code: WRONG }),
    ];
    expect([a.status, bodyOf(a)]).toEqual([401, bodyOf(b)]);
  });
  test('twenty of the same at once: one session', async () => {
    const browser = world.browser();
    const hidden = await first(browser);
    const fields = { ...hidden, code: codeNow() };
    const answers = await Promise.all(Array.from({ length: 20 }, () => browser.post('login', fields)));
    expect(answers.filter(({ status }) => status === 303)).toHaveLength(1);
    expect(await world.sessions.listUser(`staff:${name}`)).toHaveLength(1);
  });
  test('guessing ends after ten in a network, over all browsers and sign-ins, with 429; the password step goes on', async () => {
    const browsers = [world.browser(), world.browser()];
    for (let i = 0; i < CODE_ATTEMPTS; i++) {
      const browser = browsers[i % 2] as Browser;
      expect((await browser.post('login', { ...(await first(browser)), code: WRONG })).status).toBe(401);
    }
    const browser = world.browser();
    const hidden = await first(browser);
    const answer = await browser.post('login', { ...hidden, code: codeNow() });
    expect([answer.status, headerOf(answer, 'Retry-After')]).toEqual([429, [String(CODE_WINDOW_MS / 1000)]]);
    expect(world.events.at(-1)).toMatchObject({ result: 'refused', reason: 'locked_out', user: `staff:${name}` });
    world.clock.advance(CODE_WINDOW_MS);
    const later = world.browser();
    expect((await later.post('login', { ...(await first(later)), code: codeNow() })).status).toBe(303);
  });
});

describe('the pending sign-in', () => {
  const codeWithout = (answer: Awaited<ReturnType<Browser['post']>>, browser: Browser) => {
    expect(answer.status).toBe(401);
    expect(bodyOf(answer)).toContain('name="password"');
    expect(browser.sessionCookie).toBeUndefined();
  };
  test('belongs to the browser that knew the password', async () => {
    const browser = world.browser();
    await first(browser);
    const stranger = world.browser();
    const hidden = await stranger.openForm('login');
    codeWithout(await stranger.post('login', { ...hidden, method: 'totp', code: codeNow() }), stranger);
    expect(world.durable.at(-1)).toMatchObject({ result: 'failure', reason: 'sign_in_expired' });
  });
  test('a token of another browser is refused', async () => {
    const browser = world.browser();
    await first(browser);
    const { csrf = '' } = await world.browser().openForm('login');
    expect((await browser.post('login', { csrf, return_to: '/', code: codeNow() })).status).toBe(403);
  });
  test('lasts five minutes', async () => {
    const browser = world.browser();
    const hidden = await first(browser);
    world.clock.advance(PENDING_SIGN_IN_MS);
    codeWithout(await browser.post('login', { ...hidden, code: codeNow() }), browser);
  });
  test.each([
    ['the password was changed', () => world.accounts.setPassword(name, PASSWORD)],
    ['the account was disabled', () => world.accounts.disable(name)],
    ['all sessions were ended', () => world.sessions.revokeUser(`staff:${name}`, 'cli:root', 'test')],
  ])('is void when %s meanwhile', async (_, happens) => {
    const browser = world.browser();
    const hidden = await first(browser);
    await happens();
    codeWithout(await browser.post('login', { ...hidden, code: codeNow() }), browser);
    expect(world.durable.at(-1)).toMatchObject({ result: 'failure', reason: 'account_changed' });
    expect(await world.sessions.listUser(`staff:${name}`)).toEqual([]);
  });
});
