import { generateSync } from 'otplib';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { handClock } from '../stores/ports.ts';
import { cookiesSetBy, hiddenIn, NAVIGATION, postForm } from '../support/forms.ts';
import { openTestGateway, PASSWORD, signInOver, type TestGateway } from '../support/gateway.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';

const POLICY = `
version: 1
policy: careful
rules:
  - allow: staff
    when: { identity.groups: { any_of: [staff] } }
  - step_up: vault
    when: { request.path: { prefix: /vault } }
    require: { level: medium }
`;
const ME = '/.sallyport/me';
const FACTORS = '/.sallyport/me/factors';

const clock = handClock();
let upstream: RecordingUpstream;
/** two gateways on one store */
let gates: readonly [TestGateway, TestGateway];
beforeAll(async () => {
  upstream = await openUpstream();
  const config = `routes:\n  - { route: app, match: { host: app.test }, upstream: "${upstream.origin}", policy: careful }\n`;
  const policies = { 'careful.yaml': POLICY };
  const first = await openTestGateway({ config, policies, clock });
  const store = `{ path: ${first.directory}/data }`;
  gates = [first, await openTestGateway({ config, policies, clock, store })];
  await first.addUser('ann');
});
afterAll(async () => {
  for (const gate of [...gates].reverse()) await gate.close();
  await upstream.close();
});
beforeEach(() => upstream.reset());

const codeOf = (secret: string) => generateSync({ secret, epoch: Math.floor(clock.now() / 1000) });
const open = (gate: TestGateway, path: string, cookie: string) =>
  gate.send(`GET ${path} HTTP/1.1`, ['Host: app.test', ...NAVIGATION, `Cookie: ${cookie}`]);
async function act(gate: TestGateway, cookie: string, fields: Record<string, string>) {
  const { csrf = '' } = hiddenIn(await open(gate, ME, cookie));
  return postForm(gate.send, FACTORS, cookie, { csrf, ...fields });
}
const statuses = (cookie: string) =>
  Promise.all(gates.map(async (gate) => (await open(gate, '/vault', cookie)).status));

it('what a removed factor proved opens nothing any more, in no session and behind no gateway', async () => {
  const [first, second] = gates;
  const owner = cookiesSetBy((await signInOver(first.send, 'ann', PASSWORD)).answer);
  const page = await act(first, owner, { action: 'enrol_totp' });
  const secret = /<code>([A-Z2-7]{32})<\/code>/.exec(page.body)?.[1] ?? '';
  const confirmed = await postForm(first.send, FACTORS, owner, { ...hiddenIn(page), code: codeOf(secret) });
  expect(confirmed.status).toBe(303);
  clock.advance(30_000);

  const asked = await signInOver(second.send, 'ann', PASSWORD);
  const fields = { ...hiddenIn(asked.answer), code: codeOf(secret) };
  const thief = cookiesSetBy(await postForm(second.send, '/.sallyport/login', cookiesSetBy(asked.answer), fields));
  // twice: the second is answered from memory
  for (const _ of [1, 2]) expect(await statuses(thief)).toEqual([200, 200]);

  const [{ id }] = JSON.parse((await open(first, FACTORS, owner)).body).factors;
  expect((await act(first, owner, { action: 'remove', id })).status).toBe(303);
  upstream.reset();
  for (const _ of [1, 2]) expect(await statuses(thief)).toEqual([302, 302]);
  expect(upstream.hits).toEqual([]);
  // the session itself is the person's own, and goes on with what else it proved
  expect((await open(second, '/', thief)).status).toBe(200);
  const who = JSON.parse((await open(second, '/.sallyport/userinfo', thief)).body);
  expect([who.assurance, who.amr]).toEqual(['none', ['password']]);
});
