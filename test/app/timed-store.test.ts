import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type StoreOperation, timedStore } from '../../src/app/timed-store.ts';
import { type Store, StoreUnavailable } from '../../src/core/store.ts';
import { openEmbeddedStore } from '../../src/stores/embedded.ts';
import { temporaryDirectory } from '../stores/directory.ts';
import { type HandClock, handClock, systemRandom } from '../stores/ports.ts';

const KEY = { partition: '00', name: 'item/a' };
let directory: ReturnType<typeof temporaryDirectory>;
let clock: HandClock;
let told: (readonly [StoreOperation, number])[];
let store: Store;
beforeEach(async () => {
  directory = temporaryDirectory();
  clock = handClock(1_700_000_000_000);
  told = [];
  const opened = openEmbeddedStore({ clock, random: systemRandom }, { path: join(directory.path, 'data') });
  store = timedStore(opened, clock, (operation) => (durationMs) => void told.push([operation, durationMs]));
  await store.start();
  told.length = 0;
});
afterEach(async () => {
  await store.close(5000);
  directory.remove();
});
const operations = (): StoreOperation[] => told.map(([operation]) => operation);

it('every answer but the position is timed, and what was there at once is there at once', async () => {
  expect(await store.commit({ partition: '00', put: [{ name: KEY.name, value: 7 }] })).toBe(true);
  expect(await store.increment({ partition: '00', name: 'count/a' }, 2, 60_000)).toBe(2);
  expect(store.get(KEY)).toMatchObject({ value: 7 });
  const position = store.position();
  expect(typeof position).toBe('string');
  expect(store.changes(position as string)).toMatchObject({ complete: true, changes: [] });
  expect(store.birth()).toMatchObject({ at: clock.now() });
  expect(operations()).toEqual(['commit', 'increment', 'get', 'changes', 'birth']);
});

it('a failure is passed on as it is, and timed too', async () => {
  await store.close(5000);
  expect(() => store.get(KEY)).toThrow(StoreUnavailable);
  expect(() => store.position()).toThrow(StoreUnavailable);
  await expect(store.commit({ partition: '00' })).rejects.toThrow(StoreUnavailable);
  await expect(store.list('00', '')[Symbol.asyncIterator]().next()).rejects.toThrow(StoreUnavailable);
  expect(operations()).toEqual(['get', 'commit', 'list']);
});

it('a listing is one operation, without what is done in between, also when it is left early', async () => {
  const put = ['item/a', 'item/b', 'item/c'].map((name) => ({ name, value: 1 }));
  await store.commit({ partition: '00', put });
  told.length = 0;
  const names: string[] = [];
  for await (const { name } of store.list('00', 'item/')) {
    names.push(name);
    clock.advance(1000);
  }
  expect(names).toEqual(['item/a', 'item/b', 'item/c']);
  for await (const partition of store.partitions()) {
    expect(partition).toBe('00');
    break;
  }
  expect(told).toEqual([
    ['list', 0],
    ['partitions', 0],
  ]);
});
