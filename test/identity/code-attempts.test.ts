import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { generateSync } from 'otplib';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { SessionId } from '../../src/core/session.ts';
import { type Commit, StoreUnavailable } from '../../src/core/store.ts';
import { partitionOf, type UserId } from '../../src/core/subject.ts';
import {
  beginCodeAttempt,
  CODE_ATTEMPTS,
  CODE_FAILURES,
  CODE_FAILURES_MS,
  CODE_FAILURES_ON_DEVICE,
  CODE_WINDOW_MS,
  type CodeAttempt,
  codeCounterNames,
} from '../../src/identity/factors/attempts.ts';
import { factorsName } from '../../src/identity/factors/keys.ts';
import { resetFactors } from '../../src/identity/factors/reset.ts';
import { openFactors } from '../../src/identity/factors/store.ts';
import { KNOWN_DEVICE_MS, openKnownDevices } from '../../src/identity/known-devices.ts';
import { openLockout } from '../../src/identity/lockout.ts';
import { openStore } from '../../src/stores/index.ts';
import { temporaryDirectory } from '../stores/directory.ts';
import { handClock, systemRandom } from '../stores/ports.ts';
import { unrecorded } from '../support/enrol.ts';

const HOME = '192.0.2.1';
const ELSEWHERE = '198.51.100.1';
const strange = (network: number): string => `10.0.${network}.1`;

const directory = temporaryDirectory();
const clock = handClock();
const random = systemRandom;
const store = openStore({ clock, random }, { path: directory.path });
const known = openKnownDevices({ store, clock });
const lockout = openLockout({ store, clock });
let ann: UserId;
let users = 0;
beforeAll(() => store.start());
afterAll(async () => {
  await store.close(1000);
  directory.remove();
});
beforeEach(() => {
  ann = `staff:ann-${users++}`;
});

const begin = (address: string, device?: string, user = ann): Promise<CodeAttempt> =>
  beginCodeAttempt({ store, clock }, user, { address, device });
const allowedOf = (attempts: readonly CodeAttempt[]): number => attempts.filter(({ allowed }) => allowed).length;
const atOnce = async (count: number, address: string, device?: string): Promise<number> =>
  allowedOf(await Promise.all(Array.from({ length: count }, () => begin(address, device))));
/** All that strangers have: ten from each of ten networks. */
async function useUp(): Promise<void> {
  for (let network = 0; network < CODE_FAILURES / CODE_ATTEMPTS; network++)
    expect(await atOnce(2 * CODE_ATTEMPTS, strange(network))).toBe(CODE_ATTEMPTS);
}
/** What a right code does. */
async function succeed(address: string, device?: string): Promise<void> {
  const attempt = await begin(address, device);
  if (!attempt.allowed) throw new Error('locked out');
  await store.commit({ partition: partitionOf(ann), remove: attempt.clears });
}

describe('per user and network', () => {
  test.each([20, 100])('of %d at once ten are checked, and only those count in a row', async (count) => {
    expect(await atOnce(count, HOME)).toBe(CODE_ATTEMPTS);
    expect(await begin(HOME)).toEqual({ allowed: false, retryAfterSeconds: CODE_WINDOW_MS / 1000 });
    const failures = (await codeCounterNames(store, ann)).find((name) => name.endsWith('/all')) ?? '';
    expect((await store.get({ partition: partitionOf(ann), name: failures }))?.value).toBe(CODE_ATTEMPTS);
  });

  test('somebody elsewhere locks nobody out, nor does another address of the same network let anybody in', async () => {
    expect(await atOnce(20, ELSEWHERE)).toBe(CODE_ATTEMPTS);
    expect(await begin('198.51.100.254')).toMatchObject({ allowed: false });
    expect(await begin(HOME)).toMatchObject({ allowed: true });
    expect(await begin(ELSEWHERE, undefined, 'staff:bob')).toMatchObject({ allowed: true });
  });

  test('the window begins with the first attempt; refused ones do not prolong it', async () => {
    await atOnce(CODE_ATTEMPTS - 1, HOME);
    clock.advance(CODE_WINDOW_MS - 1500);
    await begin(HOME);
    expect(await begin(HOME)).toEqual({ allowed: false, retryAfterSeconds: 2 });
    clock.advance(1500);
    expect(await begin(HOME)).toMatchObject({ allowed: true });
  });

  test('a right code begins anew where it was given, and nowhere else', async () => {
    await atOnce(CODE_ATTEMPTS, ELSEWHERE);
    await atOnce(CODE_ATTEMPTS - 1, HOME);
    await succeed(HOME);
    expect(await atOnce(20, HOME)).toBe(CODE_ATTEMPTS);
    expect(await begin(ELSEWHERE)).toMatchObject({ allowed: false });
  });
});

describe('in a row', () => {
  test('a hundred are checked from everywhere together, however many come at once', async () => {
    const attempts = Array.from({ length: 300 }, (_, i) => begin(strange(i % 30)));
    expect(allowedOf(await Promise.all(attempts))).toBe(CODE_FAILURES);
    expect(await begin(HOME)).toEqual({ allowed: false, retryAfterSeconds: CODE_FAILURES_MS / 1000 });
  });

  test('nor more over time: they are not forgotten with the window, but 30 days after the first', async () => {
    const start = clock.now();
    let checked = 0;
    for (let window = 0; window < 15; window++) {
      checked += await atOnce(20, ELSEWHERE);
      clock.advance(CODE_WINDOW_MS);
    }
    expect(checked).toBe(CODE_FAILURES);
    clock.set(start + CODE_FAILURES_MS - 1);
    expect(await begin(HOME)).toEqual({ allowed: false, retryAfterSeconds: 1 });
    clock.advance(1);
    expect(await begin(HOME)).toMatchObject({ allowed: true });
  });

  test('a right code from anywhere begins anew, as does an administrator', async () => {
    await known.remember(ann, 'laptop');
    await useUp();
    expect(await begin(HOME)).toMatchObject({ allowed: false });
    await succeed(HOME, 'laptop');
    expect(await begin(HOME)).toMatchObject({ allowed: true });
    expect(await begin(strange(0))).toMatchObject({ allowed: false });

    await lockout.clear(ann);
    await useUp();
    expect(await begin(HOME)).toMatchObject({ allowed: false });
    // ten networks, and what they had in a row
    expect(await lockout.clear(ann)).toBe(11);
    expect(await codeCounterNames(store, ann)).toEqual([]);
    await useUp();
    expect(await begin(HOME)).toMatchObject({ allowed: false });
  });

  test('two processes that count at once check a hundred between them', async () => {
    const shared = temporaryDirectory();
    const children = [1, 2].map(() =>
      fork(fileURLToPath(new URL('./code-attempts-process.ts', import.meta.url)), [shared.path], { stdio: 'inherit' }),
    );
    onTestFinished(async () => {
      const gone = children.map((child) => once(child, 'exit'));
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(gone);
      shared.remove();
    });
    await Promise.all(children.map((child) => once(child, 'message')));
    const told = children.map((child) => once(child, 'message'));
    for (const child of children) child.send(15);
    const allowed = (await Promise.all(told)).map(([count]) => Number(count));
    expect((allowed[0] ?? 0) + (allowed[1] ?? 0)).toBe(CODE_FAILURES);
  });
});

describe('known devices', () => {
  test('are reached by nothing that strangers do, in their network or everywhere', async () => {
    await known.remember(ann, 'laptop');
    await atOnce(CODE_ATTEMPTS, HOME);
    const strangers = Array.from({ length: 2 * CODE_FAILURES }, (_, i) => begin(strange(i % 20)));
    expect(allowedOf(await Promise.all(strangers))).toBe(CODE_FAILURES - CODE_ATTEMPTS);
    expect(await begin(HOME, 'another')).toMatchObject({ allowed: false });
    expect(await begin(ELSEWHERE, 'another')).toMatchObject({ allowed: false });
    expect(await begin(HOME, 'laptop')).toMatchObject({ allowed: true });
    expect(await begin(ELSEWHERE, 'laptop')).toMatchObject({ allowed: true });
    expect(await begin(HOME, 'laptop', 'staff:bob')).toMatchObject({ allowed: true });
  });

  test('have ten attempts of their own, then those of the network, however many come at once', async () => {
    await known.remember(ann, 'laptop');
    expect(await atOnce(100, HOME, 'laptop')).toBe(2 * CODE_ATTEMPTS);
    expect(await begin(HOME, 'laptop')).toEqual({ allowed: false, retryAfterSeconds: CODE_WINDOW_MS / 1000 });
  });

  test('are not taken from the owner by who stole the cookie, until the hundred are gone too; others never are', async () => {
    for (const device of ['stolen', 'phone']) await known.remember(ann, device);
    expect(await atOnce(100, ELSEWHERE, 'stolen')).toBe(2 * CODE_ATTEMPTS);
    await succeed(HOME, 'stolen');
    await useUp();
    expect(await atOnce(20, ELSEWHERE, 'stolen')).toBe(CODE_ATTEMPTS);
    // the device is good again long before the hundred are
    expect(await begin(HOME, 'stolen')).toEqual({ allowed: false, retryAfterSeconds: CODE_WINDOW_MS / 1000 });
    expect(await begin(HOME, 'phone')).toMatchObject({ allowed: true });
  });

  test('are like any other after 30 in a row, whatever the windows, and themselves again after a right code', async () => {
    await known.remember(ann, 'laptop');
    await useUp();
    let checked = 0;
    for (let window = 0; window < 6; window++) {
      checked += await atOnce(20, HOME, 'laptop');
      clock.advance(CODE_WINDOW_MS);
    }
    expect(checked).toBe(CODE_FAILURES_ON_DEVICE);
    expect(await begin(HOME, 'laptop')).toMatchObject({ allowed: false });
    const [all = ''] = (await codeCounterNames(store, ann)).filter((name) => name.endsWith('/all'));
    await store.commit({ partition: partitionOf(ann), remove: [all] });
    await succeed(HOME, 'laptop');
    await useUp();
    expect(await atOnce(20, HOME, 'laptop')).toBe(CODE_ATTEMPTS);
  });

  test('what is wrong on them counts in a row too', async () => {
    await known.remember(ann, 'laptop');
    expect(await atOnce(CODE_ATTEMPTS, HOME, 'laptop')).toBe(CODE_ATTEMPTS);
    const attempts = Array.from({ length: 200 }, (_, i) => begin(strange(i % 20)));
    expect(allowedOf(await Promise.all(attempts))).toBe(CODE_FAILURES - CODE_ATTEMPTS);
  });
});

test('whatever happens in whatever order is what a reader would keep count of', async () => {
  const step = fc.record({
    address: fc.constantFrom(HOME, ELSEWHERE, strange(1)),
    device: fc.constantFrom(undefined, 'laptop', 'never seen'),
    times: fc.integer({ min: 6, max: 12 }),
    right: fc.constantFrom(...Array(9).fill(false), true),
    pauseMs: fc.constantFrom(0, CODE_WINDOW_MS, CODE_WINDOW_MS, CODE_WINDOW_MS, CODE_WINDOW_MS, CODE_FAILURES_MS),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 20 }), async (steps) => {
      const user: UserId = `staff:eve-${users++}`;
      await known.remember(user, 'laptop');
      const knownUntil = clock.now() + KNOWN_DEVICE_MS;
      const windows = new Map<string, { endsAt: number; count: number }>();
      const count = (key: string): number => {
        const window = windows.get(key);
        return window !== undefined && clock.now() < window.endsAt ? window.count : 0;
      };
      const add = (key: string, ms: number): void => {
        const endsAt = count(key) === 0 ? clock.now() + ms : (windows.get(key)?.endsAt ?? 0);
        windows.set(key, { endsAt, count: count(key) + 1 });
      };
      for (const { address, device, times, right, pauseMs } of steps) {
        for (let i = 1; i <= times; i++) {
          const isKnown = device === 'laptop' && clock.now() < knownUntil;
          const isDevice = isKnown && count('device') < CODE_ATTEMPTS && count('device row') < CODE_FAILURES_ON_DEVICE;
          const expected = isDevice || (count(address) < CODE_ATTEMPTS && count('row') < CODE_FAILURES);
          const attempt = await begin(address, device, user);
          expect(attempt.allowed).toBe(expected);
          if (!attempt.allowed) continue;
          add(isDevice ? 'device' : address, CODE_WINDOW_MS);
          if (isDevice) add('device row', CODE_FAILURES_MS);
          add('row', CODE_FAILURES_MS);
          if (!right || i < times) continue;
          await store.commit({ partition: partitionOf(user), remove: attempt.clears });
          for (const key of ['row', ...(isKnown ? ['device', 'device row'] : [])]) windows.delete(key);
          if (!isDevice) windows.delete(address);
        }
        clock.advance(pauseMs);
      }
    }),
    { numRuns: 8 },
  );
});

describe('the store', () => {
  const SESSION: SessionId = 'ses_00aaaaaaaaaaaaaaaaaaaaaaaaaa';
  const commits: Commit[] = [];
  const watched = {
    ...store,
    commit: (commit: Commit) => {
      commits.push(commit);
      return store.commit(commit);
    },
  };
  const alive = async (id: SessionId) => ({
    ...{ name: 'session/standing', version: 0 },
    session: { id, createdAt: clock.now(), proofs: [{ method: 'password', level: 'none', at: clock.now() }] as const },
  });
  const factors = openFactors({ store: watched, clock, random, alive, drift: () => 1 }, [random.bytes(32)]);
  async function enrol(): Promise<() => string> {
    const begun = await factors.beginTotp(ann, SESSION);
    if (!begun.ok) throw new Error(begun.reason);
    const { secret, ticket } = begun;
    const code = () => generateSync({ secret, epoch: Math.floor(clock.now() / 1000) });
    expect(await factors.confirmTotp(ann, SESSION, { ticket, code: code() }, unrecorded)).toMatchObject({ ok: true });
    clock.advance(30_000);
    return code;
  }

  test.each([
    ['in a network', undefined, 2],
    ['on a known device', 'laptop', 3],
  ])('a right code %s is used and clears what was counted in one step', async (_, device, counters) => {
    const code = await enrol();
    await known.remember(ann, 'laptop');
    const caller = { address: HOME, device };
    for (let i = 0; i < 5; i++) expect(await factors.verify(ann, 'totp', 'wrong', caller)).toMatchObject({ ok: false });
    expect(await codeCounterNames(store, ann)).toHaveLength(counters);
    commits.length = 0;
    expect(await factors.verify(ann, 'totp', code(), caller)).toMatchObject({ ok: true });
    expect(commits).toHaveLength(1);
    expect(commits[0]?.put?.map(({ name }) => name)).toEqual([factorsName(ann)]);
    expect(commits[0]?.remove).toHaveLength(counters);
    expect(await codeCounterNames(store, ann)).toEqual([]);
  });

  test('a right code that was used already clears nothing', async () => {
    const code = await enrol();
    const caller = { address: HOME, device: undefined };
    await factors.verify(ann, 'totp', code(), caller);
    for (let i = 0; i < CODE_ATTEMPTS; i++)
      expect(await factors.verify(ann, 'totp', code(), caller)).toEqual({ ok: false, reason: 'used_code' });
    expect(await factors.verify(ann, 'totp', code(), caller)).toMatchObject({ reason: 'locked_out' });
  });

  test('taking the factors away takes away what was counted of their codes', async () => {
    await enrol();
    await useUp();
    expect(await resetFactors({ store }, ann)).toBe(true);
    expect(await codeCounterNames(store, ann)).toEqual([]);
    expect(await begin(HOME)).toMatchObject({ allowed: true });
  });

  test('the first factor takes away what was counted before it in its very step, and a further one does not', async () => {
    await useUp();
    commits.length = 0;
    await enrol();
    expect(commits.filter(({ remove = [] }) => remove.some((name) => name.startsWith('code-')))).toHaveLength(1);
    expect(await codeCounterNames(store, ann)).toEqual([]);
    await useUp();
    const counted = await codeCounterNames(store, ann);
    await enrol();
    expect(await codeCounterNames(store, ann)).toEqual(counted);
    expect(await begin(HOME)).toMatchObject({ allowed: false });
  });

  test('a refusal writes nothing, and names tell nobody', async () => {
    const held = async () => {
      const found: [string, number][] = [];
      for await (const { name, entry } of store.list(partitionOf(ann), '')) found.push([name, entry.version]);
      return found;
    };
    await known.remember(ann, 'laptop');
    await atOnce(100, HOME, 'laptop');
    await atOnce(100, HOME);
    const inNetwork = await held();
    expect((await atOnce(50, HOME)) + (await atOnce(50, HOME, 'laptop'))).toBe(0);
    expect(await held()).toEqual(inNetwork);
    expect(JSON.stringify(inNetwork)).not.toMatch(/ann|laptop|192\.0/);
    await Promise.all(Array.from({ length: 200 }, (_, i) => begin(strange(i % 20))));
    const everywhere = await held();
    expect(await atOnce(50, ELSEWHERE)).toBe(0);
    expect(await held()).toEqual(everywhere);
  });

  test('a counter that cannot be read is full', async () => {
    await begin(HOME);
    for (const name of await codeCounterNames(store, ann)) {
      await store.commit({ partition: partitionOf(ann), put: [{ name, value: 'none' }] });
      expect(await begin(HOME)).toMatchObject({ allowed: false });
      await store.commit({ partition: partitionOf(ann), remove: [name] });
    }
  });

  test('that does not answer lets nobody try', async () => {
    const gone = () => Promise.reject(new StoreUnavailable('gone'));
    for (const lost of [
      { ...store, get: gone },
      { ...store, increment: gone },
    ])
      await expect(beginCodeAttempt({ store: lost, clock }, ann, { address: HOME, device: 'laptop' })).rejects.toThrow(
        StoreUnavailable,
      );
  });
});
