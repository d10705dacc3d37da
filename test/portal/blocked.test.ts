import { afterAll, beforeAll, expect, test } from 'vitest';
import { deviceId } from '../../src/core/device.ts';
import { codeAt } from '../support/enrol.ts';
import { bodyOf, hiddenOf } from './browser.ts';
import { openWorld, PASSWORD, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const block = async (subject: Parameters<World['blocks']['add']>[0]) => {
  const made = await world.blocks.add(subject, { until: undefined, by: 'test', reason: '' });
  if (made === undefined) throw new Error('not blocked');
  return made.id;
};

test('a blocked user is told after the right password, and the record says which block it was', async () => {
  const browser = world.browser();
  const id = await block({ kind: 'user', user: 'staff:bob' });
  const wrong = await browser.signIn('bob', 'wrong');
  const unknown = await browser.signIn('nobody', 'wrong');
  const said = (html: string): string => html.replace(/value="[^"]*"/g, '');
  expect([wrong.status, said(bodyOf(wrong))]).toEqual([401, said(bodyOf(unknown))]);
  const right = await browser.signIn('bob', PASSWORD);
  expect([right.status, browser.sessionCookie]).toEqual([403, undefined]);
  expect(bodyOf(right)).toContain('<code>blocked</code>');
  expect(world.durable.at(-1)).toMatchObject({ action: 'sign_in', result: 'refused', reason: 'blocked', detail: id });
  expect(await world.sessions.listUser('staff:bob')).toEqual([]);
  await world.blocks.remove(id);
  expect((await browser.signIn('bob', PASSWORD)).status).toBe(303);
});

test('whoever is blocked between password and code gets no session either', async () => {
  const secret = await world.enrol('ann');
  world.clock.advance(60_000);
  const browser = world.browser();
  const page = await browser.signIn('ann', PASSWORD);
  expect(page.status).toBe(200);
  const made = await block({ kind: 'user', user: 'staff:ann' });
  const fields = { ...hiddenOf(page), method: 'totp', code: codeAt(secret, world.clock.now()) };
  expect((await browser.post('login', fields)).status).toBe(403);
  expect(await world.sessions.listUser('staff:ann')).toEqual([]);
  await world.blocks.remove(made);
});

test('a session keeps the public name of the browser it was made on', async () => {
  const browser = world.browser();
  await browser.signIn('bob', PASSWORD);
  const session = await world.sessionOf(browser.sessionCookie ?? '');
  expect(session?.device).toBe(deviceId(browser.deviceCookie?.split('.')[0] ?? ''));
  // the same browser is the same device for everybody
  const before = browser.deviceCookie?.split('.')[0];
  await browser.signIn('bob', PASSWORD);
  expect(browser.deviceCookie?.split('.')[0]).toBe(before);
  const id = await block({ kind: 'device', device: deviceId(before ?? '') });
  browser.cookies.delete('__Host-sallyport');
  expect((await browser.signIn('bob', PASSWORD)).status).toBe(403);
  expect((await world.browser().signIn('bob', PASSWORD)).status).toBe(303);
  await world.blocks.remove(id);
});
