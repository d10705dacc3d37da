import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { absent, type Reading, Repeated, unknown } from '../../src/core/signal.ts';
import { decodeForm } from '../../src/signals/octets.ts';
import { parseQuery } from '../../src/signals/query.ts';
import { nobody, read } from './context.ts';

describe('request.query', () => {
  it.each<[string, string, Reading]>([
    ['', 'a', absent],
    ['?', 'a', absent],
    ['?a=1', 'a', '1'],
    ['?a=1', 'b', absent],
    ['?a=1', 'A', absent],
    ['?a', 'a', ''],
    ['?a=', 'a', ''],
    ['?a=b=c', 'a', 'b=c'],
    ['?&&a=1&', 'a', '1'],
    ['?=1', '', '1'],
    ['?a=x+y', 'a', 'x y'],
    ['?a=x%20y%2B', 'a', 'x y+'],
    ['?a+b=1', 'a b', '1'],
    ['?%61=1', 'a', '1'],
    ['?a=%C3%A9', 'a', 'é'],
    ['?a=\xc3\xa9', 'a', 'é'],
    ['?a=%EF%BB%BFx', 'a', '\ufeffx'],
    ['?a=1&a=2', 'a', new Repeated(['1', '2'])],
    ['?a=1&%61=1&a', 'a', new Repeated(['1', '1', ''])],
    ['?__proto__=1', '__proto__', '1'],
    ['?a=1', '__proto__', absent],
    ['?a=1', 'constructor', absent],
    // a bad value hides its own name only …
    ['?a=%', 'a', unknown],
    ['?a=%4', 'a', unknown],
    ['?a=%zz', 'a', unknown],
    ['?a=%&b=1', 'b', '1'],
    ['?a=%&b=1', 'c', absent],
    ['?a=%C3', 'a', unknown],
    ['?a=\xe9', 'a', unknown],
    ['?a=1&a=%', 'a', unknown],
    ['?a=%&a=1&a=2', 'a', unknown],
    // … overlong forms and surrogates are no UTF-8 …
    ['?a=%C0%AF', 'a', unknown],
    ['?a=%ED%A0%80', 'a', unknown],
    // … a bad name may be any name …
    ['?%=1&b=1', 'b', unknown],
    ['?%C3=1&b=1', 'b', unknown],
    ['?b=1&%C3=1', 'missing', unknown],
    // … and a raw semicolon separates for some servers
    ['?a=1;b=2', 'a', unknown],
    ['?a=1&b=2;', 'c', unknown],
    ['?a=1%3Bb=2', 'a', '1;b=2'],
  ])('%s, %s', (query, name, expected) => {
    expect(read(`request.query.${name}`, nobody({ query }))).toEqual(expected);
  });

  it('does not remember one request’s query for another', () => {
    const reader = (query: string): Reading => read('request.query.a', nobody({ query }));
    expect([reader('?a=1'), reader('?a=2'), reader(''), reader('?a=%'), reader('?a=1')]).toEqual([
      '1',
      '2',
      absent,
      unknown,
      '1',
    ]);
  });

  const word = fc.string({ unit: 'binary', maxLength: 8 });
  const encode = (text: string): string => new URLSearchParams([[text, '']]).toString().slice(0, -1);

  it('reads back whatever pairs a form encodes, every name on its own', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(word, word), { maxLength: 12 }), (pairs) => {
        const query = `?${pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&')}`;
        const parsed = parseQuery(query);
        if (parsed === unknown) return false;
        const expected = new Map<string, string[]>();
        for (const [name, value] of pairs) expected.set(name, [...(expected.get(name) ?? []), value]);
        expect([...parsed.keys()]).toEqual([...expected.keys()]);
        for (const [name, values] of expected) {
          expect(parsed.get(name)).toEqual(values.length === 1 ? values[0] : new Repeated(values));
        }
        return true;
      }),
    );
  });

  const bytes = fc.string({ unit: fc.integer({ min: 0x21, max: 0xff }).map((octet) => String.fromCharCode(octet)) });
  const raw = fc.array(fc.oneof(bytes, fc.constantFrom('&', '=', '%', '%4', '%41', '%ff', '+', 'a', ';')), {
    maxLength: 20,
  });

  it('never throws, and either agrees with the platform’s reading or is unknown', () => {
    fc.assert(
      fc.property(raw, (pieces) => {
        const text = pieces.join('');
        const parsed = parseQuery(`?${text}`);
        if (parsed === unknown) return;
        // the platform wants text where we have octets
        const platform = new URLSearchParams(
          // with its own `?`: of a text that begins with one, the platform would take that away
          `?${text.replace(/[\x80-\xff]/g, (octet) => `%${octet.charCodeAt(0).toString(16)}`)}`,
        );
        for (const [name, value] of parsed) {
          if (value === unknown) continue;
          expect(value instanceof Repeated ? value.values : [value]).toEqual(platform.getAll(name));
        }
        expect(new Set(parsed.keys())).toEqual(new Set(platform.keys()));
      }),
    );
  });

  it('one reading for each escape: decodes exactly what decodeURIComponent does, without its exceptions', () => {
    fc.assert(
      fc.property(raw, (pieces) => {
        const text = pieces.join('').replace(/[+\x80-\xff]/g, '');
        let expected: string | undefined;
        try {
          expected = decodeURIComponent(text);
        } catch {
          expected = undefined;
        }
        expect(decodeForm(text)).toBe(expected);
      }),
    );
  });
});
