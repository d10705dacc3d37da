import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { returnTo } from '../../src/core/return-to.ts';

const origin = 'https://app.example:8443';
const known = (host: string) => host === 'wiki.example';
const to = (text: string | undefined) => returnTo(text, origin, known);

describe('return_to is rebuilt, never trusted (rule 21)', () => {
  it.each([
    ['/a/b?c=d', '/a/b?c=d'],
    ['/', '/'],
    ['/%41/b?c=%2e', '/A/b?c=%2e'],
    ['/tiddlers/a%2fb', '/tiddlers/a%2Fb'],
    ['https://wiki.example:8443/x', 'https://wiki.example:8443/x'],
    ['https://wiki.example:8443', 'https://wiki.example:8443/'],
  ])('%j is kept', (text, expected) => {
    expect(to(text)).toBe(expected);
  });

  it.each([
    undefined,
    '',
    'a',
    '//evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    '\\\\evil',
    ' /a',
    '/a b',
    '/a#b',
    '/a\nb',
    'javascript:alert(1)',
    'https://evil.example:8443/',
    'https://wiki.example/',
    'http://wiki.example:8443/',
    'https://x@wiki.example:8443/',
    'https://wiki.example:8443//evil',
    'https:/wiki.example',
    'https:wiki.example',
    'https://wiki.example:8443\\@evil.example/',
    'https://wiki.example.:8443/',
    `/${'a'.repeat(5000)}`,
    '/..//evil',
    '/a/../b',
    '/%2f%2fevil',
    '/%2fevil',
    '/%09/evil',
    '/;@evil',
    '/a//b',
    '/%5cevil',
    '/é',
  ])('%j becomes /', (text) => {
    expect(to(text)).toBe('/');
  });

  it('never leaves the known hosts, whatever a browser makes of it', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.constantFrom(
            '/',
            '\\',
            'h',
            'https:',
            '//',
            '@',
            'evil.example',
            'wiki.example',
            ':8443',
            '\t',
            '?',
            '#',
            '%2f',
            '.',
          ),
          { maxLength: 8 },
        ),
        (parts) => {
          const url = new URL(to(parts.join('')), origin);
          expect(['app.example:8443', 'wiki.example:8443']).toContain(url.host);
          expect(url.protocol).toBe('https:');
        },
      ),
      { numRuns: 2000 },
    );
  });
});
