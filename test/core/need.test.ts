import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LEVELS, METHODS, type Need } from '../../src/core/decision.ts';
import { needQuery, readNeed } from '../../src/core/need.ts';

const needs: fc.Arbitrary<Need> = fc.record({
  level: fc.constantFrom(...LEVELS),
  maxAgeMs: fc.option(
    fc.integer({ min: 0, max: 999_999_999 }).map((seconds) => seconds * 1000),
    { nil: undefined },
  ),
  anyOf: fc.option(fc.subarray([...METHODS], { minLength: 1 }), { nil: undefined }),
  allOf: fc.subarray([...METHODS]),
});
const read = (query: string) => readNeed(new Map(new URLSearchParams(query)));

test('what is written is read back', () => {
  fc.assert(
    fc.property(needs, (need) => {
      expect(read(needQuery(need))).toEqual(need);
    }),
  );
});
test.each([
  '',
  'level=',
  'level=highest',
  'level=medium&max_age=-1',
  'level=medium&max_age=1e9',
  'level=medium&methods=',
  'level=medium&methods=totp,constructor',
  'level=medium&all_of=totp,',
])('%j is none', (query) => {
  expect(read(query)).toBeUndefined();
});
test('nor is no query at all', () => {
  expect(readNeed(undefined)).toBeUndefined();
});
