import { cpSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type BlockSubject, blockChange, readBlockChange } from '../../src/core/block.ts';
import type { Log } from '../../src/core/ports.ts';
import type { Store } from '../../src/core/store.ts';
import { type BlockIndex, openBlockIndex } from '../../src/limits/block-index.ts';
import { blockKeyOf } from '../../src/limits/block-record.ts';
import { type Blocks, blockIdOf, openBlocks } from '../../src/limits/blocks.ts';
import { type Coherence, openCoherence } from '../../src/stores/coherence.ts';
import { openEmbeddedStore } from '../../src/stores/embedded.ts';
import { temporaryDirectory } from '../stores/directory.ts';
import { type HandClock, handClock, systemRandom } from '../stores/ports.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let clock: HandClock;
const opened: Store[] = [];
const said: string[] = [];
const log: Log = { debug() {}, info() {}, warn() {}, error: (message) => void said.push(message) };

beforeEach(() => {
  directory = temporaryDirectory();
  clock = handClock();
  said.length = 0;
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close(1000)));
  directory.remove();
});

interface Node {
  readonly store: Store;
  readonly blocks: Blocks;
  readonly coherence: Coherence;
  readonly index: BlockIndex;
  /** the block that the address is under, after what a request does first */
  ask(address: string): Promise<string | undefined>;
}

/** One process's view of the store; `keepChanges` as few as a test wants. */
async function open(keepChanges = 1000): Promise<Node> {
  const store = openEmbeddedStore({ clock, random: systemRandom }, { path: join(directory.path, 'data'), keepChanges });
  await store.start();
  opened.push(store);
  const coherence = openCoherence(store);
  const index = openBlockIndex({ store, clock, log });
  coherence.follow(index);
  return {
    store,
    blocks: openBlocks({ store, clock }),
    coherence,
    index,
    ask: async (address) => {
      await coherence.sync();
      return index.ofAddress(address, clock.now());
    },
  };
}

const NETWORK = { kind: 'address', network: '203.0.113.0/24' } as const;
const ID = blockIdOf(NETWORK);
const WORDS = { by: 'cli:root', reason: '' };
const block = (node: Node, subject: BlockSubject, until?: number) => node.blocks.add(subject, { until, ...WORDS });

it('a block made by one process is in force in another with its next request, and so is its end', async () => {
  const [here, there] = [await open(), await open()];
  expect([await here.ask('203.0.113.9'), await there.ask('203.0.113.9')]).toEqual([undefined, undefined]);
  await block(here, NETWORK);
  expect([await here.ask('203.0.113.9'), await there.ask('203.0.113.9')]).toEqual([ID, ID]);
  expect(await there.ask('203.0.114.9')).toBe(undefined);
  await there.blocks.remove(ID);
  expect([await here.ask('203.0.113.9'), await there.ask('203.0.113.9')]).toEqual([undefined, undefined]);
});

it('what a change tells is applied at once, without a read and without a promise', async () => {
  const [here, there] = [await open(), await open()];
  await there.ask('203.0.113.9');
  await block(here, NETWORK);
  let reads = 0;
  const { get, list } = there.store;
  Object.assign(there.store, {
    get: (...given: Parameters<Store['get']>) => {
      reads += 1;
      return get(...given);
    },
    list: (...given: Parameters<Store['list']>) => {
      reads += 1;
      return list(...given);
    },
  });
  expect(there.coherence.sync()).toBe(undefined);
  expect([there.index.ofAddress('203.0.113.9', clock.now()), reads]).toEqual([ID, 0]);
});

it('a process that starts later reads what there is', async () => {
  const here = await open();
  await block(here, NETWORK, clock.now() + 1000);
  await block(here, { kind: 'user', user: 'staff:ann' });
  const later = await open();
  expect(await later.ask('203.0.113.9')).toBe(ID);
  expect(later.index.counts(clock.now())).toEqual({ address: 1, user: 1, session: 0, device: 0, token: 0 });
  clock.advance(1000);
  expect(await later.ask('203.0.113.9')).toBe(undefined);
  expect(later.index.counts(clock.now())).toMatchObject({ address: 0, user: 1 });
});

it('whoever comes while all is being read waits for it', async () => {
  const here = await open();
  await block(here, NETWORK);
  const later = await open();
  expect(await Promise.all(Array.from({ length: 5 }, () => later.ask('203.0.113.9')))).toEqual([ID, ID, ID, ID, ID]);
});

it('a block that was made while all is being read is not missed by who comes after it', async () => {
  const here = await open();
  for (let i = 0; i < 300; i++) await block(here, { kind: 'address', network: `192.0.2.${i % 256}/32` });
  const later = await open();
  const first = later.ask('203.0.113.9');
  await block(here, NETWORK);
  expect(await later.ask('203.0.113.9')).toBe(ID);
  await first;
});

it('when the store cannot tell what changed, all is read anew', async () => {
  const [here, there] = [await open(2), await open(2)];
  await there.ask('203.0.113.9');
  await block(here, NETWORK);
  // more than the log keeps
  for (let i = 1; i <= 6; i++) await block(here, { kind: 'address', network: `198.51.100.${i}/32` });
  await here.blocks.remove(blockIdOf({ kind: 'address', network: '198.51.100.6/32' }));
  await trimmed(there.store, there.coherence.position());
  expect(there.coherence.sync()).toBeInstanceOf(Promise);
  expect(await there.ask('203.0.113.9')).toBe(ID);
  expect([await there.ask('198.51.100.5'), await there.ask('198.51.100.6')]).toEqual([
    blockIdOf({ kind: 'address', network: '198.51.100.5/32' }),
    undefined,
  ]);
});

/** The sweeper has trimmed the log past a position. */
async function trimmed(store: Store, position: string): Promise<void> {
  while ((await store.changes(position)).complete) await new Promise((resolve) => setImmediate(resolve));
}

it('in a store that was rolled back the blocks of the copy count, and those made after it are gone', async () => {
  const data = join(directory.path, 'data');
  const first = await open();
  await block(first, NETWORK);
  await first.store.close(1000);
  cpSync(join(data, 'store'), join(data, 'copy'), { recursive: true });
  const second = await open();
  await block(second, { kind: 'address', network: '198.51.100.0/24' });
  await second.store.close(1000);
  rmSync(join(data, 'store'), { recursive: true });
  renameSync(join(data, 'copy'), join(data, 'store'));
  const third = await open();
  expect([await third.ask('203.0.113.9'), await third.ask('198.51.100.9')]).toEqual([ID, undefined]);
});

it('without the store the blocks that were last known go on to count', async () => {
  const here = await open();
  await block(here, NETWORK);
  await here.ask('203.0.113.9');
  await here.store.close(1000);
  expect(() => here.coherence.sync()).toThrow(/store/);
  expect(here.index.ofAddress('203.0.113.9', clock.now())).toBe(ID);
});

it('a block that cannot be read is told in the log', async () => {
  const here = await open();
  const { partition, name } = blockKeyOf(NETWORK);
  await here.store.commit({ partition, put: [{ name, value: { ...NETWORK, until: 'soon' } }] });
  await (await open()).ask('203.0.113.9');
  expect(said.join()).toMatch(/cannot be read/);
});

it.each<BlockSubject>([
  NETWORK,
  { kind: 'user', user: 'staff:ann' },
  { kind: 'user', user: 'services:a b  c ' },
  { kind: 'token', provider: 'services', jti: ' 7 ' },
])('a change tells all of %o', (subject) => {
  for (const until of [0, 1_800_000_000_000, Number.POSITIVE_INFINITY]) {
    const told = readBlockChange(blockChange(subject, until).subject);
    expect([told?.kind, told?.until]).toEqual([subject.kind, until]);
    expect(Object.values(subject).join()).toContain(told?.name.split('/')[0]);
  }
  expect(readBlockChange(blockChange(undefined, 0).subject)).toBe(undefined);
});
