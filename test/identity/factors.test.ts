import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { generateSync } from 'otplib';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { SessionId } from '../../src/core/session.ts';
import { StoreUnavailable } from '../../src/core/store.ts';
import { partitionOf, type UserId } from '../../src/core/subject.ts';
import { type Caller, CODE_ATTEMPTS, CODE_WINDOW_MS } from '../../src/identity/factors/attempts.ts';
import { backupCode, newBackupCodes } from '../../src/identity/factors/backup-codes.ts';
import { ENROLMENT_MS, MAX_TOTP } from '../../src/identity/factors/changing.ts';
import { factorsName } from '../../src/identity/factors/keys.ts';
import { openPendingSignIns, PENDING_SIGN_IN_MS } from '../../src/identity/factors/pending.ts';
import { resetFactors } from '../../src/identity/factors/reset.ts';
import { seal, unseal } from '../../src/identity/factors/seal.ts';
import { type FactorMethod, type Factors, openFactors } from '../../src/identity/factors/store.ts';
import { totpCode, totpSecretText, totpStep, totpUri } from '../../src/identity/factors/totp.ts';
import { openStore } from '../../src/stores/index.ts';
import { temporaryDirectory } from '../stores/directory.ts';
import { handClock, systemRandom } from '../stores/ports.ts';
import { unrecorded } from '../support/enrol.ts';

const SESSION: SessionId = 'ses_00aaaaaaaaaaaaaaaaaaaaaaaaaa';
// a session that nothing ends, of somebody who signed in just now: its record is not there, and stays so
const alive = async (id: SessionId) => ({
  name: 'session/standing',
  version: 0,
  session: { id, createdAt: clock.now(), proofs: [{ method: 'password', level: 'none', at: clock.now() }] as const },
});
const drift = () => 1;
const STEP_MS = 30_000;
const HERE: Caller = { address: '192.0.2.1', device: undefined };
const directory = temporaryDirectory();
const clock = handClock();
const random = systemRandom;
const store = openStore({ clock, random }, { path: directory.path });
const KEYS = [random.bytes(32)];
let factors: Factors;
let ann: UserId;
let users = 0;
beforeAll(() => store.start());
afterAll(async () => {
  await store.close(1000);
  directory.remove();
});
beforeEach(() => {
  factors = openFactors({ store, clock, random, alive, drift }, KEYS);
  ann = `staff:ann-${users++}`;
});

const codeOf = (secret: Uint8Array, steps = 0) =>
  generateSync({ secret, epoch: Math.floor((clock.now() + steps * STEP_MS) / 1000) });
/** Another code than any that is good now. */
const wrongOf = (secret: Uint8Array) => {
  const good = [-1, 0, 1].map((steps) => codeOf(secret, steps));
  return ['000000', '111111', '222222', '333333'].find((code) => !good.includes(code)) as string;
};
const verify = (user: UserId, method: FactorMethod, typed: string) => factors.verify(user, method, typed, HERE);
/** What a form would carry, and the secret that it shows. */
async function begin(user = ann): Promise<{ secret: Uint8Array; ticket: string }> {
  const begun = await factors.beginTotp(user, SESSION);
  if (!begun.ok) throw new Error(begun.reason);
  return begun;
}
const confirm = (ticket: string, code: string, user = ann) =>
  factors.confirmTotp(user, SESSION, { ticket, code }, unrecorded);
/** Enrols, and lets the step go by in which the code was used up. */
async function enrol(user = ann): Promise<Uint8Array> {
  const { secret, ticket } = await begin(user);
  expect(await confirm(ticket, codeOf(secret), user)).toMatchObject({ ok: true });
  clock.advance(STEP_MS);
  return secret;
}
async function makeCodes(): Promise<readonly string[]> {
  const made = await factors.makeBackupCodes(ann, SESSION, unrecorded);
  if (!made.ok) throw new Error(made.reason);
  return made.codes;
}
const count = async (outcomes: readonly Promise<{ readonly ok: boolean }>[]) =>
  (await Promise.all(outcomes)).filter(({ ok }) => ok).length;

describe('totp', () => {
  // RFC 6238, appendix B, SHA-1, the last six of its eight digits
  const secret = new Uint8Array(Buffer.from('12345678901234567890'));
  test.each([
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_111_111_111, '050471'],
    [1_234_567_890, '005924'],
    [2_000_000_000, '279037'],
    [20_000_000_000, '353130'],
  ])('at %d the code is %s, accepted as many steps away as the drift says and not one more', (at, code) => {
    const step = Math.floor(at / 30);
    for (const drift of [0, 1, 2]) {
      const accepted = [-3, -2, -1, 0, 1, 2, 3].map((away) =>
        totpStep(secret, code, (at + 30 * away) * 1000, { drift }),
      );
      const isNear = (away: number) => Math.abs(away) <= drift && at + 30 * away >= 0;
      expect(accepted).toEqual([-3, -2, -1, 0, 1, 2, 3].map((away) => (isNear(away) ? step : undefined)));
      expect(totpStep(secret, code, at * 1000, { drift, lastStep: step })).toBeUndefined();
      expect(totpStep(secret, code, at * 1000, { drift, lastStep: step - 1 })).toBe(step);
    }
  });
  test('a clock set back behind the last step, a smaller drift since then, or no clock: nothing is accepted or thrown', () => {
    for (const drift of [0, 1, 2]) {
      expect(totpStep(secret, '287082', 59_000, { drift, lastStep: 1_000_000 })).toBeUndefined();
      expect(totpStep(secret, '287082', 59_000, { drift, lastStep: 3 })).toBeUndefined();
      expect(totpStep(secret, '287082', Number.NaN, { drift })).toBeUndefined();
      expect(totpStep(secret, 'abcdef', 59_000, { drift })).toBeUndefined();
    }
  });
  test('spaces are forgiven, other digits are not', () => {
    expect(
      ['123 456', ' 123456', '123-456', '12345', '1234567', '１２３４５６', '', '1'.repeat(99)].map(totpCode),
    ).toEqual(['123456', '123456', '123456', ...Array(5).fill(undefined)]);
  });
  test('the address that authenticators read names issuer, account and the secret in Base32', () => {
    expect(totpSecretText(secret)).toBe('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ');
    expect(totpUri(secret, 'wiki.example.com', 'ann')).toBe(
      'otpauth://totp/wiki.example.com:ann?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=wiki.example.com',
    );
  });
});

describe('sealing', () => {
  test('opens with any key of the ring, in its own context only, and never throws', () => {
    const [old, fresh] = [random.bytes(32), random.bytes(32)];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.string(), fc.string(), (secret, context, other) => {
        const sealed = seal(old, random, context, secret);
        expect(unseal([fresh, old], context, sealed)).toEqual(secret);
        expect(unseal([fresh], context, sealed)).toBeUndefined();
        if (other !== context) expect(unseal([old], other, sealed)).toBeUndefined();
        expect(unseal([old], context, other)).toBeUndefined();
      }),
    );
  });
});

describe('enrolling', () => {
  test('a secret of 160 bits becomes a factor with a code of it, and not before', async () => {
    const { secret, ticket } = await begin();
    expect(secret).toHaveLength(20);
    expect(await factors.pendingTotp(ann, SESSION, ticket)).toEqual(secret);
    expect(await verify(ann, 'totp', codeOf(secret))).toEqual({ ok: false, reason: 'not_enrolled' });
    expect(await confirm(ticket, wrongOf(secret))).toEqual({ ok: false, reason: 'wrong_code' });
    expect(await factors.list(ann)).toEqual([]);
    expect(await confirm(ticket, codeOf(secret))).toMatchObject({ ok: true });
    expect(await factors.list(ann)).toEqual([
      {
        id: expect.stringMatching(/^fac_[a-z2-7]{26}$/),
        method: 'totp',
        createdAt: clock.now(),
        createdBy: SESSION,
        usedAt: undefined,
        left: undefined,
      },
    ]);
    expect(await factors.pendingTotp(ann, SESSION, ticket)).toBeUndefined();
  });
  test('the code that confirmed is used up', async () => {
    const { secret, ticket } = await begin();
    const code = codeOf(secret);
    await confirm(ticket, code);
    expect(await verify(ann, 'totp', code)).toEqual({ ok: false, reason: 'used_code' });
  });
  test('one confirmation makes one factor, however often it is sent at once', async () => {
    const { secret, ticket } = await begin();
    const sent = Array.from({ length: 20 }, () => confirm(ticket, codeOf(secret)));
    expect(await count(sent)).toBe(1);
    expect(await factors.list(ann)).toHaveLength(1);
  });
  test('belongs to the session that began it, and is over after ten minutes', async () => {
    const { secret, ticket } = await begin();
    const other: SessionId = 'ses_00bbbbbbbbbbbbbbbbbbbbbbbbbb';
    const code = codeOf(secret);
    expect(await factors.confirmTotp(ann, other, { ticket, code }, unrecorded)).toEqual({
      ok: false,
      reason: 'not_begun',
    });
    clock.advance(ENROLMENT_MS);
    expect(await confirm(ticket, codeOf(secret))).toEqual({ ok: false, reason: 'not_begun' });
    expect(await factors.pendingTotp(ann, SESSION, ticket)).toBeUndefined();
  });
  test('whoever has the session but not the form that began learns nothing and confirms nothing', async () => {
    const { secret, ticket } = await begin();
    for (const guess of ['', 'x', ticket.slice(1), `${ticket}/${ann}`, random.id()]) {
      expect(await factors.pendingTotp(ann, SESSION, guess)).toBeUndefined();
      expect(await confirm(guess, codeOf(secret))).toEqual({ ok: false, reason: 'not_begun' });
    }
    expect(await confirm(ticket, codeOf(secret))).toMatchObject({ ok: true });
  });
  test('beginning again makes another secret and voids the first', async () => {
    const [first, second] = [await begin(), await begin()];
    expect(second.secret).not.toEqual(first.secret);
    expect(await factors.pendingTotp(ann, SESSION, first.ticket)).toBeUndefined();
    expect(await confirm(first.ticket, codeOf(first.secret))).toEqual({ ok: false, reason: 'not_begun' });
    expect(await confirm(second.ticket, codeOf(first.secret))).toEqual({ ok: false, reason: 'wrong_code' });
    expect(await confirm(second.ticket, codeOf(second.secret))).toMatchObject({ ok: true });
  });
  test('has a bound', async () => {
    for (let i = 0; i < MAX_TOTP; i++) await enrol();
    const { secret, ticket } = await begin();
    expect(await confirm(ticket, codeOf(secret))).toEqual({ ok: false, reason: 'too_many' });
  });
});

describe('a code', () => {
  test('is good once, in the step before and after too, and never an older one after it', async () => {
    const secret = await enrol();
    clock.advance(10 * STEP_MS);
    const [before, now, after] = [codeOf(secret, -1), codeOf(secret), codeOf(secret, 1)];
    expect(await verify(ann, 'totp', now)).toMatchObject({
      ok: true,
      proof: { method: 'totp', level: 'medium', at: clock.now(), factor: (await factors.list(ann))[0]?.id },
    });
    expect(await verify(ann, 'totp', now)).toEqual({ ok: false, reason: 'used_code' });
    expect(await verify(ann, 'totp', before)).toEqual({ ok: false, reason: 'used_code' });
    expect(await verify(ann, 'totp', after)).toMatchObject({ ok: true });
    expect((await factors.list(ann))[0]?.usedAt).toBe(clock.now());
  });
  test('twenty of the same at once: exactly one is accepted', async () => {
    const secret = await enrol();
    const sent = Array.from({ length: 20 }, () => verify(ann, 'totp', codeOf(secret)));
    expect(await count(sent)).toBe(1);
  });
  test('and in several processes', async () => {
    const secret = await enrol();
    const code = codeOf(secret);
    const key = Buffer.from(KEYS[0] as Uint8Array).toString('hex');
    const children = Array.from({ length: 3 }, () => {
      const child = fork(fileURLToPath(new URL('./factors-process.ts', import.meta.url)), [
        directory.path,
        String(clock.now()),
        key,
      ]);
      onTestFinished(() => void child.kill('SIGKILL'));
      return child;
    });
    await Promise.all(children.map((child) => once(child, 'message')));
    const answers = children.map((child) => once(child, 'message'));
    for (const child of children) child.send({ user: ann, code });
    const accepted = (await Promise.all(answers)).map(([many]) => Number(many));
    expect(accepted.reduce((sum, many) => sum + many, 0)).toBe(1);
  });
  test('of another user, or of a record that was copied from one, opens nothing', async () => {
    const secret = await enrol();
    const bob: UserId = `staff:bob-${users}`;
    expect(await verify(bob, 'totp', codeOf(secret))).toEqual({ ok: false, reason: 'not_enrolled' });
    const stolen = await store.get({ partition: partitionOf(ann), name: factorsName(ann) });
    await store.commit({
      partition: partitionOf(bob),
      put: [{ name: factorsName(bob), value: stolen?.value ?? null }],
    });
    await expect(verify(bob, 'totp', codeOf(secret))).rejects.toThrow('sealed');
  });
  test('two authenticators are both accepted, each by its own last step', async () => {
    const [phone, tablet] = [await enrol(), await enrol()];
    expect(await verify(ann, 'totp', codeOf(phone))).toMatchObject({ ok: true });
    expect(await verify(ann, 'totp', codeOf(tablet))).toMatchObject({ ok: true });
    expect(await verify(ann, 'totp', codeOf(phone))).toEqual({ ok: false, reason: 'used_code' });
  });
  test('what is stored holds neither secret nor codes', async () => {
    const secret = await enrol();
    const codes = await makeCodes();
    const stored = JSON.stringify((await store.get({ partition: partitionOf(ann), name: factorsName(ann) }))?.value);
    for (const text of [...codes, totpSecretText(secret), Buffer.from(secret).toString('base64url')])
      expect(stored).not.toContain(text);
  });
  test('factors that cannot be read are not none', async () => {
    await store.commit({ partition: partitionOf(ann), put: [{ name: factorsName(ann), value: { v: 2 } }] });
    await expect(factors.list(ann)).rejects.toThrow('unreadable');
    await expect(verify(ann, 'totp', '123456')).rejects.toThrow('unreadable');
  });
  test('a stranger’s root secret reads nothing', async () => {
    const secret = await enrol();
    const codes = await makeCodes();
    const stranger = openFactors({ store, clock, random, alive, drift }, [random.bytes(32)]);
    await expect(stranger.verify(ann, 'totp', codeOf(secret), HERE)).rejects.toThrow('root secret');
    await expect(stranger.verify(ann, 'backup_code', codes[0] as string, HERE)).rejects.toThrow('root secret');
  });
  test('without a store nothing is accepted', async () => {
    const gone = () => Promise.reject(new StoreUnavailable('gone'));
    const lost = openFactors({ store: { ...store, get: gone }, clock, random, alive, drift }, KEYS);
    await expect(lost.verify(ann, 'totp', '123456', HERE)).rejects.toThrow(StoreUnavailable);
  });
});

describe('when the root secret is rotated', () => {
  const fresh = random.bytes(32);
  const open = (keys: readonly Uint8Array[]) => openFactors({ store, clock, random, alive, drift }, keys);
  const stored = async () => (await store.get({ partition: partitionOf(ann), name: factorsName(ann) }))?.value;
  const sealed = async () => ((await stored()) as { factors: { secret: string }[] }).factors.map((each) => each.secret);

  test.each(['totp', 'backup_code'] as const)(
    'a right code (%s) seals all of the user anew, and the former secret can go',
    async (method) => {
      const secrets = [await enrol(), await enrol()];
      const [first = '', second = '', third = ''] = await makeCodes();
      const both = open([fresh, ...KEYS]);
      const right = method === 'totp' ? codeOf(secrets[0] as Uint8Array) : first;
      const wrong = method === 'totp' ? wrongOf(secrets[0] as Uint8Array) : 'AAAAAAAA';
      // what is not accepted changes nothing
      const before = await stored();
      expect(await both.verify(ann, method, wrong, HERE)).toEqual({ ok: false, reason: 'wrong_code' });
      expect(await stored()).toEqual(before);
      await expect(open([fresh]).verify(ann, method, right, HERE)).rejects.toThrow('root secret');

      expect(await both.verify(ann, method, right, HERE)).toMatchObject({ ok: true });
      clock.advance(STEP_MS);
      const alone = open([fresh]);
      for (const secret of secrets)
        expect(await alone.verify(ann, 'totp', codeOf(secret), HERE)).toMatchObject({ ok: true });
      expect(await alone.verify(ann, 'backup_code', second, HERE)).toMatchObject({ ok: true });
      // and no key but the first opens it now
      await expect(verify(ann, 'backup_code', third)).rejects.toThrow('root secret');
    },
  );
  test('what lies under the first key already is left as it is', async () => {
    const secret = await enrol();
    const sealed = async () =>
      ((await stored()) as { factors: { secret: string }[] }).factors.map((each) => each.secret);
    const before = await sealed();
    expect(await open([...KEYS, fresh]).verify(ann, 'totp', codeOf(secret), HERE)).toMatchObject({ ok: true });
    expect(await sealed()).toEqual(before);
  });
  test('what nobody here can open is left for whoever can', async () => {
    const secret = await enrol();
    const elsewhere = open([fresh]);
    const other = await elsewhere.beginTotp(ann, SESSION);
    if (!other.ok) throw new Error(other.reason);
    const given = { ticket: other.ticket, code: codeOf(other.secret) };
    expect(await elsewhere.confirmTotp(ann, SESSION, given, unrecorded)).toMatchObject({ ok: true });
    clock.advance(STEP_MS);
    const before = await sealed();
    expect(await verify(ann, 'totp', codeOf(secret))).toMatchObject({ ok: true });
    expect(await sealed()).toEqual(before);
  });
  test('an enrolment that was begun before is finished after', async () => {
    const { secret, ticket } = await begin();
    const rotated = open([fresh, ...KEYS]);
    expect(await rotated.confirmTotp(ann, SESSION, { ticket, code: codeOf(secret) }, unrecorded)).toMatchObject({
      ok: true,
    });
    clock.advance(STEP_MS);
    expect(await open([fresh]).verify(ann, 'totp', codeOf(secret), HERE)).toMatchObject({ ok: true });
  });
});

describe('guessing', () => {
  test('ten wrong codes in a window and network, whatever the method and however many at once; then the right one is not looked at', async () => {
    const secret = await enrol();
    await factors.makeBackupCodes(ann, SESSION, unrecorded);
    const guesses = Array.from({ length: 50 }, (_, i) =>
      verify(ann, i % 2 === 0 ? 'totp' : 'backup_code', i % 2 === 0 ? wrongOf(secret) : 'AAAAAAAA'),
    );
    const outcomes = await Promise.all(guesses);
    expect(outcomes.filter((each) => !each.ok && each.reason === 'wrong_code')).toHaveLength(CODE_ATTEMPTS);
    expect(await verify(ann, 'totp', codeOf(secret))).toEqual({
      ok: false,
      reason: 'locked_out',
      retryAfterSeconds: CODE_WINDOW_MS / 1000,
    });
    clock.advance(CODE_WINDOW_MS);
    expect(await verify(ann, 'totp', codeOf(secret))).toMatchObject({ ok: true });
  });
  test('a right code begins the count anew; other users have their own', async () => {
    const secret = await enrol();
    for (let i = 0; i < CODE_ATTEMPTS - 1; i++) await verify(ann, 'totp', wrongOf(secret));
    expect(await verify(ann, 'totp', codeOf(secret))).toMatchObject({ ok: true });
    for (let i = 0; i < CODE_ATTEMPTS; i++)
      expect(await verify(ann, 'totp', wrongOf(secret))).toEqual({ ok: false, reason: 'wrong_code' });
    const bob: UserId = `staff:bob-${users}`;
    const other = await enrol(bob);
    expect(await verify(bob, 'totp', codeOf(other))).toMatchObject({ ok: true });
  });
});

describe('backup codes', () => {
  test('ten different ones of eight characters that cannot be mistaken for each other', () => {
    const codes = newBackupCodes(random);
    expect(new Set(codes).size).toBe(10);
    for (const code of codes) expect(code).toMatch(/^[2-9A-HJ-NP-Z]{8}$/);
  });
  test('small letters, spaces and hyphens are forgiven', () => {
    expect(['abcd-efgh', ' ABCD EFGH ', 'ABCDEFG', 'ABCDEFG0', 'A'.repeat(99)].map(backupCode)).toEqual([
      'ABCDEFGH',
      'ABCDEFGH',
      ...Array(3).fill(undefined),
    ]);
  });
  test('each is good once', async () => {
    await enrol();
    const codes = await makeCodes();
    const [first, second] = codes as [string, string];
    expect(await verify(ann, 'backup_code', first.toLowerCase())).toMatchObject({
      ok: true,
      proof: { method: 'backup_code', level: 'medium' },
    });
    expect(await verify(ann, 'backup_code', first)).toEqual({ ok: false, reason: 'used_code' });
    expect((await factors.list(ann)).at(-1)?.left).toBe(9);
    expect(await count(Array.from({ length: 20 }, () => verify(ann, 'backup_code', second)))).toBe(1);
    expect((await factors.list(ann)).at(-1)?.left).toBe(8);
  });
  test('new ones void the old ones', async () => {
    await enrol();
    const old = await makeCodes();
    await factors.makeBackupCodes(ann, SESSION, unrecorded);
    expect(await verify(ann, 'backup_code', old[0] as string)).toEqual({ ok: false, reason: 'wrong_code' });
    expect((await factors.list(ann)).map(({ method }) => method)).toEqual(['totp', 'backup_code']);
  });
  test('are the backup of something, and go with it', async () => {
    expect(await factors.makeBackupCodes(ann, SESSION, unrecorded)).toEqual({ ok: false, reason: 'no_factor' });
    await enrol();
    await factors.makeBackupCodes(ann, SESSION, unrecorded);
    const [totp] = await factors.list(ann);
    expect(await factors.remove(ann, SESSION, 'fac_other', unrecorded)).toEqual({
      ok: false,
      reason: 'unknown_factor',
    });
    expect(await factors.remove(ann, SESSION, totp?.id ?? 'fac_none', unrecorded)).toEqual({ ok: true });
    expect(await factors.list(ann)).toEqual([]);
    expect(await store.get({ partition: partitionOf(ann), name: factorsName(ann) })).toBeUndefined();
  });
  test('an administrator takes all of it away', async () => {
    await enrol();
    await factors.makeBackupCodes(ann, SESSION, unrecorded);
    expect(await resetFactors({ store }, ann)).toBe(true);
    expect(await factors.list(ann)).toEqual([]);
    expect(await resetFactors({ store }, ann)).toBe(false);
  });
});

describe('a pending sign-in', () => {
  const pendings = openPendingSignIns({ store, clock });
  const pending = () => ({
    user: ann,
    stamp: 'x',
    proofs: [{ method: 'password', level: 'none', at: clock.now() }] as const,
    checkedAt: clock.now(),
  });
  test('is found by its nonce and used once', async () => {
    const kept = pending();
    await pendings.put('nonce-1', kept);
    expect(await pendings.find('nonce-2')).toBeUndefined();
    const found = await pendings.find('nonce-1');
    expect(found?.pending).toEqual(kept);
    const taken = await Promise.all(Array.from({ length: 20 }, () => found?.take()));
    expect(taken.filter(Boolean)).toHaveLength(1);
    expect(await pendings.find('nonce-1')).toBeUndefined();
  });
  test('is over after five minutes, and when another takes its place', async () => {
    await pendings.put('nonce-3', pending());
    const first = await pendings.find('nonce-3');
    await pendings.put('nonce-3', { ...pending(), user: 'staff:bob' });
    expect(await first?.take()).toBe(false);
    clock.advance(PENDING_SIGN_IN_MS);
    expect(await pendings.find('nonce-3')).toBeUndefined();
  });
});
