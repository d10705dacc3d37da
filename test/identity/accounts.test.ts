import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Store } from '../../src/core/store.ts';
import { partitionOf, type UserId } from '../../src/core/subject.ts';
import { type Accounts, openAccounts, subjectOf } from '../../src/identity/accounts.ts';
import { type Lockout, openLockout } from '../../src/identity/lockout.ts';
import { openPasswordHasher, type PasswordHasher } from '../../src/identity/passwords.ts';
import { resolveUser } from '../../src/identity/resolve-user.ts';
import { signIn } from '../../src/identity/sign-in.ts';
import { openStore } from '../../src/stores/index.ts';
import { temporaryDirectory } from '../stores/directory.ts';
import { handClock, systemRandom } from '../stores/ports.ts';

const directory = temporaryDirectory();
const clock = handClock();
const hasher = openPasswordHasher({ random: systemRandom });
const PASSWORD = 'correct horse battery';
let store: Store;
let staff: Accounts;
let partners: Accounts;
let lockout: Lockout;

beforeAll(async () => {
  store = openStore({ clock, random: systemRandom }, { path: directory.path });
  await store.start();
  staff = openAccounts({ store, clock, hasher }, 'staff');
  partners = openAccounts({ store, clock, hasher }, 'partners');
  lockout = openLockout({ store, clock });
});
afterAll(async () => {
  await store.close(1000);
  directory.remove();
});

const changesSince = async (cursor: string) => (await store.changes(cursor)).changes;
const attempt = (username: string, password: string, by: PasswordHasher = hasher) =>
  signIn({ accounts: staff, hasher: by, clock, lockout }, { username, password, address: '192.0.2.1' });

test('the partition of a user is the same for ever: what is stored is found by it', () => {
  expect(
    ['staff:ann', 'partners:ann', 'corp:248289761001', 'staff:änn'].map((user) => partitionOf(user as UserId)),
  ).toEqual(['14', '3b', '16', '0d']);
});

describe('accounts', () => {
  test('an added account is found, listed, and told to every node', async () => {
    const before = await store.position();
    const outcome = await staff.add('Ann', {
      email: 'ann@example.com',
      groups: ['finance', 'finance'],
      roles: ['editor'],
      password: PASSWORD,
    });
    expect(outcome).toEqual({
      ok: true,
      account: {
        user: 'staff:ann',
        provider: 'staff',
        name: 'ann',
        email: 'ann@example.com',
        groups: ['finance'],
        roles: ['editor'],
        hasPassword: true,
        passwordChangedAt: clock.now(),
        createdAt: clock.now(),
        disabled: false,
      },
    });
    expect(await staff.find('ANN')).toEqual(outcome.ok && outcome.account);
    expect(await changesSince(before)).toEqual([{ kind: 'user', subject: 'staff:ann' }]);
  });

  test('nothing that callers see holds the hash', async () => {
    expect(JSON.stringify([await staff.find('ann'), await staff.list()])).not.toContain('argon2');
  });

  test('a name that is taken stays taken, in any case and when disabled', async () => {
    await staff.add('taken', {});
    await staff.disable('taken');
    expect(await staff.add('TAKEN', {})).toEqual({ ok: false, reason: 'exists' });
  });

  test('of two who add the same name at once, one succeeds', async () => {
    const outcomes = await Promise.all([1, 2, 3].map((i) => staff.add('race', { groups: [`g${i}`] })));
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
  });

  test('changes at the same time are both kept', async () => {
    await staff.add('both', { password: PASSWORD });
    await Promise.all([staff.disable('both'), staff.setPassword('both', undefined)]);
    expect(await staff.find('both')).toMatchObject({ disabled: true, hasPassword: false });
  });

  test.each([
    [''],
    ['-ann'],
    ['.ann'],
    ['ann smith'],
    ['ann/../bob'],
    ['ann:bob'],
    ['änn'],
    ['a'.repeat(65)],
    ['ann\n'],
    ['\u212Aann'], // the Kelvin sign: its lower case is k
  ])('refuses the name %j', async (name) => {
    const outcome = await staff.add(name, {});
    if (name === '\u212Aann') expect(outcome).toMatchObject({ ok: true, account: { name: 'kann' } });
    else expect(outcome).toEqual({ ok: false, reason: 'invalid_name' });
  });

  test.each([
    [{ email: 'no at' }, 'invalid_email'],
    [{ email: 'a@b\r\nBcc: c@d' }, 'invalid_email'],
    [{ groups: ['a\u0000b'] }, 'invalid_group'],
    [{ groups: [''] }, 'invalid_group'],
    [{ roles: [' padded'] }, 'invalid_role'],
    [{ password: 'short' }, 'too_short'],
  ] as const)('refuses %j', async (account, reason) => {
    expect(await staff.add('refused', account)).toEqual({ ok: false, reason });
    expect(await staff.find('refused')).toBeUndefined();
  });

  test('what does not exist cannot be changed', async () => {
    expect(await staff.disable('ghost')).toEqual({ ok: false, reason: 'unknown' });
    expect(await staff.setPassword('ghost', PASSWORD)).toEqual({ ok: false, reason: 'unknown' });
  });

  test('a stored account that is not one throws instead of being somebody', async () => {
    const name = 'account/staff/broken';
    const partition = partitionOf('staff:broken');
    await store.commit({ partition, put: [{ name, value: { v: 1, name: 'broken', disabled: 'no' } }] });
    await expect(attempt('broken', PASSWORD)).rejects.toThrow('unreadable');
    await store.commit({ partition, remove: [name] });
  });

  test('the subject is the user name, and nothing that was not verified', async () => {
    const ann = await staff.find('ann');
    if (ann === undefined) throw new Error('missing');
    expect(subjectOf(ann)).toMatchObject({ user: 'staff:ann', sub: 'ann', kind: 'person', emailVerified: undefined });
  });
});

describe('names on the command line', () => {
  test('are found, unknown, or ambiguous', async () => {
    await partners.add('ann', {});
    await partners.add('paul', {});
    const all = [staff, partners];
    expect(await resolveUser(all, 'paul')).toMatchObject({ ok: true, account: { user: 'partners:paul' } });
    expect(await resolveUser(all, 'partners:ann')).toMatchObject({ ok: true, account: { user: 'partners:ann' } });
    expect(await resolveUser(all, 'ann')).toEqual({
      ok: false,
      reason: 'ambiguous',
      candidates: ['staff:ann', 'partners:ann'],
    });
    for (const text of ['ghost', 'staff:paul', 'elsewhere:ann', ':ann', 'ann:', 'staff:ann:x']) {
      expect(await resolveUser(all, text)).toEqual({ ok: false, reason: 'unknown' });
    }
  });
});

describe('sign-in', () => {
  test('the right password is one factor of level none', async () => {
    expect(await attempt('Ann', PASSWORD)).toMatchObject({
      ok: true,
      subject: { user: 'staff:ann', groups: ['finance'] },
      proofs: [{ method: 'password', level: 'none', at: clock.now() }],
    });
  });

  test.each([
    ['ann', 'wrong password', 'wrong_password', 'staff:ann'],
    ['ghost', PASSWORD, 'unknown_user', 'staff:ghost'],
    ['taken', PASSWORD, 'no_password', 'staff:taken'],
    ['my secret typed here', PASSWORD, 'unknown_user', undefined],
    ['', '', 'unknown_user', undefined],
    ['__proto__', PASSWORD, 'unknown_user', undefined],
  ])('%s with %s: %s', async (username, password, reason, user) => {
    expect(await attempt(username, password)).toEqual({ ok: false, reason, user });
  });

  test('exactly one password is hashed, whatever is wrong (security rule 20)', async () => {
    const work: boolean[] = [];
    const counting: PasswordHasher = {
      hash: hasher.hash,
      verify: (phc, password) => {
        work.push(phc !== undefined);
        return hasher.verify(phc, password);
      },
    };
    for (const username of ['ann', 'ghost', 'taken', 'not a name']) {
      await attempt(username, 'wrong password', counting);
    }
    expect(work).toEqual([true, false, false, false]);
  });

  test('a disabled account is refused with the right password, and is wrong with a wrong one', async () => {
    await staff.add('gone', { password: PASSWORD });
    await staff.disable('gone');
    expect(await attempt('gone', PASSWORD)).toMatchObject({ ok: false, reason: 'disabled' });
    expect(await attempt('gone', 'wrong password')).toMatchObject({ ok: false, reason: 'wrong_password' });
    await staff.enable('gone');
    expect(await attempt('gone', PASSWORD)).toMatchObject({ ok: true });
  });

  test('a new password replaces the old one', async () => {
    await staff.add('reset', { password: PASSWORD });
    await staff.setPassword('reset', 'another long one');
    expect(await attempt('reset', PASSWORD)).toMatchObject({ ok: false });
    expect(await attempt('reset', 'another long one')).toMatchObject({ ok: true });
  });

  test.each([
    ['disabling', (name: string) => staff.disable(name)],
    ['a new password', (name: string) => staff.setPassword(name, 'another long one')],
  ])('%s after the check is noticed', async (what, change) => {
    const name = what.replaceAll(' ', '-');
    await staff.add(name, { password: PASSWORD });
    const outcome = await attempt(name, PASSWORD);
    if (!outcome.ok) throw new Error(outcome.reason);
    expect(await outcome.stillHolds()).toBe(true);
    await change(name);
    expect(await outcome.stillHolds()).toBe(false);
  });

  test('busy is told apart, because trying again helps', async () => {
    const busy = openPasswordHasher({ random: systemRandom }, { maxQueue: 0 });
    expect(await attempt('ann', PASSWORD, busy)).toMatchObject({ ok: false, reason: 'busy' });
  });
});
