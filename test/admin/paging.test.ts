import fc from 'fast-check';
import { expect, it } from 'vitest';
import { pageOf } from '../../src/admin/paging.ts';

it('pages hold every item once and in order, whatever the limit', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.string({ minLength: 1 })),
      fc.integer({ min: 1, max: 7 }),
      async (all, limit) => {
        const seen: string[] = [];
        let cursor: string | undefined;
        do {
          const page = await pageOf(all, (item) => item, cursor === undefined ? { limit } : { limit, cursor });
          expect(page?.items.length).toBeLessThanOrEqual(limit);
          seen.push(...(page?.items ?? []));
          cursor = page?.next;
        } while (cursor !== undefined);
        expect(seen).toEqual([...all].sort((a, b) => (a < b ? -1 : 1)));
      },
    ),
    { numRuns: 200 },
  );
});

it.each(['!', 'a b', 'YQ==', 'Y Q', '\u00e9'])('%s is no cursor', async (cursor) => {
  expect(await pageOf(['a'], (item) => item, { limit: 1, cursor })).toBeUndefined();
});
