import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BlockSubject } from '../../src/core/block.ts';
import type { Store } from '../../src/core/store.ts';
import { blockIdOf, blockKeyOf, blockKeyOfId, decodeBlock } from '../../src/limits/block-record.ts';
import { type Block, type Blocks, LATEST_INSTANT, MAX_LEEWAY_MS, openBlocks } from '../../src/limits/blocks.ts';
import { openStore } from '../../src/stores/index.ts';
import { temporaryDirectory } from '../stores/directory.ts';
import { type HandClock, handClock, systemRandom } from '../stores/ports.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let store: Store;
let clock: HandClock;
let blocks: Blocks;
let number = 0;
let subject: Extract<BlockSubject, { kind: 'token' }>;

beforeAll(async () => {
  directory = temporaryDirectory();
  clock = handClock();
  store = openStore({ clock, random: systemRandom }, { path: directory.path });
  await store.start();
  blocks = openBlocks({ store, clock });
});
afterAll(async () => {
  await store.close(1000);
  directory.remove();
});
beforeEach(() => {
  subject = { kind: 'token', provider: 'services', jti: `j${number++}` };
});

const MINUTE = 60_000;
const add = (forMs: number, more: Partial<Block> = {}) =>
  blocks.add(subject, { until: clock.now() + forMs, by: 'cli:root', reason: 'leaked', ...more });
async function all(): Promise<readonly Block[]> {
  const found: Block[] = [];
  for await (const block of blocks.list()) found.push(block);
  return found;
}
const listed = async () => (await all()).filter(({ id }) => id === blockIdOf(subject));
const isBlocked = (of: BlockSubject): boolean => blocks.blockOf(of) === blockIdOf(of);

describe('a block', () => {
  it('is made once when twenty ask for it at once, and nobody is told that it failed', async () => {
    const made = await Promise.all(Array.from({ length: 20 }, () => add(MINUTE)));
    expect(new Set(made.map((block) => block?.until))).toEqual(new Set([clock.now() + MINUTE]));
    expect(await listed()).toHaveLength(1);
  });

  it('that cannot be read blocks, is not listed, and can be lifted by its id', async () => {
    const { partition, name } = blockKeyOf(subject);
    const id = blockIdOf(subject);
    await store.commit({ partition, put: [{ name, value: { v: 9 } }] });
    expect([isBlocked(subject), await blocks.get(id), await listed()]).toEqual([true, 'unreadable', []]);
    expect([await blocks.remove(id), isBlocked(subject)]).toEqual([true, false]);
  });

  it('is of one token of one provider, and told with all that is known of it', async () => {
    const block = await add(MINUTE);
    expect(block).toEqual({
      id: blockIdOf(subject),
      subject,
      until: clock.now() + MINUTE,
      at: clock.now(),
      by: 'cli:root',
      reason: 'leaked',
    });
    expect(isBlocked(subject)).toBe(true);
    expect(isBlocked({ ...subject, provider: 'others' })).toBe(false);
    expect(isBlocked({ ...subject, jti: `${subject.jti} ` })).toBe(false);
    expect(await blocks.get(block?.id ?? 'blk_')).toEqual(block);
    expect(await listed()).toEqual([block]);
  });

  it('moves the position, so that every process looks again', async () => {
    const positions = [store.position()];
    const block = await add(MINUTE);
    positions.push(store.position());
    await blocks.remove(block?.id ?? 'blk_');
    positions.push(store.position());
    expect(new Set(positions).size).toBe(3);
  });

  it('ends by itself, a leeway after the token, and is not listed then', async () => {
    await add(MINUTE);
    clock.advance(MINUTE + MAX_LEEWAY_MS - 1);
    expect([isBlocked(subject), (await listed()).length]).toEqual([true, 1]);
    clock.advance(1);
    expect([isBlocked(subject), (await listed()).length]).toEqual([false, 0]);
    expect(await blocks.get(blockIdOf(subject))).toBe(undefined);
    expect(await blocks.remove(blockIdOf(subject))).toBe(false);
  });

  it('again for the same subject: the later end counts, and the newest word', async () => {
    const long = await add(10 * MINUTE);
    clock.advance(1000);
    const again = await add(MINUTE, { by: 'admin:token', reason: 'again' });
    expect(again).toEqual({ ...long, at: clock.now(), by: 'admin:token', reason: 'again' });
    expect(await listed()).toEqual([again]);
    expect((await add(20 * MINUTE))?.until).toBe(clock.now() + 20 * MINUTE);
  });

  it.each([
    ['over for longer than a leeway', () => clock.now() - MAX_LEEWAY_MS],
    ['no number', () => Number.NaN],
    ['without end', () => Number.POSITIVE_INFINITY],
    ['beyond the calendar', () => LATEST_INSTANT + 1],
  ])('is none until an instant that is %s', async (_name, until) => {
    expect(await blocks.add(subject, { until: until(), by: 'x', reason: 'y' })).toBe(undefined);
    expect(isBlocked(subject)).toBe(false);
  });

  it('keeps texts within bounds', async () => {
    const block = await add(MINUTE, { by: 'b'.repeat(1000), reason: 'r'.repeat(1000) });
    expect([block?.by.length, block?.reason.length]).toEqual([256, 256]);
  });

  it('is lifted once', async () => {
    const { id } = (await add(MINUTE)) as Block;
    expect([await blocks.remove(id), await blocks.remove(id), isBlocked(subject)]).toEqual([true, false, false]);
    for (const none of ['blk_', 'blk_00', `${id}x`, id.replace('blk_', 'ses_')] as (typeof id)[])
      expect([await blocks.get(none), await blocks.remove(none)]).toEqual([undefined, false]);
  });

  it('that cannot be read is one all the same, and can be lifted', async () => {
    const { partition, name } = blockKeyOf(subject);
    await store.commit({ partition, put: [{ name, value: { kind: 'weather' } }] });
    expect([isBlocked(subject), (await listed()).length]).toEqual([true, 0]);
    expect(await blocks.remove(blockIdOf(subject))).toBe(true);
    expect(isBlocked(subject)).toBe(false);
  });
});

it('many at once write one block, and none is lost', async () => {
  const other = openBlocks({ store, clock });
  const minutes = [3, 1, 4, 2];
  const made = await Promise.all(
    minutes.map((each, i) =>
      (i % 2 === 0 ? blocks : other).add(subject, { until: clock.now() + each * MINUTE, by: `${i}`, reason: '' }),
    ),
  );
  expect(made.every((block) => block !== undefined)).toBe(true);
  expect((await listed()).map(({ until }) => until)).toEqual([clock.now() + 4 * MINUTE]);
});

describe('ids', () => {
  const subjects = fc.record({
    kind: fc.constant('token' as const),
    provider: fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/),
    jti: fc.string({ unit: 'binary', minLength: 1, maxLength: 256 }),
  });

  it('are stable, lead to the block, and differ for different subjects', () => {
    fc.assert(
      fc.property(subjects, subjects, (one, two) => {
        const id = blockIdOf(one);
        expect(blockIdOf({ ...one })).toBe(id);
        expect(blockKeyOfId(id)).toEqual(blockKeyOf(one));
        expect(id).toMatch(/^blk_[0-3][0-9a-f][A-Za-z0-9_-]{43}$/);
        if (one.provider !== two.provider || one.jti !== two.jti) expect(blockIdOf(two)).not.toBe(id);
      }),
    );
  });

  it('provider and jti do not run into each other', () => {
    const of = (provider: string, jti: string) => blockIdOf({ kind: 'token', provider, jti });
    expect(of('a', 'b:c')).not.toBe(of('a:b', 'c'));
    expect(of('a', '","b')).not.toBe(of('a","', 'b'));
  });

  it('whatever is stored in its stead, reading never throws', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        decodeBlock({ value: value as never });
      }),
    );
  });
});

describe.each<BlockSubject>([
  { kind: 'address', network: '203.0.113.0/24' },
  { kind: 'user', user: 'staff:ann' },
  { kind: 'session', session: `ses_2f${'a'.repeat(26)}` },
  { kind: 'device', device: `dev_${'A'.repeat(22)}` },
])('a block of another kind: %o', (of) => {
  const WORDS = { by: 'cli:root', reason: '' };

  it('ends when it is to end, and without end it does not', async () => {
    const timed = await blocks.add(of, { until: clock.now() + MINUTE, ...WORDS });
    expect([isBlocked(of), timed?.subject]).toEqual([true, of]);
    clock.advance(MINUTE);
    expect(isBlocked(of)).toBe(false);
    const endless = await blocks.add(of, { until: undefined, ...WORDS });
    expect(endless?.until).toBe(undefined);
    // the later end counts, and there is none later than never
    expect((await blocks.add(of, { until: clock.now() + MINUTE, ...WORDS }))?.until).toBe(undefined);
    clock.advance(10 * 365 * 24 * 60 * MINUTE);
    expect(await blocks.get(blockIdOf(of))).toMatchObject({ subject: of, until: undefined });
    expect([await blocks.remove(blockIdOf(of)), isBlocked(of)]).toEqual([true, false]);
  });
});

it('a token is never blocked without end, which it cannot need', async () => {
  expect(await blocks.add(subject, { until: undefined, by: 'x', reason: 'y' })).toBe(undefined);
});

it('of several subjects the first that is blocked is told', async () => {
  const [ann, bob] = [{ kind: 'user', user: 'staff:ann' } as const, { kind: 'user', user: 'staff:bob' } as const];
  await blocks.add(bob, { until: clock.now() + MINUTE, by: 'x', reason: '' });
  expect([blocks.blockOf(), blocks.blockOf(ann), blocks.blockOf(ann, bob)]).toEqual([
    undefined,
    undefined,
    blockIdOf(bob),
  ]);
});
