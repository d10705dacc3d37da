import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Json, Store } from '../../src/core/store.ts';
import { openStore } from '../../src/stores/index.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { temporaryDirectory } from './directory.ts';
import { systemClock, systemRandom } from './ports.ts';

let server: RedisServer;
let stores: readonly Store[];
const directory = temporaryDirectory();
let now = systemClock.now();
beforeAll(async () => {
  server = await startRedis();
  // as they are configured; only the wall clock is turned by hand, and stays near the server's
  const clock = { now: () => now, monotonic: systemClock.monotonic };
  stores = [`${directory.path}/embedded`, `${directory.path}/redis`].map((path, i) =>
    openStore({ clock, random: systemRandom }, { path, redis: i === 0 ? undefined : server.url, timeout: 10_000 }),
  );
  now = systemClock.now();
  for (const store of stores) await store.start();
});
afterAll(async () => {
  for (const store of stores) await store.close(1000);
  await server.stop();
  directory.remove();
});

const NAMES = ['k/a', 'k/b', 'k/a/b', 'k/~', 'k/!', 'k0/a', 'l/a'];
const name = fc.constantFrom(...NAMES);
const value: fc.Arbitrary<Json> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>,
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom<Json>(9007199254740991, -9007199254740991, '12', '0x10', 'nan', null, [], 1e300, 0.1, true),
);
const lifetime = fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined });
/** `fresh`: what is there now; else something that was never there */
const expectation = fc.record({ name, fresh: fc.boolean() });
const commit = fc.record({
  do: fc.constant('commit' as const),
  expect: fc.array(expectation, { maxLength: 2 }),
  put: fc.array(fc.record({ name, value, lifetime }), { maxLength: 3 }),
  remove: fc.array(name, { maxLength: 2 }),
  changes: fc.array(fc.string({ unit: 'binary', maxLength: 8 }), { maxLength: 2 }),
});
const increment = fc.record({
  do: fc.constant('increment' as const),
  name,
  by: fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(9007199254740991, -9007199254740991)),
  windowMs: fc.integer({ min: 1, max: 40 }),
});
const wait = fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 30 }) });
const step = fc.oneof(
  { weight: 4, arbitrary: commit },
  { weight: 3, arbitrary: increment },
  { weight: 1, arbitrary: wait },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Does one step and tells all that can be seen of it; versions only as far as they mean the same in both. */
async function run(store: Store, partition: string, todo: Step, cursor: string) {
  let outcome: unknown;
  try {
    outcome = await doIt(store, partition, todo);
  } catch (error) {
    outcome = error instanceof TypeError ? `TypeError: ${error.message}` : error;
  }
  const entries: unknown[] = [];
  for (const prefix of ['', 'k/', 'k']) {
    for await (const { name: found, entry } of store.list(partition, prefix)) {
      entries.push([prefix, found, entry.value, entry.expiresAt]);
      expect(entry).toEqual(await store.get({ partition, name: found }));
    }
  }
  const partitions: string[] = [];
  for await (const each of store.partitions()) if (each === partition) partitions.push(each);
  const { changes, complete } = await store.changes(cursor);
  return { outcome, entries, partitions, changes, complete };
}

async function doIt(store: Store, partition: string, todo: Step): Promise<unknown> {
  if (todo.do === 'wait') return undefined;
  if (todo.do === 'increment') return store.increment({ partition, name: todo.name }, todo.by, todo.windowMs);
  const expected = todo.expect.map(async ({ name: each, fresh }) => ({
    name: each,
    version: fresh ? ((await store.get({ partition, name: each }))?.version ?? 0) : 1,
  }));
  return store.commit({
    partition,
    expect: await Promise.all(expected),
    put: todo.put.map(({ name: each, value: written, lifetime: ms }) => ({
      name: each,
      value: written,
      ...(ms !== undefined && { expiresAt: now + ms }),
    })),
    remove: todo.remove,
    changes: todo.changes.map((subject) => ({ kind: 'user', subject })),
  });
}

test('whatever is done to them, nobody can tell the two stores apart', { timeout: 60_000 }, async () => {
  let count = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      count += 1;
      const partition = `run${count}`;
      for (const todo of steps) {
        if (todo.do === 'wait') now += todo.ms;
        const [embedded, redis] = await Promise.all(
          stores.map(async (store) => run(store, partition, todo, await store.position())),
        );
        expect(redis).toEqual(embedded);
      }
    }),
    { numRuns: 60 },
  );
});
