import fc from 'fast-check';
import { expect, it } from 'vitest';
import { pageOf, type Resumable } from '../../src/admin/paging.ts';

/** A list that says how many of its items were taken. */
function listOf(all: readonly string[]): Resumable<string, string> & { taken(): number } {
  let taken = 0;
  return {
    async *after(id) {
      for (const item of all.filter((each) => id === undefined || each > id)) {
        taken += 1;
        yield item;
      }
    },
    idOf: (item) => item,
    isId: (text): text is string => text !== 'none',
    taken: () => taken,
  };
}

it('pages hold every item once and in order, whatever the limit, and take one more than they hold', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.string({ minLength: 1 }).filter((text) => text.isWellFormed() && text !== 'none')),
      fc.integer({ min: 1, max: 7 }),
      async (items, limit) => {
        const all = items.toSorted((a, b) => (a < b ? -1 : 1));
        const seen: string[] = [];
        let cursor: string | undefined;
        do {
          const list = listOf(all);
          const page = await pageOf(list, cursor === undefined ? { limit } : { limit, cursor });
          expect(page?.items.length).toBeLessThanOrEqual(limit);
          expect(list.taken()).toBeLessThanOrEqual(limit + 1);
          seen.push(...(page?.items ?? []));
          cursor = page?.next;
        } while (cursor !== undefined);
        expect(seen).toEqual(all);
      },
    ),
    { numRuns: 200 },
  );
});

it('what comes and goes between two pages moves nothing that stays', async () => {
  const first = await pageOf(listOf(['b', 'd', 'f', 'h']), { limit: 2 });
  expect(first?.items).toEqual(['b', 'd']);
  // the very item that the cursor names is gone
  const second = await pageOf(listOf(['a', 'c', 'e', 'f', 'h']), { limit: 3, cursor: first?.next as string });
  expect(second).toEqual({ items: ['e', 'f', 'h'], next: undefined });
});

it.each(['!', 'a b', 'YQ==', 'Y Q', '\u00e9', Buffer.from('none').toString('base64url')])(
  '%s is no cursor, and nothing is taken',
  async (cursor) => {
    const list = listOf(['a']);
    expect(await pageOf(list, { limit: 1, cursor })).toBeUndefined();
    expect(list.taken()).toBe(0);
  },
);
