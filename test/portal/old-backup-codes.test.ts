import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Json } from '../../src/core/store.ts';
import { partitionOf, type UserId } from '../../src/core/subject.ts';
import { factorsName } from '../../src/identity/factors/keys.ts';
import { handClock } from '../stores/ports.ts';
import { codeAt, enrolTotp } from '../support/enrol.ts';
import { cookiesSetBy, hiddenIn, postForm } from '../support/forms.ts';
import { openTestGateway, PASSWORD, sessionCookieOf, signInOver, type TestGateway } from '../support/gateway.ts';

const clock = handClock();
let gate: TestGateway;
beforeAll(async () => {
  const config = 'routes: [{ route: app, match: { host: app.test }, upstream: "http://127.0.0.1:9", policy: staff }]\n';
  gate = await openTestGateway({ config, clock });
});
afterAll(() => gate.close());

/** Backup codes beside the factors of a user, as they were stored when sets had no key of their own. */
async function addOldCodes(user: UserId): Promise<void> {
  const { store } = gate.gateway.services;
  const key = { partition: partitionOf(user), name: factorsName(user) };
  const { value } = (await store.get(key)) as unknown as { readonly value: { readonly factors: readonly Json[] } };
  const codes = Array.from({ length: 10 }, (_, i) => ({ hash: `${i}`.repeat(43), used: 0 }));
  const old = { id: 'fac_old', createdAt: 1, createdBy: 'ses_old', method: 'backup_code', codes, usedAt: null };
  await store.commit({
    partition: key.partition,
    put: [{ name: key.name, value: { v: 1, factors: [...value.factors, old] } }],
  });
}

test('with backup codes of an earlier build the app still signs in, none of them does, and new ones are made', async () => {
  await gate.addUser('ann');
  const secret = await enrolTotp(gate, clock, 'staff:ann');
  await addOldCodes('staff:ann');
  const give = async (fields: Readonly<Record<string, string>>) => {
    clock.advance(30_000);
    const { answer } = await signInOver(gate.send, 'ann', PASSWORD);
    expect([answer.status, hiddenIn(answer).method]).toEqual([200, 'totp']);
    const code = codeAt(secret, clock.now());
    return postForm(gate.send, '/.sallyport/login', cookiesSetBy(answer), { ...hiddenIn(answer), code, ...fields });
  };
  const asBackup = { method: 'backup_code', code: 'ABCDEFGH' };
  expect((await give(asBackup)).status).toBe(401);
  const session = `sallyport=${sessionCookieOf(await give({}))}`;
  const get = (path: string) => gate.send(`GET ${path} HTTP/1.1`, ['Host: app.test', `Cookie: ${session}`]);
  const left = async () =>
    JSON.parse((await get('/.sallyport/me/factors')).body).factors.map((each: { left?: number }) => each.left);
  expect(await left()).toEqual([undefined, 0]);
  // what was stored again when the app's code was used reads the same
  expect((await give(asBackup)).status).toBe(401);
  const { csrf = '' } = hiddenIn(await get('/.sallyport/me'));
  const made = await postForm(gate.send, '/.sallyport/me/factors', session, { csrf, action: 'backup_codes' });
  expect([made.status, await left()]).toEqual([200, [undefined, 10]]);
});
