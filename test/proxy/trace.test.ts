import fc from 'fast-check';
import { expect, it } from 'vitest';
import { systemRandom } from '../../src/app/random.ts';
import { upstreamTrace } from '../../src/proxy/trace.ts';

const VALID = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]$/;

it('is the request id in hex (W3C Trace Context §3.2)', () => {
  // 'b' is 1: 26 characters of 5 bits, the first 128 bits count
  expect(upstreamTrace(undefined, `${'a'.repeat(24)}ba`)).toMatch(VALID);
  expect(upstreamTrace(undefined, '7'.repeat(26))).toBe(`00-${'f'.repeat(32)}-${'f'.repeat(16)}-00`);
  expect(upstreamTrace(undefined, `b${'a'.repeat(25)}`)).toBe(`00-08${'0'.repeat(30)}-08${'0'.repeat(14)}-00`);
});

it('is valid for every id, ours and a proxy’s, and differs with the id', () => {
  const random = systemRandom();
  const seen = new Set(Array.from({ length: 1000 }, () => upstreamTrace(undefined, random.id())));
  expect(seen.size).toBe(1000);
  for (const trace of seen) expect(trace).toMatch(VALID);
  fc.assert(fc.property(fc.stringMatching(/^[A-Za-z0-9_-]{8,64}$/), (id) => VALID.test(upstreamTrace(undefined, id))));
});

it('is a trusted proxy’s own when it sent one', () => {
  const theirs = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`;
  expect(upstreamTrace(theirs, 'whatever')).toBe(theirs);
});
