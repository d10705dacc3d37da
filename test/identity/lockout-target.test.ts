import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { UserId } from '../../src/core/subject.ts';
import { KNOWN_DEVICE_MS, openKnownDevices } from '../../src/identity/known-devices.ts';
import { type Attempt, LOCKOUT_LIMITS, type Lockout, openLockout, strayUser } from '../../src/identity/lockout.ts';
import type { Rate } from '../../src/schema/units.ts';
import { openStore } from '../../src/stores/index.ts';
import { temporaryDirectory } from '../stores/directory.ts';
import { handClock, systemRandom } from '../stores/ports.ts';

const HOUR = 3_600_000;
const HOME = '192.0.2.1';
const directory = temporaryDirectory();
const clock = handClock();
const store = openStore({ clock, random: systemRandom }, { path: directory.path });
const known = openKnownDevices({ store, clock });
let target: Rate | false;
let lockout: Lockout;
beforeAll(() => store.start());
afterAll(async () => {
  await store.close(1000);
  directory.remove();
});
beforeEach(() => {
  clock.advance(KNOWN_DEVICE_MS);
  target = { requests: 30, windowMs: HOUR };
  lockout = openLockout({ store, clock, perTarget: () => target });
});

const network = (i: number): string => `10.${i >> 8}.${i & 255}.1`;
/** One attempt from each of so many networks, all at once. */
const spread = (user: UserId, count: number): Promise<Attempt[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => lockout.begin(user, network(i))));
const allowedOf = (attempts: readonly Attempt[]): number => attempts.filter(({ allowed }) => allowed).length;
async function succeed(user: UserId, address: string): Promise<void> {
  const attempt = await lockout.begin(user, address);
  if (!attempt.allowed) throw new Error('locked out');
  await attempt.succeeded();
}

describe('attempts for one user from many networks', () => {
  test.each<UserId>(['staff:ann', strayUser('staff', 'no name at all')])(
    'as many as the limit says, however many come at once: %s',
    async (user) => {
      expect(allowedOf(await spread(user, 80))).toBe(30);
      const refused = await lockout.begin(user, network(100));
      expect(refused).toEqual({ allowed: false, retryAfterSeconds: 3600, limit: 'sign_in 30/1h' });
      expect(await lockout.begin('staff:bob', network(100))).toMatchObject({ allowed: true });
      clock.advance(HOUR);
      expect(await lockout.begin(user, network(100))).toMatchObject({ allowed: true });
    },
  );

  test('a network where the user signed in lately, and a known device anywhere, are spared', async () => {
    await succeed('staff:ann', HOME);
    await known.remember('staff:ann', 'laptop');
    await spread('staff:ann', 80);
    expect(await lockout.begin('staff:ann', HOME)).toMatchObject({ allowed: true });
    expect(await lockout.begin('staff:ann', network(100), 'laptop')).toMatchObject({ allowed: true });
    expect(await lockout.begin('staff:ann', network(100), 'another')).toMatchObject({ allowed: false });
    expect(await lockout.begin('staff:ann', network(100))).toMatchObject({ allowed: false });
  });

  test('what the owner mistypes where they are known does not count for it', async () => {
    await succeed('staff:ann', HOME);
    await known.remember('staff:ann', 'laptop');
    const { perUser, perDevice } = LOCKOUT_LIMITS;
    for (let i = 0; i < perUser; i++) await lockout.begin('staff:ann', HOME);
    for (let i = 0; i < perDevice; i++) await lockout.begin('staff:ann', network(100), 'laptop');
    expect(allowedOf(await spread('staff:ann', 80))).toBe(30);
  });

  test('a stolen cookie of a known device, once it is used up, is no way round', async () => {
    await known.remember('staff:ann', 'laptop');
    const all: Attempt[] = [];
    for (let i = 0; i < 80; i++) all.push(await lockout.begin('staff:ann', network(i), 'laptop'));
    expect(allowedOf(all)).toBe(LOCKOUT_LIMITS.perDevice + 30);
  });

  test('successes, and what was not checked, do not count; a success gives a guesser nothing back', async () => {
    for (let i = 0; i < 40; i++) await succeed('staff:ann', network(i + 200));
    for (let i = 0; i < 40; i++) {
      const attempt = await lockout.begin('staff:ann', network(i));
      if (attempt.allowed) await attempt.unchecked();
    }
    expect(allowedOf(await spread('staff:ann', 20))).toBe(20);
    await succeed('staff:ann', network(100));
    expect(allowedOf(await spread('staff:ann', 80))).toBe(10);
  });

  test('unlocking a user takes it away', async () => {
    await spread('staff:ann', 80);
    await lockout.clear('staff:ann');
    expect(await lockout.begin('staff:ann', network(100))).toMatchObject({ allowed: true });
  });

  test('another limit holds at once, and none is none', async () => {
    await spread('staff:ann', 30);
    expect(await lockout.begin('staff:ann', network(100))).toMatchObject({ allowed: false });
    target = { requests: 35, windowMs: HOUR };
    expect(await lockout.begin('staff:ann', network(100))).toMatchObject({ allowed: true });
    target = false;
    expect(allowedOf(await spread('staff:ann', 100))).toBe(100);
  });
});
