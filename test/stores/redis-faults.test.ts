import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type Store, StoreUnavailable } from '../../src/core/store.ts';
import type { RedisStore } from '../../src/stores/redis.ts';
import type { BlackHole } from '../support/black-hole.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { temporaryDirectory } from './directory.ts';
import {
  elapsed,
  holeBefore,
  isTrusted,
  key,
  namesIn,
  openNodeAt,
  openStoreAt,
  put,
  revoke,
  until,
} from './redis-node.ts';

// The bounds are promises (issue, "Faults"): a call settles within the time limit + 50 ms, and the store is found again within
// a second. A machine under load adds to that what it adds to everything.
const SETTLED_MS = 500 + 50;
const FOUND_MS = 1000;
const LOAD_MS = 400;

let server: RedisServer;
beforeEach(async () => {
  server = await startRedis();
});
afterEach(() => server.stop());

/** Every method of a store, each once. */
const everything = (store: Store): readonly (() => Promise<unknown>)[] => [
  async () => store.get(key('a/b')),
  () => put(store, 'a/b'),
  () => revoke(store, 'x'),
  () => store.increment(key('hits/x'), 1, 60_000),
  () => namesIn(store),
  async () => {
    for await (const _ of store.partitions());
  },
  async () => store.position(),
  async () => store.birth(),
];

/** Calls them all at once: what went wrong, `undefined` where nothing did. */
const failures = async (calls: readonly (() => Promise<unknown>)[]): Promise<unknown[]> =>
  (await Promise.allSettled(calls.map((call) => call()))).map((outcome) =>
    outcome.status === 'rejected' ? outcome.reason : undefined,
  );

const works = async (store: Store): Promise<boolean> =>
  (await failures(everything(store))).every((each) => each === undefined);

describe.each<[string, (hole: BlackHole) => void, (hole: BlackHole) => void]>([
  ['a frozen server', () => server.freeze(), () => server.thaw()],
  ['a black hole', (hole) => hole.swallow('both'), (hole) => hole.swallow('nothing')],
  ['a black hole for requests', (hole) => hole.swallow('requests'), (hole) => hole.swallow('nothing')],
  ['a black hole for answers', (hole) => hole.swallow('answers'), (hole) => hole.swallow('nothing')],
])('%s', (_name, begin, end) => {
  let hole: BlackHole;
  let node: RedisStore;
  beforeEach(async () => {
    hole = await holeBefore(server.port);
    node = await openNodeAt({ port: hole.port });
    await put(node, 'a/b');
  });
  afterEach(() => end(hole));

  test('what is under way settles within its limit, and from then on everything at once', async () => {
    // those that answer out of what is remembered have a test of their own
    const calls = everything(node).slice(0, 6);
    begin(hole);
    const took = await elapsed(async () => {
      for (const error of await failures(calls)) expect(error).toBeInstanceOf(StoreUnavailable);
    });
    expect(took).toBeLessThan(SETTLED_MS + LOAD_MS);
    await until(() => !isTrusted(node));
    const again = await elapsed(async () => {
      for (const error of await failures(everything(node))) expect(error).toBeInstanceOf(StoreUnavailable);
    });
    expect(again).toBeLessThan(LOAD_MS);
  });

  test('what is remembered is trusted for a second at most, and never again before it is over', async () => {
    begin(hole);
    expect(await elapsed(() => until(() => !isTrusted(node)))).toBeLessThan(1000 + LOAD_MS);
    const from = performance.now();
    await until(() => {
      expect(isTrusted(node)).toBe(false);
      return performance.now() - from > 1000;
    });
  });

  test('it is found again within a second after it is back, with nothing lost', async () => {
    begin(hole);
    await until(() => !isTrusted(node));
    end(hole);
    const took = await elapsed(() =>
      until(() => failures(everything(node).slice(0, 2)).then((all) => !all.some(Boolean))),
    );
    expect(took).toBeLessThan(FOUND_MS + LOAD_MS);
    expect((await node.get(key('a/b')))?.value).toBe('a/b');
    await until(() => isTrusted(node));
  });
});

describe('kill -9 of the server', () => {
  test('everything that was acknowledged is there when it runs again, and it is the same store', async () => {
    const node = await openNodeAt({ port: server.port });
    const birth = await node.birth();
    const acknowledged: string[] = [];
    let running = true;
    const writing = [0, 1, 2, 3].map(async (lane) => {
      for (let count = 0; running; count += 1) {
        const name = `item/${lane}-${count}`;
        if (await put(node, name).catch(() => false)) acknowledged.push(name);
        else await new Promise(setImmediate);
      }
    });
    for (let round = 0; round < 3; round += 1) {
      const before = acknowledged.length;
      await until(() => acknowledged.length > before + 50);
      await server.kill();
      await server.restart();
      const from = performance.now();
      const restarted = acknowledged.length;
      await until(() => acknowledged.length > restarted);
      expect(performance.now() - from).toBeLessThan(FOUND_MS + LOAD_MS);
    }
    running = false;
    await Promise.all(writing);
    const there = new Set(await namesIn(node, '00', 'item/'));
    expect(acknowledged.filter((name) => !there.has(name))).toEqual([]);
    expect(await node.birth()).toEqual(birth);
  });

  test('changes are told across it, whoever wrote them', async () => {
    const [node, other] = [await openNodeAt({ port: server.port }), await openNodeAt({ port: server.port })];
    const cursor = await node.position();
    await revoke(other, 'before');
    await server.kill();
    await server.restart();
    await until(() => works(other));
    await revoke(other, 'after');
    await until(() => isTrusted(node));
    const { changes, complete } = await node.changes(cursor);
    expect(complete).toBe(true);
    const subjects = changes.map(({ subject }) => subject);
    expect([subjects[0], subjects.at(-1)]).toEqual(['before', 'after']);
  });
});

describe('an emptied store', () => {
  const losses: [string, () => Promise<void>][] = [
    ['emptied under a running server', async () => void (await server.client.flushall())],
    [
      'restarted without its files',
      async () => {
        await server.kill();
        await server.restartEmpty();
      },
    ],
  ];

  test.each(losses)('%s: nobody goes on with it as if nothing had happened', async (_name, lose) => {
    const [node, other] = [await openNodeAt({ port: server.port }), await openNodeAt({ port: server.port })];
    await revoke(node, 'x');
    const cursor = await node.position();
    const version = (await node.get(key('revoked/x')))?.version ?? 0;
    const birth = await node.birth();
    await lose();
    // without anything else being asked
    await until(async () => isTrusted(node) && (await node.birth()).id !== birth.id);
    const reborn = await node.birth();
    expect(reborn.at).toBeGreaterThan(birth.at);
    expect(await node.changes(cursor)).toMatchObject({ changes: [], complete: false });
    expect(await node.get(key('revoked/x'))).toBeUndefined();
    await until(async () => isTrusted(other) && (await other.birth()).id === reborn.id);
    expect(await other.birth()).toEqual(reborn);
    // no version comes again: what was read before cannot be taken for what lies there now
    await put(other, 'revoked/x');
    expect((await node.get(key('revoked/x')))?.version).toBeGreaterThan(version);
    expect(await revoke(node, 'y')).toBe(true);
  });

  test('no call takes it for the store that it was, from the first on', async () => {
    const node = await openNodeAt({ port: server.port });
    await put(node, 'a/b');
    for (const call of everything(node).slice(0, 5)) {
      await until(() => works(node));
      const birth = await node.birth();
      await server.client.flushall();
      // refused, or answered by the store that was born anew meanwhile; never "there is nothing" of the former birth
      const outcome = await call().then(
        () => 'answered',
        (error: unknown) => error,
      );
      if (outcome === 'answered') expect((await node.birth()).id).not.toBe(birth.id);
      else expect(outcome).toBeInstanceOf(StoreUnavailable);
    }
  });

  test('a process that starts on it knows by its directory that it was another', async () => {
    const { path, remove } = temporaryDirectory();
    onTestFinished(remove);
    const node = await openStoreAt({ port: server.port, path });
    await revoke(node, 'x');
    const birth = await node.birth();
    await node.close(1000);
    await server.client.flushall();
    const again = await openStoreAt({ port: server.port, path });
    expect((await again.birth()).id).not.toBe(birth.id);
    expect((await again.birth()).at).toBeGreaterThan(birth.at);
  });
});

describe('a store that was put back to an earlier state', () => {
  const data = (): string => join(server.directory, 'data');
  const backup = (): string => join(server.directory, 'backup');
  /** Copies its files while it does not run. */
  async function saveCopy(): Promise<void> {
    await server.kill();
    cpSync(data(), backup(), { recursive: true });
    await server.restart();
  }
  async function putBack(): Promise<void> {
    await server.kill();
    rmSync(data(), { recursive: true });
    cpSync(backup(), data(), { recursive: true });
    await server.restart();
  }

  test('gets a new birth from whoever saw more of it, running or not', async () => {
    const { path, remove } = temporaryDirectory();
    onTestFinished(remove);
    const node = await openNodeAt({ port: server.port });
    await put(node, 'a/b');
    await saveCopy();
    await until(() => works(node));
    const late = await openStoreAt({ port: server.port, path });
    await revoke(late, 'x');
    await late.close(1000);
    const birth = await node.birth();
    await putBack();
    await until(async () => isTrusted(node) && (await node.birth()).id !== birth.id);
    const second = await node.birth();
    expect(second.at).toBeGreaterThan(birth.at);
    expect((await node.get(key('a/b')))?.value).toBe('a/b');
    // the other one is content with that: what it saw last is older than this birth
    const again = await openStoreAt({ port: server.port, path });
    expect(await again.birth()).toEqual(second);
    await node.close(1000);
    await again.close(1000);
    // and when nobody ran, the directory knows
    await putBack();
    const third = await openStoreAt({ port: server.port, path });
    expect((await third.birth()).at).toBeGreaterThan(second.at);
  });

  test('is noticed although it went on since, to a position that is further on', async () => {
    const { path, remove } = temporaryDirectory();
    onTestFinished(remove);
    const first = await openStoreAt({ port: server.port });
    await revoke(first, 'kept');
    await first.close(1000);
    await saveCopy();
    const node = await openStoreAt({ port: server.port, path });
    await revoke(node, 'lost');
    const birth = await node.birth();
    await node.close(1000);
    await putBack();
    // somebody who never saw it writes more than was lost
    const stranger = await openStoreAt({ port: server.port });
    for (const subject of ['a', 'b', 'c']) await revoke(stranger, subject);
    expect(await stranger.birth()).toEqual(birth);
    const again = await openStoreAt({ port: server.port, path });
    expect((await again.birth()).at).toBeGreaterThan(birth.at);
  });
});

test('a process that remembers another server does not judge this one by it', async () => {
  const { path, remove } = temporaryDirectory();
  onTestFinished(remove);
  const elsewhere = await startRedis();
  onTestFinished(() => elsewhere.stop());
  const older = await openStoreAt({ port: elsewhere.port });
  const birth = await older.birth();
  const here = await openStoreAt({ port: server.port, path });
  await revoke(here, 'x');
  await here.close(1000);
  const moved = await openStoreAt({ port: elsewhere.port, path });
  expect(await moved.birth()).toEqual(birth);
});
