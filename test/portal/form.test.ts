import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formToken, verifyFormToken } from '../../src/portal/form.ts';
import { ownOrigin } from '../../src/portal/transport.ts';
import { parseUrlencoded } from '../../src/portal/urlencoded.ts';
import { factsWith } from '../pages/facts.ts';

const KEY = new Uint8Array(32).fill(7);
const NOW = 1_700_000_000_000;

describe('tokens of forms', () => {
  const token = formToken(KEY, 'login', 'nonce', NOW);
  test.each<[string, readonly [Uint8Array[], string, string, string | undefined, number, number], boolean]>([
    ['as made', [[KEY], 'login', 'nonce', token, NOW, 1000], true],
    ['at the end of its life', [[KEY], 'login', 'nonce', token, NOW + 1000, 1000], true],
    ['beyond', [[KEY], 'login', 'nonce', token, NOW + 1001, 1000], false],
    ['from a clock a little ahead', [[KEY], 'login', 'nonce', token, NOW - 2000, 1000], true],
    ['from the future', [[KEY], 'login', 'nonce', token, NOW - 2001, 1000], false],
    ['at no time', [[KEY], 'login', 'nonce', token, Number.NaN, 1000], false],
    ['for another purpose', [[KEY], 'logout', 'nonce', token, NOW, 1000], false],
    ['for another browser', [[KEY], 'login', 'other', token, NOW, 1000], false],
    ['of another key', [[new Uint8Array(32)], 'login', 'nonce', token, NOW, 1000], false],
    ['of an older key of the ring', [[new Uint8Array(32), KEY], 'login', 'nonce', token, NOW, 1000], true],
    ['without keys', [[], 'login', 'nonce', token, NOW, 1000], false],
    ['missing', [[KEY], 'login', 'nonce', undefined, NOW, 1000], false],
  ])('%s', (_, given, expected) => {
    expect(verifyFormToken(...given)).toBe(expected);
  });
  test('no other text passes', () => {
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, char) => {
        const changed = token.slice(0, at) + char + token.slice(at + 1);
        // base64url's last character carries two bits that no byte needs
        fc.pre(changed !== token && at < token.length - 1);
        expect(verifyFormToken([KEY], 'login', 'nonce', changed, NOW, 1e15)).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
});

describe('urlencoded text', () => {
  test('reads back what URLSearchParams writes', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string({ unit: 'grapheme' }), { maxKeys: 20 }),
        (fields) => {
          const text = new URLSearchParams(fields).toString();
          expect(new Map(parseUrlencoded(text))).toEqual(new Map(Object.entries(fields)));
        },
      ),
      { numRuns: 300 },
    );
  });
  test.each([
    ['a=1&a=2'],
    ['a&a='],
    ['a=%'],
    ['a=%f'],
    ['a=%c3%28'],
    ['a=%ed%a0%80'], // a surrogate
    ['a=1&&b=2&'], // two empty names
  ])('%s has no certain reading', (text) => {
    expect(parseUrlencoded(text)).toBeUndefined();
  });
});

test.each([
  ['https', 'wiki.example.com', 'https://wiki.example.com'],
  ['https', 'wiki.example.com:443', 'https://wiki.example.com'],
  ['https', 'wiki.example.com:80', 'https://wiki.example.com:80'],
  ['http', 'localhost:80', 'http://localhost'],
  ['http', '[::1]:8080', 'http://[::1]:8080'],
  ['https', '[::443]', 'https://[::443]'],
] as const)('the origin of %s and %s is %s', (scheme, authority, origin) => {
  expect(ownOrigin(factsWith([], { scheme, authority }))).toBe(origin);
});
