import { generateSync } from 'otplib';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { LOCKOUT_LIMITS } from '../../src/identity/lockout.ts';
import { mac } from '../../src/keys/mac.ts';
import { type DeviceCookies, openDeviceCookies } from '../../src/portal/device-cookie.ts';
import { systemRandom } from '../stores/ports.ts';
import { sallyport } from '../support/command.ts';
import { PASSWORD as GATEWAY_PASSWORD, openTestGateway, type Send, signInOver } from '../support/gateway.ts';
import type { RawAnswer } from '../support/raw.ts';
import { type Browser, headerOf, hiddenOf } from './browser.ts';
import { openWorld, PASSWORD, type World } from './world.ts';

const COOKIE = '__Host-sallyport-device';
const NEIGHBOUR = { facts: { clientAddress: '192.0.2.254' } };
const { windowMs, perUser, perDevice } = LOCKOUT_LIMITS;

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
beforeEach(() => {
  world.clock.advance(windowMs);
  world.checked.count = 0;
});

async function guess(count: number, username: string, browser: Browser, options = {}): Promise<number[]> {
  const hidden = await browser.openForm('login');
  const posts = Array.from({ length: count }, (_, i) =>
    browser.post('login', { ...hidden, username, password: `wrong password ${i}` }, options),
  );
  return (await Promise.all(posts)).map(({ status }) => status).sort();
}
const times = (count: number, status: number): number[] => Array.from({ length: count }, () => status);
const strangerUsesUp = (username: string) => guess(perUser, username, world.browser(), NEIGHBOUR);

/** A browser without a session on which these people signed in before. */
async function knownFor(...names: readonly string[]): Promise<Browser> {
  const browser = world.browser();
  for (const name of names) expect((await browser.signIn(name, PASSWORD)).status).toBe(303);
  browser.cookies.delete('__Host-sallyport');
  return browser;
}
const withDevice = (value: string): Browser => {
  const browser = world.browser();
  browser.cookies.set(COOKIE, value);
  return browser;
};
/** Signs in, whether or not somebody is signed in there already. */
async function statusFor(browser: Browser, name: string): Promise<number> {
  browser.cookies.delete('__Host-sallyport');
  return (await browser.signIn(name, PASSWORD)).status;
}

describe('a stranger in the owner’s own network', () => {
  test('locks unknown browsers out of there, and not the owner’s known one', async () => {
    const owner = await knownFor('ann');
    expect(await strangerUsesUp('ann')).toEqual(times(perUser, 401));
    expect(await statusFor(world.browser(), 'ann')).toBe(429);
    expect(await statusFor(owner, 'ann')).toBe(303);
    expect(await statusFor(world.browser(), 'ann')).toBe(429);
  });

  test('does not even when all of the network is used up', async () => {
    const owner = await knownFor('ann');
    for (let i = 0; i < 10; i++) await strangerUsesUp(`victim-${i}`);
    expect(await statusFor(world.browser(), 'bob')).toBe(429);
    expect(await statusFor(owner, 'ann')).toBe(303);
  });
});

test('whoever has the cookie guesses ten times more in a window, wherever they are, and locks the owner out of nothing', async () => {
  const owner = await knownFor('ann');
  const thief = withDevice(owner.deviceCookie ?? '');
  world.checked.count = 0;
  const elsewhere = { facts: { clientAddress: '198.51.100.7' } };
  const [used, refused] = [times(perDevice + perUser, 401), times(10, 429)];
  expect(await guess(perDevice + perUser + 10, 'ann', thief, elsewhere)).toEqual([...used, ...refused]);
  expect(world.checked.count).toBe(perDevice + perUser);
  expect(await statusFor(owner, 'ann')).toBe(303);
  expect(await statusFor(world.browser(), 'ann')).toBe(303);
});

test('after a new password the cookie makes nobody known, and the owner gets another one', async () => {
  await world.accounts.add('kim', { password: PASSWORD });
  const owner = await knownFor('kim');
  const thief = withDevice(owner.deviceCookie ?? '');
  await strangerUsesUp('kim');
  expect(await statusFor(owner, 'kim')).toBe(303);
  await world.accounts.setPassword('kim', PASSWORD);
  expect(await statusFor(owner, 'kim')).toBe(429);
  world.clock.advance(windowMs);
  expect(await statusFor(owner, 'kim')).toBe(303);
  expect(owner.deviceCookie?.slice(0, 22)).not.toBe(thief.deviceCookie?.slice(0, 22));
  const renewed = owner.deviceCookie;
  await strangerUsesUp('kim');
  expect(await statusFor(owner, 'kim')).toBe(303);
  expect(owner.deviceCookie).toBe(renewed);
  expect(await statusFor(thief, 'kim')).toBe(429);
});

test('a device of ann’s is nothing for bob, until he signs in there', async () => {
  const shared = await knownFor('ann');
  await strangerUsesUp('bob');
  expect(await statusFor(shared, 'bob')).toBe(429);
  world.clock.advance(windowMs);
  expect(await statusFor(shared, 'bob')).toBe(303);
  await strangerUsesUp('bob');
  await strangerUsesUp('ann');
  expect(await statusFor(shared, 'bob')).toBe(303);
  expect(await statusFor(shared, 'ann')).toBe(303);
});

test('the cookie signs nobody in', async () => {
  const owner = await knownFor('ann');
  expect((await owner.get('login')).status).toBe(200);
  expect((await owner.signIn('ann', 'wrong password')).status).toBe(401);
  expect(owner.sessionCookie).toBeUndefined();
});

test.each<[string, (cookie: string) => string]>([
  ['a forged proof', (cookie) => `${cookie.slice(0, 23)}${'A'.repeat(43)}`],
  ['no proof', (cookie) => cookie.slice(0, 22)],
  ['the proof of another id', (cookie) => `${'A'.repeat(22)}${cookie.slice(22)}`],
  ['a foreign key', (cookie) => `${cookie.slice(0, 23)}${mac(new Uint8Array(32), 'device', [cookie.slice(0, 22)])}`],
  ['something behind it', (cookie) => `${cookie}.A`],
  ['a line’s end', (cookie) => `${cookie}\n`],
  ['nothing', () => ''],
  ['a lot', () => 'A'.repeat(8000)],
])('with %s it is none, silently', async (_, change) => {
  const owner = await knownFor('ann');
  const browser = withDevice(change(owner.deviceCookie ?? ''));
  const form = await browser.get('login');
  expect([form.status, headerOf(form, 'Set-Cookie').filter((line) => line.startsWith(COOKIE))]).toEqual([200, []]);
  await strangerUsesUp('ann');
  expect(await statusFor(browser, 'ann')).toBe(429);
  world.clock.advance(windowMs);
  expect(await statusFor(browser, 'ann')).toBe(303);
  expect(browser.deviceCookie).toMatch(/^[\w-]{22}\.[\w-]{43}$/);
  expect(browser.deviceCookie?.slice(0, 22)).not.toBe(owner.deviceCookie?.slice(0, 22));
});

test('two of them are none', async () => {
  const owner = await knownFor('ann');
  await strangerUsesUp('ann');
  expect((await owner.signIn('ann', PASSWORD, '/', { facts: { deviceCookie: null } })).status).toBe(429);
  expect(await statusFor(owner, 'ann')).toBe(303);
});

describe('it is given', () => {
  test('with every success, the same one again, and with nothing else', async () => {
    const browser = world.browser();
    await browser.signIn('ann', 'wrong password');
    expect(browser.deviceCookie).toBeUndefined();
    await browser.signIn('ann', PASSWORD);
    const first = browser.deviceCookie;
    browser.cookies.delete('__Host-sallyport');
    const again = await browser.signIn('ann', PASSWORD);
    expect(headerOf(again, 'Set-Cookie')).toContain(
      `${COOKIE}=${first}; Path=/; HttpOnly; SameSite=Lax; Max-Age=31536000; Secure`,
    );
  });

  test('after the second step, not after the first', async () => {
    await world.accounts.add('eva', { password: PASSWORD });
    const secret = await world.enrol('eva');
    const code = () => generateSync({ secret, epoch: Math.floor(world.clock.now() / 1000) });
    const shared = await knownFor('ann');
    const page = await shared.signIn('eva', PASSWORD);
    expect([page.status, headerOf(page, 'Set-Cookie').some((line) => line.startsWith(COOKIE))]).toEqual([200, false]);
    await strangerUsesUp('eva');
    expect(await statusFor(shared, 'eva')).toBe(429);
    const done = await shared.post('login', { ...hiddenOf(page), code: code() });
    expect(done.status).toBe(303);
    expect(await statusFor(shared, 'eva')).toBe(200);
  });

  test('by nobody when the audit file is full', async () => {
    const browser = world.browser();
    world.hooks.onDurable = () => {
      throw new Error('no space left');
    };
    onTestFinished(() => {
      world.hooks.onDurable = () => {};
    });
    await expect(browser.signIn('ann', PASSWORD)).rejects.toThrow('no space left');
    expect(browser.deviceCookie).toBeUndefined();
  });
});

describe('keys', () => {
  const [old, young] = [systemRandom.bytes(32), systemRandom.bytes(32)];
  const deps = { random: systemRandom, known: { remember: async () => {}, isForgotten: async () => false } };
  const cookieOf = (line: string): string => /=([^;]+);/.exec(line)?.[1] ?? '';
  const renewed = async (devices: DeviceCookies, deviceCookie: string | undefined): Promise<string> =>
    devices.remember(await devices.choose({ deviceCookie }, 'staff:ann'), 'staff:ann', true);

  test('an older one of the ring still proves, and what is renewed is signed with the first', async () => {
    const before = cookieOf(await renewed(openDeviceCookies(deps, [old]), undefined));
    const both = openDeviceCookies(deps, [young, old]);
    expect(both.idOf({ deviceCookie: before })).toBe(before.slice(0, 22));
    const after = cookieOf(await renewed(both, before));
    expect(after.slice(0, 22)).toBe(before.slice(0, 22));
    const alone = openDeviceCookies(deps, [young]);
    expect(alone.idOf({ deviceCookie: after })).toBe(before.slice(0, 22));
    expect(alone.idOf({ deviceCookie: before })).toBeUndefined();
  });

  test('without any it does not open', () => {
    expect(() => openDeviceCookies(deps, [])).toThrow(TypeError);
  });
});

test('on real gateways with one store, one knows the devices of the other', async () => {
  const config = `trusted_proxies: [127.0.0.1]\nroutes: [{ route: app, upstream: "http://127.0.0.1:9", policy: staff }]\nsecrets: { cookie: ${'x'.repeat(40)} }\n`;
  const first = await openTestGateway({ config });
  onTestFinished(() => first.close());
  const second = await openTestGateway({ config, store: `{ path: ${first.directory}/data }` });
  onTestFinished(() => second.close());
  await first.addUser('ann');
  /** adds to the cookies that the form set, as a browser would */
  const from =
    (address: string, { send }: { send: Send }, device?: string): Send =>
    (line, headers = [], body = '') => {
      const more = device === undefined ? [] : [`Cookie: ${device}`];
      return send(line, [...headers, ...more, `X-Forwarded-For: ${address}`], body);
    };
  const signIn = async (send: Send, password = GATEWAY_PASSWORD) => (await signInOver(send, 'ann', password)).answer;

  const signedIn = await signIn(from('203.0.113.1', first));
  const deviceOf = ({ setCookies }: RawAnswer): string =>
    setCookies.find((line) => line.startsWith('sallyport-device='))?.split(';')[0] ?? '';
  const device = deviceOf(signedIn);
  expect(device).toMatch(/^sallyport-device=[\w-]{22}\.[\w-]{43}$/);
  await Promise.all(Array.from({ length: perUser }, (_, i) => signIn(from(`203.0.113.${i}`, first), 'wrong')));
  for (const gate of [first, second]) {
    expect((await signIn(from('203.0.113.1', gate))).status).toBe(429);
    expect((await signIn(from('203.0.113.1', gate, `${device}; ${device}`))).status).toBe(429);
    expect((await signIn(from('203.0.113.1', gate, device))).status).toBe(303);
  }

  // a copy of the cookie is out there: an administrator sets a new password
  const fresh = 'a quite new one';
  const args = ['user', 'reset', 'ann', '--password-stdin', '--config', first.configFile];
  expect(await sallyport(args, { input: fresh })).toMatchObject({ code: 0 });
  for (const gate of [first, second]) {
    expect((await signIn(from('203.0.113.1', gate, device), fresh)).status).toBe(429);
  }
  const renewed = deviceOf(await signIn(from('198.51.100.1', second, device), fresh));
  expect(renewed).not.toBe(device);
  expect((await signIn(from('203.0.113.1', first, device), fresh)).status).toBe(429);
  expect((await signIn(from('203.0.113.1', first, renewed), fresh)).status).toBe(303);
});
