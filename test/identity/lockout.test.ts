import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { StoreUnavailable } from '../../src/core/store.ts';
import type { UserId } from '../../src/core/subject.ts';
import { NAME_PATTERN, openAccounts } from '../../src/identity/accounts.ts';
import { KNOWN_DEVICE_MS, openKnownDevices } from '../../src/identity/known-devices.ts';
import { type Attempt, LOCKOUT_LIMITS, type Lockout, openLockout, strayUser } from '../../src/identity/lockout.ts';
import { networkOf } from '../../src/identity/network.ts';
import { openPasswordHasher, type PasswordHasher } from '../../src/identity/passwords.ts';
import { signIn } from '../../src/identity/sign-in.ts';
import { openStore } from '../../src/stores/index.ts';
import { temporaryDirectory } from '../stores/directory.ts';
import { handClock, systemRandom } from '../stores/ports.ts';

const HOME = '192.0.2.1';
const ELSEWHERE = '198.51.100.1';
const { windowMs, perUser, perNetwork, perDevice, knownMs } = LOCKOUT_LIMITS;

const directory = temporaryDirectory();
const clock = handClock();
const store = openStore({ clock, random: systemRandom }, { path: directory.path });
const known = openKnownDevices({ store, clock });
let lockout: Lockout;
beforeAll(() => store.start());
afterAll(async () => {
  await store.close(1000);
  directory.remove();
});
beforeEach(() => {
  // every window is over, and nothing and nobody is known any more
  clock.advance(KNOWN_DEVICE_MS);
  lockout = openLockout({ store, clock });
});

const begin = (user: UserId, address: string, device?: string) => lockout.begin(user, address, device);
async function beginMany(count: number, user: UserId, address: string, device?: string): Promise<Attempt[]> {
  return Promise.all(Array.from({ length: count }, () => begin(user, address, device)));
}
const allowedOf = (attempts: readonly Attempt[]): number => attempts.filter(({ allowed }) => allowed).length;
async function succeed(user: UserId, address: string, device?: string): Promise<void> {
  const attempt = await begin(user, address, device);
  if (!attempt.allowed) throw new Error('locked out');
  await attempt.succeeded();
}
/** Uses a network up with users of its own. */
async function useUp(address: string): Promise<void> {
  for (let i = 0; i < perNetwork; i++) expect((await begin(`staff:victim-${i}`, address)).allowed).toBe(true);
}

describe('per user and network', () => {
  test('ten attempts in a window, however many come at once', async () => {
    expect(allowedOf(await beginMany(50, 'staff:ann', HOME))).toBe(perUser);
    expect(await begin('staff:ann', HOME)).toEqual({ allowed: false, retryAfterSeconds: 900 });
  });

  test('the window begins with the first attempt; refused ones do not prolong it', async () => {
    await beginMany(perUser - 1, 'staff:ann', HOME);
    clock.advance(windowMs - 1500);
    await begin('staff:ann', HOME);
    expect(await begin('staff:ann', HOME)).toEqual({ allowed: false, retryAfterSeconds: 2 });
    clock.advance(1499);
    expect(await begin('staff:ann', HOME)).toEqual({ allowed: false, retryAfterSeconds: 1 });
    clock.advance(1);
    expect(await begin('staff:ann', HOME)).toMatchObject({ allowed: true });
  });

  test('a stranger elsewhere locks nobody out, and somebody else here is not locked', async () => {
    await beginMany(20, 'staff:ann', ELSEWHERE);
    expect(await begin('staff:ann', HOME)).toMatchObject({ allowed: true });
    expect(await begin('staff:bob', ELSEWHERE)).toMatchObject({ allowed: true });
    expect(await begin('partners:ann', ELSEWHERE)).toMatchObject({ allowed: true });
    expect(await begin('staff:ann', ELSEWHERE)).toMatchObject({ allowed: false });
  });

  test('another address of the same network is no way round', async () => {
    await beginMany(perUser, 'staff:ann', '192.0.2.1');
    expect(await begin('staff:ann', '192.0.2.254')).toMatchObject({ allowed: false });
    await beginMany(perUser, 'staff:ann', '2001:db8:0:1::1');
    expect(await begin('staff:ann', '2001:db8:0:1:ffff::2')).toMatchObject({ allowed: false });
    expect(await begin('staff:ann', '2001:db8:0:2::1')).toMatchObject({ allowed: true });
  });

  test('a success clears the counter of its own network alone', async () => {
    await beginMany(perUser - 1, 'staff:ann', HOME);
    await beginMany(perUser, 'staff:ann', ELSEWHERE);
    await succeed('staff:ann', HOME);
    expect(allowedOf(await beginMany(20, 'staff:ann', HOME))).toBe(perUser);
    expect(await begin('staff:ann', ELSEWHERE)).toMatchObject({ allowed: false });
  });

  test('what was not checked does not count', async () => {
    for (let i = 0; i < 3 * perUser; i++) {
      const attempt = await begin('staff:ann', HOME);
      if (!attempt.allowed) throw new Error(`locked out after ${i}`);
      await attempt.unchecked();
    }
    expect(allowedOf(await beginMany(20, 'staff:ann', HOME))).toBe(perUser);
  });

  test('what is taken back after its window is over gives nothing', async () => {
    const late = await beginMany(perUser, 'staff:ann', HOME);
    clock.advance(windowMs);
    await begin('staff:ann', HOME);
    await Promise.all(late.map((attempt) => attempt.allowed && attempt.unchecked()));
    expect(allowedOf(await beginMany(20, 'staff:ann', HOME))).toBe(perUser - 1);
  });
});

describe('clearing', () => {
  test('lets the user in again from every network, and nobody else', async () => {
    for (const user of ['staff:ann', 'staff:bob'] as const) await beginMany(perUser + 1, user, HOME);
    await beginMany(perUser + 1, 'staff:ann', ELSEWHERE);
    expect(await lockout.clear('staff:ann')).toBe(2);
    expect(await begin('staff:ann', HOME)).toMatchObject({ allowed: true });
    expect(await begin('staff:ann', ELSEWHERE)).toMatchObject({ allowed: true });
    expect(await begin('staff:bob', HOME)).toMatchObject({ allowed: false });
    expect(await lockout.clear('staff:zoe')).toBe(0);
  });

  test('gives the whole limit again and no more', async () => {
    await beginMany(perUser, 'staff:ann', HOME);
    await lockout.clear('staff:ann');
    expect(allowedOf(await beginMany(50, 'staff:ann', HOME))).toBe(perUser);
  });

  test('an attempt that was running meanwhile takes nothing back that it did not count', async () => {
    const attempt = await begin('staff:ann', HOME);
    await lockout.clear('staff:ann');
    clock.advance(1);
    expect(allowedOf(await beginMany(50, 'staff:ann', HOME))).toBe(perUser);
    if (attempt.allowed) await attempt.unchecked();
    expect(await begin('staff:ann', HOME)).toMatchObject({ allowed: false });
  });

  test('leaves the limit of a network as it is', async () => {
    await useUp(HOME);
    await lockout.clear('staff:victim-1');
    expect(await begin('staff:victim-1', HOME)).toMatchObject({ allowed: false });
  });

  test('takes away any number of them', async () => {
    for (let i = 0; i < 300; i++) await begin('staff:ann', `10.${i >> 8}.${i & 255}.1`);
    expect(await lockout.clear('staff:ann')).toBe(300);
    expect(await lockout.clear('staff:ann')).toBe(0);
  });
});

describe('per network', () => {
  test('a hundred attempts in a window, whoever they are for', async () => {
    await useUp(HOME);
    expect(await begin('staff:ann', HOME)).toEqual({ allowed: false, retryAfterSeconds: 900 });
    expect(await begin('staff:ann', ELSEWHERE)).toMatchObject({ allowed: true });
    clock.advance(windowMs);
    expect(await begin('staff:ann', HOME)).toMatchObject({ allowed: true });
  });

  test('no more when they come at once', async () => {
    const attempts = await Promise.all(Array.from({ length: 130 }, (_, i) => begin(`staff:victim-${i}`, HOME)));
    expect(allowedOf(attempts)).toBe(perNetwork);
  });

  test('who signed in from there within thirty days is spared, but not from their own limit', async () => {
    await succeed('staff:ann', HOME);
    clock.advance(knownMs - 1);
    await useUp(HOME);
    expect(allowedOf(await beginMany(20, 'staff:ann', HOME))).toBe(perUser);
    expect(await begin('staff:bob', HOME)).toMatchObject({ allowed: false });
  });

  test('after thirty days no more, and never for having signed in elsewhere', async () => {
    await succeed('staff:ann', HOME);
    await succeed('staff:bob', ELSEWHERE);
    clock.advance(knownMs);
    await succeed('staff:bob', ELSEWHERE);
    await useUp(HOME);
    expect(await begin('staff:ann', HOME)).toMatchObject({ allowed: false });
    expect(await begin('staff:bob', HOME)).toMatchObject({ allowed: false });
  });

  test('successes and what was not checked do not count: an office signs in every morning', async () => {
    for (let i = 0; i < perNetwork; i++) {
      await succeed(`staff:colleague-${i}`, HOME);
      const attempt = await begin(`staff:newcomer-${i}`, HOME);
      if (attempt.allowed) await attempt.unchecked();
    }
    expect(await begin('staff:ann', HOME)).toMatchObject({ allowed: true });
  });

  test('one user at their limit does not use up the network', async () => {
    await beginMany(2 * perNetwork, 'staff:ann', HOME);
    expect(await begin('staff:bob', HOME)).toMatchObject({ allowed: true });
  });
});

describe('known devices', () => {
  test('are not reached by what strangers do in the same network, to this user or to all', async () => {
    await known.remember('staff:ann', 'laptop');
    await beginMany(perUser, 'staff:ann', HOME);
    await useUp(ELSEWHERE);
    for (const address of [HOME, ELSEWHERE]) {
      expect(await begin('staff:ann', address, 'laptop')).toMatchObject({ allowed: true });
      expect(await begin('staff:ann', address, 'unknown')).toMatchObject({ allowed: false });
      expect(await begin('staff:ann', address)).toMatchObject({ allowed: false });
    }
  });

  test('have ten attempts in a window, from however many networks and however many at once, then those of the network', async () => {
    await known.remember('staff:ann', 'laptop');
    const mixed = Array.from({ length: 50 }, (_, i) => (i % 2 === 0 ? HOME : ELSEWHERE));
    const attempts = await Promise.all(mixed.map((address) => begin('staff:ann', address, 'laptop')));
    expect(allowedOf(attempts)).toBe(perDevice + 2 * perUser);
    expect(await begin('staff:ann', HOME, 'laptop')).toEqual({ allowed: false, retryAfterSeconds: 900 });
    clock.advance(windowMs);
    expect(await begin('staff:ann', HOME, 'laptop')).toMatchObject({ allowed: true });
  });

  test('are not taken from the owner by who stole the cookie and uses its attempts up from elsewhere', async () => {
    await known.remember('staff:ann', 'laptop');
    expect(allowedOf(await beginMany(50, 'staff:ann', ELSEWHERE, 'laptop'))).toBe(perDevice + perUser);
    await succeed('staff:ann', HOME, 'laptop');
    expect(allowedOf(await beginMany(50, 'staff:ann', ELSEWHERE, 'laptop'))).toBe(0);
  });

  test('are refused until the first of both counters is over', async () => {
    await known.remember('staff:ann', 'laptop');
    await beginMany(perDevice, 'staff:ann', HOME, 'laptop');
    clock.advance(windowMs / 3);
    await beginMany(perUser, 'staff:ann', HOME);
    expect(await begin('staff:ann', HOME, 'laptop')).toEqual({ allowed: false, retryAfterSeconds: 600 });
    clock.advance(600_000);
    await beginMany(perDevice, 'staff:ann', HOME, 'laptop');
    expect(await begin('staff:ann', HOME, 'laptop')).toEqual({ allowed: false, retryAfterSeconds: 300 });
  });

  test('are counted one by one, and use up neither user nor network', async () => {
    for (const device of ['laptop', 'phone']) {
      await known.remember('staff:ann', device);
      expect(allowedOf(await beginMany(perDevice, 'staff:ann', HOME, device))).toBe(perDevice);
    }
    expect(allowedOf(await beginMany(2 * perUser, 'staff:ann', HOME))).toBe(perUser);
    await succeed('staff:bob', HOME);
  });

  test('of one user are nothing for another', async () => {
    await known.remember('staff:ann', 'laptop');
    await beginMany(perUser, 'staff:bob', HOME);
    expect(await begin('staff:bob', HOME, 'laptop')).toMatchObject({ allowed: false });
    expect(await begin('partners:ann', HOME, 'laptop')).toMatchObject({ allowed: true });
    await beginMany(perUser, 'partners:ann', HOME, 'laptop');
    expect(await begin('partners:ann', HOME, 'laptop')).toMatchObject({ allowed: false });
  });

  test('begin anew with a success, which sets no counter of the network back', async () => {
    await known.remember('staff:ann', 'laptop');
    await beginMany(perUser, 'staff:ann', HOME);
    await beginMany(perDevice - 1, 'staff:ann', HOME, 'laptop');
    await succeed('staff:ann', HOME, 'laptop');
    expect(await begin('staff:ann', HOME)).toMatchObject({ allowed: false });
    expect(allowedOf(await beginMany(2 * perDevice, 'staff:ann', HOME, 'laptop'))).toBe(perDevice);
  });

  test('what was not checked there does not count', async () => {
    await known.remember('staff:ann', 'laptop');
    for (let i = 0; i < 2 * perDevice; i++) {
      const attempt = await begin('staff:ann', HOME, 'laptop');
      if (!attempt.allowed) throw new Error(`locked out after ${i}`);
      await attempt.unchecked();
    }
  });

  test('are known for half a year, and for longer when they are used', async () => {
    await known.remember('staff:ann', 'laptop');
    clock.advance(KNOWN_DEVICE_MS - 1);
    await beginMany(perUser, 'staff:ann', HOME);
    expect(await begin('staff:ann', HOME, 'laptop')).toMatchObject({ allowed: true });
    clock.advance(1);
    expect(await begin('staff:ann', HOME, 'laptop')).toMatchObject({ allowed: false });
    await known.remember('staff:ann', 'laptop');
    clock.advance(KNOWN_DEVICE_MS - 1);
    await beginMany(perUser, 'staff:ann', HOME);
    expect(await begin('staff:ann', HOME, 'laptop')).toMatchObject({ allowed: true });
  });

  test('a right password alone makes no device known', async () => {
    await succeed('staff:ann', HOME, 'laptop');
    await beginMany(perUser, 'staff:ann', HOME);
    expect(await begin('staff:ann', HOME, 'laptop')).toMatchObject({ allowed: false });
  });

  test('are let in again by an administrator like networks, and stay known', async () => {
    await known.remember('staff:ann', 'laptop');
    await beginMany(perDevice, 'staff:ann', HOME, 'laptop');
    await beginMany(perUser, 'staff:ann', HOME);
    expect(await lockout.clear('staff:ann')).toBe(2);
    await beginMany(perUser, 'staff:ann', HOME);
    expect(allowedOf(await beginMany(2 * perDevice, 'staff:ann', HOME, 'laptop'))).toBe(perDevice);
  });

  test('are forgotten, all of them, with a new password; those from after it are known', async () => {
    const accounts = openAccounts({ store, clock, hasher: openPasswordHasher({ random: systemRandom }) }, 'staff');
    await accounts.add('zoe', { password: 'correct horse battery' });
    const lets = async (device: string) => (await begin('staff:zoe', HOME, device)).allowed;
    for (const device of ['laptop', 'phone']) await known.remember('staff:zoe', device);
    await known.remember('staff:ann', 'laptop');
    await beginMany(perUser, 'staff:zoe', HOME);
    await beginMany(perUser, 'staff:ann', HOME);
    await accounts.change('zoe', { groups: ['staff'] });
    expect([await lets('laptop'), await lets('phone')]).toEqual([true, true]);
    await accounts.setPassword('zoe', 'another horse battery');
    expect([await lets('laptop'), await lets('phone')]).toEqual([false, false]);
    expect(await begin('staff:ann', HOME, 'laptop')).toMatchObject({ allowed: true });
    expect([await known.isForgotten('staff:zoe', 'laptop'), await known.isForgotten('staff:zoe', 'new')]).toEqual([
      true,
      true,
    ]);
    expect(await known.isForgotten('staff:ann', 'laptop')).toBe(false);
    expect(await known.isForgotten('staff:ann', 'new')).toBe(false);
    clock.advance(1);
    await known.remember('staff:zoe', 'tablet');
    expect(await known.isForgotten('staff:zoe', 'tablet')).toBe(false);
    expect([await lets('tablet'), await lets('laptop')]).toEqual([true, false]);
  });
});

test('whatever happens in whatever order: no more checks than the limits allow', async () => {
  const users = ['staff:ann', 'staff:bob', 'staff:cleo'] as const;
  const limits = { windowMs: 1000, perUser: 3, perNetwork: 5, perDevice: 2, knownMs: 5000 };
  const step = fc.record({
    user: fc.constantFrom(...users),
    address: fc.constantFrom(HOME, ELSEWHERE),
    device: fc.constantFrom(undefined, 'of ann'),
    end: fc.constantFrom('wrong', 'wrong', 'wrong', 'right', 'unchecked'),
    pauseMs: fc.constantFrom(0, 0, 0, 400, 6000),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      clock.advance(limits.knownMs);
      await known.remember('staff:ann', 'of ann');
      const small = openLockout({ store, clock }, limits);
      // what a reader of the docstring would keep: fixed windows of failures, and the last success
      const windows = new Map<string, { startedAt: number; failures: number }>();
      const successes = new Map<string, number>();
      const failures = (key: string): number => {
        const window = windows.get(key);
        return window !== undefined && clock.now() < window.startedAt + limits.windowMs ? window.failures : 0;
      };
      const fail = (key: string): void => {
        const window = windows.get(key);
        if (window !== undefined && clock.now() < window.startedAt + limits.windowMs) window.failures += 1;
        else windows.set(key, { startedAt: clock.now(), failures: 1 });
      };
      const start = (key: string): void => {
        // an attempt begins a window even if it does not count in the end
        if (!(clock.now() < (windows.get(key)?.startedAt ?? 0) + limits.windowMs)) {
          windows.set(key, { startedAt: clock.now(), failures: 0 });
        }
      };
      for (const { user, address, device, end, pauseMs } of steps) {
        clock.advance(pauseMs);
        const isOnDevice = user === 'staff:ann' && device !== undefined && failures(device) < limits.perDevice;
        const place = `${user} ${address}`;
        const own = isOnDevice ? device : place;
        const knownUntil = (successes.get(place) ?? Number.NEGATIVE_INFINITY) + limits.knownMs;
        const full = isOnDevice || failures(address) >= limits.perNetwork;
        const expected = isOnDevice || (failures(own) < limits.perUser && (!full || clock.now() < knownUntil));
        const attempt = await small.begin(user, address, device);
        expect(attempt.allowed).toBe(expected);
        if (!attempt.allowed) {
          expect(attempt.retryAfterSeconds).toBe(1);
          continue;
        }
        start(own);
        if (!full) start(address);
        if (end === 'right') {
          await attempt.succeeded();
          successes.set(place, clock.now());
          windows.delete(own);
        } else if (end === 'unchecked') await attempt.unchecked();
        else {
          fail(own);
          if (!full) fail(address);
        }
      }
    }),
    { numRuns: 40 },
  );
});

describe('the store', () => {
  test('a refusal writes nothing', async () => {
    await beginMany(perUser, 'staff:ann', HOME);
    const versions = async () => {
      const found: [string, number][] = [];
      for await (const partition of store.partitions()) {
        for await (const { name, entry } of store.list(partition, '')) found.push([name, entry.version]);
      }
      return found;
    };
    const before = await versions();
    expect(allowedOf(await beginMany(50, 'staff:ann', HOME))).toBe(0);
    expect(await versions()).toEqual(before);
    expect(JSON.stringify(before)).not.toMatch(/ann|192\.0/);
  });

  test('a counter that cannot be read is full', async () => {
    await begin('staff:ann', HOME);
    for await (const { name } of store.list('network', 'attempt/')) {
      await store.commit({ partition: 'network', put: [{ name, value: 'many' }] });
    }
    expect(await begin('staff:bob', HOME)).toEqual({ allowed: false, retryAfterSeconds: 900 });
    for await (const { name } of store.list('network', 'attempt/')) {
      await store.commit({ partition: 'network', remove: [name] });
    }
  });

  test('that does not answer lets nobody try', async () => {
    const gone = temporaryDirectory();
    const closed = openStore({ clock, random: systemRandom }, { path: gone.path });
    await closed.start();
    await closed.close(1000);
    gone.remove();
    await expect(openLockout({ store: closed, clock }).begin('staff:ann', HOME)).rejects.toThrow(StoreUnavailable);
  });

  test('is shared: two processes that count at once allow ten between them', async () => {
    const shared = temporaryDirectory();
    const children = [1, 2].map(() =>
      fork(fileURLToPath(new URL('./lockout-process.ts', import.meta.url)), [shared.path], { stdio: 'inherit' }),
    );
    onTestFinished(async () => {
      const gone = children.map((child) => once(child, 'exit'));
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(gone);
      shared.remove();
    });
    await Promise.all(children.map((child) => once(child, 'message')));
    const told = children.map((child) => once(child, 'message'));
    for (const child of children) child.send(30);
    const allowed = (await Promise.all(told)).map(([count]) => Number(count));
    expect((allowed[0] ?? 0) + (allowed[1] ?? 0)).toBe(perUser);
  });
});

describe('signing in', () => {
  const PASSWORD = 'correct horse battery';
  const real = openPasswordHasher({ random: systemRandom });
  let checked = 0;
  const hasher: PasswordHasher = {
    hash: real.hash,
    verify: (phc, password) => {
      checked += 1;
      return real.verify(phc, password);
    },
  };
  const accounts = openAccounts({ store, clock, hasher: real }, 'staff');
  const attempt = (username: string, password: string, address = HOME, by = hasher) =>
    signIn({ accounts, hasher: by, clock, lockout }, { username, password, address });
  beforeAll(async () => {
    await accounts.add('ann', { password: PASSWORD });
    await accounts.add('frozen', { password: PASSWORD });
    await accounts.disable('frozen');
  });
  beforeEach(() => {
    checked = 0;
  });

  test('of twenty guesses at once ten are checked; then not even the right password is, but elsewhere it works', async () => {
    const outcomes = await Promise.all(Array.from({ length: 20 }, (_, i) => attempt('ann', `wrong password ${i}`)));
    expect(checked).toBe(perUser);
    const locked = { ok: false, reason: 'locked_out', retryAfterSeconds: 900, user: 'staff:ann', exists: true };
    expect(outcomes.filter((outcome) => !outcome.ok && outcome.reason === 'locked_out')).toEqual(
      Array.from({ length: 10 }, () => locked),
    );
    expect(await attempt('Ann', PASSWORD)).toEqual(locked);
    expect(checked).toBe(perUser);
    expect(await attempt('ann', PASSWORD, ELSEWHERE)).toMatchObject({ ok: true });
    expect(await attempt('ann', PASSWORD)).toEqual(locked);
    clock.advance(windowMs);
    expect(await attempt('ann', PASSWORD)).toMatchObject({ ok: true });
  });

  test('the tenth attempt may still succeed, and begins anew', async () => {
    for (let round = 0; round < 2; round++) {
      for (let i = 1; i < perUser; i++)
        expect(await attempt('ann', 'wrong')).toMatchObject({ reason: 'wrong_password' });
      expect(await attempt('ann', PASSWORD)).toMatchObject({ ok: true });
    }
  });

  test.each([
    ['a name that nobody has', 'ghost', PASSWORD, { user: 'staff:ghost', exists: false }],
    ['what cannot be a name', 'no name at all', PASSWORD, { user: undefined, exists: false }],
    ['a disabled account with its right password', 'frozen', PASSWORD, { user: 'staff:frozen', exists: true }],
  ])('%s is locked like any other', async (_, username, password, whose) => {
    for (let i = 0; i < perUser; i++)
      expect(await attempt(username, password)).not.toMatchObject({ reason: 'locked_out' });
    expect(checked).toBe(perUser);
    expect(await attempt(username, password)).toEqual({
      ok: false,
      reason: 'locked_out',
      retryAfterSeconds: 900,
      ...whose,
    });
    expect(checked).toBe(perUser);
  });

  test('a full queue locks nobody out', async () => {
    const busy = openPasswordHasher({ random: systemRandom }, { maxQueue: 0 });
    for (let i = 0; i < 2 * perUser; i++) {
      expect(await attempt('ann', PASSWORD, HOME, busy)).toMatchObject({ reason: 'busy' });
    }
    expect(await attempt('ann', PASSWORD)).toMatchObject({ ok: true });
  });
});

describe('networks', () => {
  test.each([
    ['192.0.2.1', '192.0.2.254', true],
    ['192.0.2.1', '192.0.3.1', false],
    ['192.0.2.1', '::ffff:192.0.2.9', true],
    ['2001:db8:1:2::1', '2001:DB8:1:2:ffff:ffff:ffff:ffff', true],
    ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
    ['::1', '127.0.0.1', false],
    ['0.0.0.1', '::1', false],
    ['', 'unknown', true],
    ['', '0.0.0.0', false],
  ])('%j and %j are one: %s', (a, b, same) => {
    expect(networkOf(a) === networkOf(b)).toBe(same);
  });
});

describe('what cannot be a user name', () => {
  test('counts as one of 4,096 that no account can have', () => {
    fc.assert(
      fc.property(fc.string(), (typed) => {
        const [provider, name] = strayUser('staff', typed).split(':');
        expect(provider).toBe('staff');
        expect(name).toMatch(/^~[A-Za-z0-9_-]{2}$/);
        expect(name).not.toMatch(NAME_PATTERN);
      }),
    );
    expect(strayUser('staff', 'a b')).not.toBe(strayUser('staff', 'b a'));
  });
});
