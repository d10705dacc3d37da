import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { Log } from '../../src/core/ports.ts';
import { shareOf } from '../../src/limits/lease.ts';
import type { RateCounter } from '../../src/limits/rate-counter.ts';
import { openRateLimits, type RateLimits, type RateSubject } from '../../src/limits/rate-limits.ts';
import { openStore } from '../../src/stores/index.ts';
import { temporaryDirectory } from '../stores/directory.ts';
import { handClock, systemRandom } from '../stores/ports.ts';

const HOUR = 3_600_000;
const directory = temporaryDirectory();
const clock = handClock();
const openHere = () => openStore({ clock, random: systemRandom }, { path: directory.path });
/** two processes' views of one store */
const [here, there] = [openHere(), openHere()];
const logged: string[] = [];
const note = (message: string): void => void logged.push(message);
const log: Log = { debug: note, info: note, warn: note, error: note };
let refused: string[] = [];
let uncounted: string[] = [];

beforeAll(() => Promise.all([here.start(), there.start()]));
afterAll(async () => {
  await Promise.all([here.close(1000), there.close(1000)]);
  directory.remove();
});
beforeEach(() => {
  clock.advance(30 * HOUR);
  logged.length = 0;
  refused = [];
  uncounted = [];
});

/** One node's limits over a store; `idle` resolves when the store has answered everything that was asked so far. */
function open(
  store = here,
  maxKeys?: number,
): RateLimits & { readonly idle: () => Promise<void>; readonly asked: () => number } {
  const asked: Promise<unknown>[] = [];
  const limits = openRateLimits(
    {
      clock,
      log,
      increment: (...given) => {
        const answer = store.increment(...given);
        asked.push(answer);
        return answer;
      },
      onRefused: (scope) => refused.push(scope),
      onUncounted: (scope) => uncounted.push(scope),
    },
    maxKeys,
  );
  onTestFinished(() => limits.close(0));
  return { ...limits, idle: async () => void (await Promise.allSettled(asked)), asked: () => asked.length };
}

const of = (requests: number, more: Partial<RateSubject> = {}): RateSubject => ({
  scope: 'address',
  rate: { requests, windowMs: HOUR },
  ...more,
});
const take = (counter: RateCounter, key = 'a'): boolean => counter.take(key, clock.now());
/** Sends until the answer is final; how many were let in. */
async function exhaust(node: ReturnType<typeof open>, counter: RateCounter, key = 'a'): Promise<number> {
  let count = 0;
  for (;;) {
    if (take(counter, key)) count++;
    else {
      const { resetSeconds, retryAfterSeconds } = counter.refusal(key, clock.now());
      if (retryAfterSeconds === resetSeconds) return count;
      await node.idle();
    }
  }
}

test.each([1, 7, 10, 11, 100, 1000])('one node lets in exactly %i, and the store is asked seldom', async (requests) => {
  const node = open();
  expect(await exhaust(node, node.counter(of(requests)))).toBe(requests);
  expect(node.asked()).toBeLessThanOrEqual(8);
  clock.advance(HOUR);
  expect(await exhaust(node, node.counter(of(requests)))).toBe(requests);
});

test('keys, scopes, routes and limits do not count for each other', async () => {
  const node = open();
  expect(await exhaust(node, node.counter(of(20)), 'a')).toBe(20);
  expect(await exhaust(node, node.counter(of(20)), 'b')).toBe(20);
  expect(await exhaust(node, node.counter(of(20, { on: 'wiki' })), 'a')).toBe(20);
  expect(await exhaust(node, node.counter(of(20, { scope: 'identity' })), 'a')).toBe(20);
  expect(await exhaust(node, node.counter(of(21)), 'a')).toBe(21);
});

test('two nodes on one store share a limit, within the bound', async () => {
  const [one, two] = [open(here), open(there)];
  const [first, second] = [one.counter(of(100)), two.counter(of(100))];
  let count = 0;
  for (let i = 0; i < 60; i++) for (const counter of [first, second]) if (take(counter)) count++;
  count += await exhaust(one, first);
  count += await exhaust(two, second);
  expect(count).toBeGreaterThanOrEqual(100);
  expect(count).toBeLessThanOrEqual(100 + 2 * shareOf(100));
  // a third that comes later has at most its share
  const three = open(here);
  expect(await exhaust(three, three.counter(of(100)))).toBeLessThanOrEqual(shareOf(100));
});

test('a refusal says when the window is over, or that it is worth trying again soon', async () => {
  const node = open();
  const counter = node.counter(of(100));
  while (take(counter)) {}
  expect(counter.refusal('a', clock.now())).toMatchObject({ retryAfterSeconds: 1, rate: { requests: 100 } });
  await exhaust(node, counter);
  const { resetSeconds, retryAfterSeconds } = counter.refusal('a', clock.now());
  expect(retryAfterSeconds).toBe(resetSeconds);
  clock.advance((resetSeconds - 1) * 1000 - 1);
  expect(take(counter)).toBe(false);
  clock.advance(1001);
  expect(take(counter)).toBe(true);
  expect(refused.length).toBeGreaterThanOrEqual(2);
});

describe('without the store', () => {
  test('a node keeps the whole limit by itself, says so once, and shares again when the store is back', async () => {
    const away = temporaryDirectory();
    const store = openStore({ clock, random: systemRandom }, { path: away.path });
    onTestFinished(async () => {
      await store.close(1000);
      away.remove();
    });
    const node = open(store);
    const counter = node.counter(of(100));
    // not started: every method fails, as when it is lost
    expect(await exhaust(node, counter)).toBe(100);
    expect(await exhaust(node, counter, 'b')).toBe(100);
    // the store is not bothered by each of them
    expect(node.asked()).toBe(1);
    expect(logged).toEqual(['the store does not count; rate limits are kept by this process alone']);
    await store.start();
    clock.advance(1000);
    expect(take(counter)).toBe(false);
    await node.idle();
    expect(logged.at(-1)).toBe('rate limits are shared again');
    // what was let in alone is told now: another node finds nothing left
    const other = open(store);
    expect(await exhaust(other, other.counter(of(100)))).toBeLessThanOrEqual(shareOf(100));
  });

  test('what is known to be used up stays so', async () => {
    const store = openHere();
    await store.start();
    const node = open(store);
    const counter = node.counter(of(50));
    await exhaust(node, counter);
    await store.close(1000);
    for (let i = 0; i < 30; i++) take(counter, 'other');
    await node.idle();
    expect(take(counter)).toBe(false);
    expect(await exhaust(node, counter, 'other')).toBe(40);
  });
});

describe('memory', () => {
  test('beyond the bound new keys are let in uncounted, and nobody who is counted is put out for them', async () => {
    const node = open(here, 100);
    const counter = node.counter(of(2));
    await exhaust(node, counter, 'greedy');
    for (let i = 0; i < 1000; i++) for (let j = 0; j < 3; j++) take(counter, `flood-${i}`);
    expect(uncounted).toHaveLength(3 * (1000 - 99));
    expect(uncounted[0]).toBe('address');
    expect(take(counter, 'greedy')).toBe(false);
    // every other limit has room of its own, of the same kind too
    const before = uncounted.length;
    expect(await exhaust(node, node.counter(of(2, { scope: 'identity' })), 'staff:ann')).toBe(2);
    expect(await exhaust(node, node.counter(of(2, { on: 'wiki' })), 'flood-999')).toBe(2);
    expect(uncounted).toHaveLength(before);
  });

  test('keys whose window is over make room for others', () => {
    const node = open(here, 100);
    const counter = node.counter(of(1000));
    for (let i = 0; i < 100; i++) take(counter, `former-${i}`);
    clock.advance(2 * HOUR);
    for (let i = 0; i < 100; i++) take(counter, `new-${i}`);
    expect(uncounted).toEqual([]);
    take(counter, 'one more');
    expect(uncounted).toHaveLength(1);
  });

  test('a limit that is no more goes, and still counts what began before a reload', async () => {
    const node = open();
    const former = node.counter(of(8));
    node.retain([node.counter(of(9)), undefined]);
    expect(await exhaust(node, former)).toBe(8);
    expect(node.counter(of(8))).not.toBe(former);
  });
});

describe('a wall clock that jumped ahead and is set back', () => {
  const rate = { requests: 20, windowMs: 60_000 };

  test('locks nobody out who came meanwhile: all of the limit is there, and no more', async () => {
    const node = open();
    const counter = node.counter(of(20, { rate }));
    clock.advance(HOUR);
    expect(await exhaust(node, counter)).toBe(20);
    clock.advance(-HOUR);
    for (let minute = 0; minute < 3; minute++) {
      expect(await exhaust(node, counter)).toBe(20);
      clock.advance(60_000);
    }
  });

  test('leaves nothing behind that takes room', () => {
    const node = open(here, 100);
    const counter = node.counter(of(20, { rate }));
    clock.advance(HOUR);
    for (let i = 0; i < 100; i++) take(counter, `ahead-${i}`);
    clock.advance(-HOUR);
    for (let i = 0; i < 100; i++) take(counter, `new-${i}`);
    expect(uncounted).toEqual([]);
  });

  test.each([1000, 60_000])('a request that waited some seconds resets no window of %i ms', (windowMs) => {
    const node = open();
    const counter = node.counter(of(10, { rate: { requests: 10, windowMs } }));
    for (let i = 0; i < 10; i++) expect(take(counter)).toBe(true);
    expect(counter.take('a', clock.now() - 5000)).toBe(false);
    expect(take(counter)).toBe(false);
  });
});

test('a limit that stays the same keeps its counts; one that changed begins anew', async () => {
  const node = open();
  const former = node.counter(of(8));
  await exhaust(node, former);
  const same = node.counter(of(8));
  const other = node.counter(of(9));
  node.retain([same, other]);
  expect(take(same)).toBe(false);
  expect(take(other)).toBe(true);
});
