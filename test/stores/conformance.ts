import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Change, type Entry, type Json, type Store, StoreUnavailable } from '../../src/core/store.ts';
import type { OpenStoreOptions } from '../../src/stores/index.ts';
import { type Peer, startPeer } from './peer.ts';
import { type HandClock, handClock } from './ports.ts';

/** One store under test: opened afresh for every test. */
export interface Subject {
  /** opens another handle of the same store, as a second process would */
  open(clock: HandClock, keepChanges?: number): Promise<Store>;
  /** what a peer process opens */
  readonly options: OpenStoreOptions;
  /** removes everything that was stored; the store is closed */
  empty(): Promise<void>;
  dispose(): Promise<void>;
}

const P = '0a';
const key = (name: string) => ({ partition: P, name });

async function listed(store: Store, partition: string, prefix: string, after?: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of store.list(partition, prefix, after)) names.push(name);
  return names;
}

async function all(items: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** What every store has to do, whatever it is made of (architecture, State). */
export function describeStore(name: string, prepare: () => Promise<Subject>): void {
  describe(name, () => {
    let subject: Subject;
    let clock: HandClock;
    let store: Store;
    const opened: Store[] = [];
    const peers: Peer[] = [];
    const open = async (keepChanges?: number): Promise<Store> => {
      const another = await subject.open(clock, keepChanges);
      opened.push(another);
      return another;
    };
    const peer = async (): Promise<Peer> => {
      const started = await startPeer(subject.options);
      peers.push(started);
      return started;
    };

    beforeEach(async () => {
      subject = await prepare();
      clock = handClock();
      store = await open();
    });
    afterEach(async () => {
      await Promise.all(peers.splice(0).map((started) => started.kill()));
      await Promise.all(opened.splice(0).map((another) => another.close(5000)));
      await subject.dispose();
    });

    describe('values', () => {
      const values: Json[] = [
        null,
        true,
        0,
        -1.5,
        Number.MAX_SAFE_INTEGER,
        '',
        'é\u0000\u2028😀',
        [],
        {},
        { a: [1, { b: null }], 'x y': 'z' },
        'x'.repeat(100_000),
      ];
      test.each(values.map((value, index) => ({ index, value })))(
        'value $index comes back as it went',
        async ({ value }) => {
          expect(await store.commit({ partition: P, put: [{ name: 'thing/one', value }] })).toBe(true);
          expect((await store.get(key('thing/one')))?.value).toEqual(value);
        },
      );

      test('what JSON cannot say is refused and nothing is written', async () => {
        const bad: unknown[] = [undefined, Number.NaN, Infinity, 1n, () => 1, new Date(0), new Map(), { a: undefined }];
        for (const value of bad) {
          const commit = {
            partition: P,
            put: [
              { name: 'thing/ok', value: 1 },
              { name: 'thing/bad', value: value as Json },
            ],
          };
          await expect(store.commit(commit)).rejects.toThrow(TypeError);
        }
        expect(await store.get(key('thing/ok'))).toBeUndefined();
      });

      test('a name like a prototype member is a key like any other', async () => {
        const value = JSON.parse('{"__proto__": {"admin": true}, "constructor": 1}') as Json;
        await store.commit({ partition: P, put: [{ name: 'thing/__proto__', value }] });
        const back = (await store.get(key('thing/__proto__')))?.value as { admin?: boolean };
        expect(back.admin).toBeUndefined();
        expect(Object.keys(back as object)).toEqual(['__proto__', 'constructor']);
      });

      test('names and partitions of another shape are refused', async () => {
        const long = `kind/${'x'.repeat(1025)}`;
        const names = ['', 'x', '/x', 'kind/', 'Kind/x', 'kind/a b', 'kind/ä', 'kind/\u0000', 'kind//x', long];
        for (const bad of names) {
          await expect(store.commit({ partition: P, put: [{ name: bad, value: 1 }] })).rejects.toThrow(TypeError);
          await expect((async () => store.get(key(bad)))()).rejects.toThrow(TypeError);
        }
        for (const partition of ['', 'a b', 'ä', 'a/b', 'x'.repeat(65)]) {
          await expect(store.commit({ partition })).rejects.toThrow(TypeError);
          await expect((async () => store.get({ partition, name: 'a/b' }))()).rejects.toThrow(TypeError);
          await expect(listed(store, partition, '')).rejects.toThrow(TypeError);
        }
        await expect(listed(store, P, 'a b')).rejects.toThrow(TypeError);
      });

      test('partitions are apart', async () => {
        await store.commit({ partition: '01', put: [{ name: 'a/b', value: 1 }] });
        await store.commit({ partition: '02', put: [{ name: 'a/b', value: 2 }] });
        expect((await store.get({ partition: '01', name: 'a/b' }))?.value).toBe(1);
        expect(await all(store.partitions())).toEqual(['01', '02']);
        await store.commit({ partition: '01', remove: ['a/b'] });
        expect(await all(store.partitions())).toEqual(['02']);
      });

      test('everything is there after closing and opening again', async () => {
        await store.commit({ partition: P, put: [{ name: 'a/b', value: 'kept', expiresAt: clock.now() + 9000 }] });
        const before = await store.get(key('a/b'));
        const position = await store.position();
        const birth = await store.birth();
        await store.close(5000);
        const again = await open();
        expect(await again.get(key('a/b'))).toEqual(before);
        expect(await again.position()).toBe(position);
        expect(await again.birth()).toEqual(birth);
      });

      test('a store that is not started, or closed, is unavailable, and closing twice is fine', async () => {
        await store.close(5000);
        await store.close(5000);
        await expect((async () => store.get(key('a/b')))()).rejects.toThrow(StoreUnavailable);
        await expect((async () => store.position())()).rejects.toThrow(StoreUnavailable);
        await expect((async () => store.changes(''))()).rejects.toThrow(StoreUnavailable);
        await expect((async () => store.birth())()).rejects.toThrow(StoreUnavailable);
        await expect(store.commit({ partition: P })).rejects.toThrow(StoreUnavailable);
        await expect(store.increment(key('a/b'), 1, 1000)).rejects.toThrow(StoreUnavailable);
        await expect(listed(store, P, '')).rejects.toThrow(StoreUnavailable);
      });
    });

    describe('expiry', () => {
      test('an entry is there until its instant and absent from it on', async () => {
        await store.commit({ partition: P, put: [{ name: 'a/b', value: 1, expiresAt: clock.now() + 1000 }] });
        clock.advance(999);
        expect((await store.get(key('a/b')))?.value).toBe(1);
        clock.advance(1);
        expect(await store.get(key('a/b'))).toBeUndefined();
        expect(await listed(store, P, 'a/')).toEqual([]);
        expect(await all(store.partitions())).toEqual([]);
      });

      test('an expired entry satisfies the condition that it be absent', async () => {
        await store.commit({ partition: P, put: [{ name: 'a/b', value: 1, expiresAt: clock.now() + 1 }] });
        const version = (await store.get(key('a/b')))?.version as number;
        clock.advance(1);
        const put = [{ name: 'a/b', value: 2 }];
        expect(await store.commit({ partition: P, expect: [{ name: 'a/b', version }], put })).toBe(false);
        expect(await store.commit({ partition: P, expect: [{ name: 'a/b', version: 0 }], put })).toBe(true);
      });

      test.each([Number.NaN, Infinity, 0, -1])('the instant %d is refused', async (expiresAt) => {
        const put = [{ name: 'a/b', value: 1, expiresAt }];
        await expect(store.commit({ partition: P, put })).rejects.toThrow(TypeError);
      });

      test('an entry that was written anew without expiry stays', async () => {
        await store.commit({ partition: P, put: [{ name: 'a/b', value: 1, expiresAt: clock.now() + 1 }] });
        await store.commit({ partition: P, put: [{ name: 'a/b', value: 2 }] });
        clock.advance(10 ** 10);
        expect((await store.get(key('a/b')))?.value).toBe(2);
      });
    });

    describe('commit', () => {
      test('of 20 at once that expect the same version exactly one wins', async () => {
        for (const version of [0, 'current'] as const) {
          const expected = version === 0 ? 0 : ((await store.get(key('race/one')))?.version as number);
          const outcomes = await Promise.all(
            Array.from({ length: 20 }, (_, index) =>
              store.commit({
                partition: P,
                expect: [{ name: 'race/one', version: expected }],
                put: [{ name: 'race/one', value: index }],
                changes: [{ kind: 'user', subject: String(index) }],
              }),
            ),
          );
          expect(outcomes.filter(Boolean)).toHaveLength(1);
          expect((await store.get(key('race/one')))?.value).toBe(outcomes.indexOf(true));
        }
      });

      test('nothing happens when one of several conditions fails', async () => {
        await store.commit({ partition: P, put: [{ name: 'a/b', value: 1 }] });
        const position = await store.position();
        const version = (await store.get(key('a/b')))?.version as number;
        const done = await store.commit({
          partition: P,
          expect: [
            { name: 'a/b', version },
            { name: 'a/c', version: 7 },
          ],
          put: [{ name: 'a/d', value: 1 }],
          remove: ['a/b'],
          changes: [{ kind: 'session', subject: 's' }],
        });
        expect(done).toBe(false);
        expect(await listed(store, P, '')).toEqual(['a/b']);
        expect(await store.position()).toBe(position);
      });

      test('a version changes with every write and never comes again', async () => {
        const seen = new Set<number>();
        for (let round = 0; round < 30; round += 1) {
          await store.commit({ partition: P, put: [{ name: 'a/b', value: round }] });
          seen.add((await store.get(key('a/b')))?.version as number);
          if (round % 3 === 0) await store.commit({ partition: P, remove: ['a/b'] });
        }
        expect(seen.size).toBe(30);
      });
    });

    describe('increment', () => {
      test('50 at once are all counted', async () => {
        const counts = await Promise.all(Array.from({ length: 50 }, () => store.increment(key('hits/x'), 1, 60_000)));
        expect(counts.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
      });

      test('the window starts with the first increment and is not prolonged by later ones', async () => {
        expect(await store.increment(key('hits/x'), 2, 1000)).toBe(2);
        clock.advance(900);
        expect(await store.increment(key('hits/x'), 3, 1000)).toBe(5);
        clock.advance(100);
        expect(await store.get(key('hits/x'))).toBeUndefined();
        expect(await store.increment(key('hits/x'), 1, 1000)).toBe(1);
      });

      test('what is not a counter, an amount or a window is refused', async () => {
        await store.commit({ partition: P, put: [{ name: 'a/b', value: 'text' }] });
        await expect(store.increment(key('a/b'), 1, 1000)).rejects.toThrow(TypeError);
        for (const by of [Number.NaN, 0.5, Infinity]) {
          await expect(store.increment(key('hits/x'), by, 1000)).rejects.toThrow(TypeError);
        }
        for (const window of [Number.NaN, 0, -1, Infinity]) {
          await expect(store.increment(key('hits/x'), 1, window)).rejects.toThrow(TypeError);
        }
        expect(await store.get(key('hits/x'))).toBeUndefined();
      });
    });

    describe('list', () => {
      test('gives the names with the prefix, in order, and none of another partition', async () => {
        const names = Array.from({ length: 600 }, (_, index) => `item/${String(index * 7919).padStart(8, '0')}`);
        await store.commit({ partition: P, put: names.map((each) => ({ name: each, value: 1 })) });
        await store.commit({
          partition: P,
          put: [
            { name: 'items/x', value: 1 },
            { name: 'ite/x', value: 1 },
          ],
        });
        await store.commit({ partition: '0b', put: [{ name: 'item/00000000', value: 1 }] });
        expect(await listed(store, P, 'item/')).toEqual(names.toSorted());
        expect(await listed(store, P, 'item')).toEqual([...names.toSorted(), 'items/x']);
        expect(await listed(store, P, 'nothing/')).toEqual([]);
      });

      test('goes on after a name, whether that is there, gone or beside the prefix', async () => {
        const names = Array.from({ length: 600 }, (_, index) => `item/${String(index).padStart(4, '0')}`);
        // code units and not an alphabet: '-' and capitals before small letters
        const others = ['item/A', 'item/a', 'item/a-', 'item/a/b', 'items/x', 'ite/x', 'other/x'];
        await store.commit({ partition: P, put: [...names, ...others].map((each) => ({ name: each, value: 1 })) });
        await store.commit({ partition: '0b', put: [{ name: 'item/0001', value: 1 }] });
        const of = (prefix: string) => [...names, ...others].filter((each) => each.startsWith(prefix)).toSorted();
        const places = ['item/0000', 'item/0299', 'item/0299x', 'item/~', 'item/a', 'ite/x', 'a/b', 'o/o', 'zz/z'];
        for (const prefix of ['', 'item', 'item/', 'item/a', 'nothing/']) {
          for (const after of places)
            expect(await listed(store, P, prefix, after), `${prefix} after ${after}`).toEqual(
              of(prefix).filter((each) => each > after),
            );
        }
        await expect(listed(store, P, '', 'a b')).rejects.toThrow(TypeError);
        await expect(listed(store, P, '', '')).rejects.toThrow(TypeError);
      });

      test('slices of any size put together are the whole, with what expired left out', async () => {
        const put = Array.from({ length: 40 }, (_, index) => ({
          name: `item/${String((index * 17) % 40).padStart(2, '0')}`,
          value: index,
          ...(index % 3 === 0 && { expiresAt: clock.now() + 10 }),
        }));
        await store.commit({ partition: P, put });
        clock.advance(10);
        const whole = await listed(store, P, 'item/');
        expect(whole).toHaveLength(26);
        for (const size of [1, 3, 26, 27]) {
          const joined: string[] = [];
          for (let slice: string[] = []; ; ) {
            slice = (await listed(store, P, 'item/', joined.at(-1))).slice(0, size);
            joined.push(...slice);
            if (slice.length === 0) break;
          }
          expect(joined).toEqual(whole);
        }
      });
    });

    describe('changes', () => {
      const append = (subjects: readonly string[]): Promise<boolean> =>
        store.commit({ partition: P, changes: subjects.map((each) => ({ kind: 'session', subject: each })) });

      test('tells what was appended since a position, oldest first', async () => {
        const start = await store.position();
        expect(await store.changes(start)).toEqual({ cursor: start, changes: [], complete: true });
        await append(['a', 'b']);
        const middle = await store.position();
        expect(middle).not.toBe(start);
        await append(['ç']);
        const answer = await store.changes(start);
        expect(answer.changes.map((change) => change.subject)).toEqual(['a', 'b', 'ç']);
        expect(answer.complete).toBe(true);
        expect(answer.cursor).toBe(await store.position());
        expect((await store.changes(middle)).changes).toEqual([{ kind: 'session', subject: 'ç' }]);
      });

      test('a write without changes leaves the position alone', async () => {
        const start = await store.position();
        await store.commit({ partition: P, put: [{ name: 'a/b', value: 1 }] });
        await store.increment(key('hits/x'), 1, 1000);
        expect(await store.position()).toBe(start);
      });

      test('at most 1,000 at a time, and none is skipped', async () => {
        let cursor = await store.position();
        const subjects = Array.from({ length: 2500 }, (_, index) => String(index));
        await append(subjects);
        const got: Change[] = [];
        const sizes: number[] = [];
        while (cursor !== (await store.position())) {
          const answer = await store.changes(cursor);
          expect(answer.complete).toBe(true);
          sizes.push(answer.changes.length);
          got.push(...answer.changes);
          cursor = answer.cursor;
        }
        expect(sizes).toEqual([1000, 1000, 500]);
        expect(got.map((change) => change.subject)).toEqual(subjects);
      });

      test.each(['', 'x', ':', 'other:1', ':::', '1', 'x:-1', 'x:1.5', 'x:1e3'])(
        'the cursor %j of nowhere is not complete',
        async (bad) => {
          await append(['a']);
          expect(await store.changes(bad)).toEqual({ cursor: await store.position(), changes: [], complete: false });
        },
      );

      test('a position of a store that was emptied since is not complete, and the birth is another', async () => {
        await append(['a']);
        await store.commit({ partition: P, put: [{ name: 'a/b', value: 1 }] });
        const old = { position: await store.position(), birth: await store.birth() };
        await store.close(5000);
        await subject.empty();
        clock.advance(10);
        const fresh = await open();
        expect(await fresh.get(key('a/b'))).toBeUndefined();
        expect((await fresh.changes(old.position)).complete).toBe(false);
        expect((await fresh.birth()).id).not.toBe(old.birth.id);
        expect((await fresh.birth()).at).toBe(clock.now());
      });
    });

    describe('several processes', () => {
      test('a position that another process wrote is seen on a later turn', async () => {
        const other = await peer();
        for (let round = 0; round < 20; round += 1) {
          const before = await store.position();
          await other.call('commit', { partition: P, changes: [{ kind: 'session', subject: `s${round}` }] });
          const after = await store.position();
          expect(after).not.toBe(before);
          expect((await store.changes(before)).changes).toEqual([{ kind: 'session', subject: `s${round}` }]);
          expect(after).toBe(await other.call('position'));
        }
      });

      test('of commits in three processes that expect the same version exactly one wins', async () => {
        const others = [await peer(), await peer()];
        for (let round = 0; round < 10; round += 1) {
          const version = (await store.get(key('race/x')))?.version ?? 0;
          const commit = {
            partition: P,
            expect: [{ name: 'race/x', version }],
            put: [{ name: 'race/x', value: round }],
          };
          const outcomes = await Promise.all([
            ...others.flatMap((other) => [other.call('commit', commit), other.call('commit', commit)]),
            store.commit(commit),
          ]);
          expect(outcomes.filter(Boolean)).toHaveLength(1);
        }
      });

      test('counters of three processes add up, and all processes know one birth', async () => {
        const others = [await peer(), await peer()];
        const counts = await Promise.all(
          Array.from({ length: 60 }, (_, index) => {
            const other = others[index % 3];
            // long enough for the hand-turned clock here and the true one of the peers to agree
            const call = [key('hits/x'), 1, 10 ** 13] as const;
            return other === undefined ? store.increment(...call) : other.call('increment', ...call);
          }),
        );
        expect(Math.max(...counts)).toBe(60);
        expect(new Set(counts).size).toBe(60);
        for (const other of others) expect(await other.call('birth')).toEqual(await store.birth());
      });

      test('a process that was killed while it wrote stops nobody', async () => {
        for (let round = 0; round < 3; round += 1) {
          const other = await peer();
          const writes = Array.from({ length: 200 }, () =>
            other.call('commit', { partition: P, put: [{ name: 'a/b', value: 'x'.repeat(2000) }] }),
          );
          await writes[0];
          for (const write of writes) void write.catch(() => undefined);
          await other.kill();
          expect(await store.commit({ partition: P, put: [{ name: 'a/c', value: round }] })).toBe(true);
        }
      });
    });

    test('behaves like a map with versions, whatever is done to it', async () => {
      const name = fc.constantFrom('k/a', 'k/b', 'k/c', 'other/d');
      const step = fc.oneof(
        fc.record({
          do: fc.constant('put' as const),
          name,
          value: fc.integer(),
          ttl: fc.option(fc.integer({ min: 1, max: 50 })),
        }),
        fc.record({ do: fc.constant('remove' as const), name }),
        fc.record({ do: fc.constant('swap' as const), name, stale: fc.boolean(), value: fc.integer() }),
        fc.record({
          do: fc.constant('count' as const),
          name: fc.constantFrom('n/a', 'n/b'),
          by: fc.integer({ min: -3, max: 3 }),
        }),
        fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 40 }) }),
      );
      let run = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 30 }), async (steps) => {
          run += 1;
          const partition = `model${run}`;
          const model = new Map<string, Entry>();
          const alive = (each: string): Entry | undefined => {
            const entry = model.get(each);
            return entry?.expiresAt !== undefined && entry.expiresAt <= clock.now() ? undefined : entry;
          };
          const written = async (each: string, value: Json, expiresAt?: number): Promise<void> => {
            const version = (await store.get({ partition, name: each }))?.version as number;
            for (const other of model.values()) expect(version).toBeGreaterThan(other.version);
            model.set(each, { value, version, expiresAt });
          };
          for (const todo of steps) {
            if (todo.do === 'wait') clock.advance(todo.ms);
            else if (todo.do === 'put') {
              const until = todo.ttl === null ? {} : { expiresAt: clock.now() + todo.ttl };
              await store.commit({ partition, put: [{ name: todo.name, value: todo.value, ...until }] });
              await written(todo.name, todo.value, until.expiresAt);
            } else if (todo.do === 'remove') {
              await store.commit({ partition, remove: [todo.name] });
              model.delete(todo.name);
            } else if (todo.do === 'swap') {
              const version = (alive(todo.name)?.version ?? 0) + (todo.stale ? 1 : 0);
              const expectation = [{ name: todo.name, version }];
              const put = [{ name: todo.name, value: todo.value }];
              expect(await store.commit({ partition, expect: expectation, put })).toBe(!todo.stale);
              if (!todo.stale) await written(todo.name, todo.value);
            } else {
              const former = alive(todo.name);
              const count = ((former?.value as number | undefined) ?? 0) + todo.by;
              expect(await store.increment({ partition, name: todo.name }, todo.by, 30)).toBe(count);
              await written(todo.name, count, former === undefined ? clock.now() + 30 : former.expiresAt);
            }
            const names = [...model.keys()].filter((each) => alive(each) !== undefined).sort();
            expect(await listed(store, partition, '')).toEqual(names);
            for (const each of names) expect(await store.get({ partition, name: each })).toEqual(alive(each));
          }
        }),
        { numRuns: 25 },
      );
    });
  });
}
