import { afterAll, beforeAll, expect, test } from 'vitest';
import { SIGN_IN_FORM_LIFE_MS } from '../../src/portal/sign-in-form.ts';
import { handClock } from '../stores/ports.ts';
import { cookiesSetBy, hiddenIn, NAVIGATION, postForm } from '../support/forms.ts';
import { openTestGateway, PASSWORD, type TestGateway } from '../support/gateway.ts';

const FRESH = '/.sallyport/login?return_to=%2Fvault&prompt=login';
const clock = handClock();
let gate: TestGateway;
beforeAll(async () => {
  const config = 'routes: [{ route: app, match: { host: app.test }, upstream: "http://127.0.0.1:9", policy: staff }]\n';
  gate = await openTestGateway({ config, clock });
  await gate.addUser('ann');
});
afterAll(() => gate.close());

const linkOn = (body: string): string =>
  /href="(\/\.sallyport\/login[^"]*)"/.exec(body)?.[1]?.replaceAll('&amp;', '&') ?? '';

test.each([
  ['of somebody who is signed in asks them all the same', true, FRESH],
  ['of somebody who is not leads to the plain form', false, '/.sallyport/login?return_to=%2Fvault'],
])('a sign-in form that was open for too long: the link %s', async (_, isSignedIn, link) => {
  const session = isSignedIn ? `sallyport=${await gate.signIn('ann')}` : '';
  const open = (path: string, cookie: string) =>
    gate.send(`GET ${path} HTTP/1.1`, [
      'Host: app.test',
      ...NAVIGATION,
      ...(cookie === '' ? [] : [`Cookie: ${cookie}`]),
    ]);
  const form = await open(FRESH, session);
  const cookie = [session, cookiesSetBy(form)].filter((each) => each !== '').join('; ');
  const fields = { ...hiddenIn(form), username: 'ann', password: PASSWORD };
  clock.advance(SIGN_IN_FORM_LIFE_MS + 1);
  const late = await postForm(gate.send, '/.sallyport/login', cookie, fields);
  expect([late.status, linkOn(late.body)]).toEqual([403, link]);
  const again = await open(linkOn(late.body), session);
  expect([again.status, hiddenIn(again).return_to]).toEqual([200, '/vault']);
});

test('a sign-in form that cannot be read leads somebody who is signed in back to a form, too', async () => {
  const session = `sallyport=${await gate.signIn('ann')}`;
  const answer = await gate.send('POST /.sallyport/login HTTP/1.1', [
    'Host: app.test',
    'Origin: http://app.test',
    'Content-Type: text/plain',
    'Content-Length: 0',
    'Accept: text/html',
    `Cookie: ${session}`,
  ]);
  expect([answer.status, linkOn(answer.body)]).toEqual([403, '/.sallyport/login?return_to=%2F&prompt=login']);
});
