import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ScureBase32Plugin } from 'otplib';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { auditOf } from '../app/process.ts';
import { handClock } from '../stores/ports.ts';
import { codeAt } from '../support/enrol.ts';
import { hiddenIn, postForm } from '../support/forms.ts';
import { openTestGateway, PASSWORD, sessionCookieOf, signInOver, type TestGateway } from '../support/gateway.ts';
import type { RawAnswer } from '../support/raw.ts';

const clock = handClock();
let gate: TestGateway;
let file: string;
beforeAll(async () => {
  const config = 'routes: [{ route: app, match: { host: app.test }, upstream: "http://127.0.0.1:9", policy: staff }]\n';
  gate = await openTestGateway({ config, clock });
  file = join(gate.directory, 'data', 'audit.ndjson');
});
afterAll(() => gate.close());

/** The audit file takes nothing until the function that it gives is called. */
function spoilAudit(): () => void {
  rmSync(file);
  mkdirSync(file);
  const mend = (): void => rmSync(file, { recursive: true, force: true });
  onTestFinished(mend);
  return mend;
}

test('a change of factors that cannot be recorded does not happen, and what is recorded tells whether it did', async () => {
  await gate.addUser('ann');
  const cookie = `sallyport=${sessionCookieOf((await signInOver(gate.send, 'ann', PASSWORD)).answer)}`;
  const get = (path: string): Promise<RawAnswer> =>
    gate.send(`GET ${path} HTTP/1.1`, ['Host: app.test', `Cookie: ${cookie}`]);
  const post = (fields: Readonly<Record<string, string>>): Promise<RawAnswer> =>
    postForm(gate.send, '/.sallyport/me/factors', cookie, fields);
  const { csrf = '' } = hiddenIn(await get('/.sallyport/me'));
  const begun = await post({ csrf, action: 'enrol_totp' });
  // in Base32, as it is typed into an app
  const shown = /<code>([A-Z2-7]{32})<\/code>/.exec(begun.body)?.[1] ?? '';
  const secret = new ScureBase32Plugin().decode(shown);
  const enrolling = () => ({ ...hiddenIn(begun), csrf, action: 'confirm_totp', code: codeAt(secret, clock.now()) });
  const held = async () => {
    const { factors } = JSON.parse((await get('/.sallyport/me/factors')).body);
    return factors as readonly { readonly id: string; readonly method: string; readonly left?: number }[];
  };
  /** Refused and nothing changed while the file takes nothing; done afterwards. */
  async function onlyRecorded(fields: () => Readonly<Record<string, string>>): Promise<RawAnswer> {
    const before = await held();
    const mend = spoilAudit();
    const refused = await post(fields());
    expect(refused.status).toBeGreaterThanOrEqual(500);
    expect(await held()).toEqual(before);
    mend();
    return post(fields());
  }

  expect((await onlyRecorded(enrolling)).status).toBe(303);
  const [app] = await held();
  clock.advance(30_000);
  expect((await onlyRecorded(() => ({ csrf, action: 'backup_codes' }))).status).toBe(200);
  const [, codes] = await held();
  expect(codes?.left).toBe(10);
  // the codes that are out are good for as long as no others can be recorded
  expect((await onlyRecorded(() => ({ csrf, action: 'backup_codes' }))).status).toBe(200);
  const [, renewed] = await held();
  expect((await onlyRecorded(() => ({ csrf, action: 'remove', id: app?.id ?? '' }))).status).toBe(303);
  expect(await held()).toEqual([]);

  // a durable record puts everything before it on disk
  await signInOver(gate.send, 'ann', 'wrong password');
  const told = auditOf(file).events.filter(({ action }) => /^factor_/.test(String(action)));
  const [removed, last] = told.slice(-2);
  expect([removed, last]).toMatchObject([
    { action: 'factor_remove', result: 'allow', detail: app?.id },
    { action: 'factor_remove', result: 'success', detail: app?.id, status: 303 },
  ]);
  expect(renewed?.id).not.toBe(codes?.id);
});
