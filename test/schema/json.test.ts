import fc from 'fast-check';
import Type from 'typebox';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../src/schema/json.ts';
import { optional, Section, Text, Whole, withDefault } from '../../src/schema/types.ts';
import { compileJson } from '../../src/schema/validate.ts';

describe('JSON of strangers', () => {
  it('is read as JSON.parse reads it, whatever it is, into objects without prototype', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const text = JSON.stringify(value);
        const parsed = parseJson(text);
        const reaches = /"(?:__proto__|constructor|prototype)":/.test(text);
        expect(parsed.ok).toBe(!reaches);
        if (!parsed.ok) return;
        expect(JSON.stringify(parsed.value)).toBe(JSON.stringify(JSON.parse(text)));
        const bare = (item: unknown): boolean =>
          typeof item !== 'object' || item === null
            ? true
            : (Array.isArray(item) || Object.getPrototypeOf(item) === null) && Object.values(item).every(bare);
        expect(bare(parsed.value)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('[', '{', '"', '\\', ']', '}', ',', ':', 'a', '1', ' ') }),
        (text) => {
          expect(typeof parseJson(text).ok).toBe('boolean');
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each([
    ['32 levels', `${'['.repeat(32)}${']'.repeat(32)}`, true],
    ['33 levels', `${'['.repeat(33)}${']'.repeat(33)}`, false],
    ['brackets in a text', JSON.stringify('['.repeat(100)), true],
    ['brackets behind an escaped quote', JSON.stringify(`"${'['.repeat(100)}`), true],
    ['brackets behind an escaped backslash', `{"a":"\\\\","b":${'['.repeat(33)}${']'.repeat(33)}}`, false],
    ['many lists beside each other', JSON.stringify(Array.from({ length: 100 }, () => [])), true],
  ])('%s', (_name, text, ok) => {
    expect(parseJson(text).ok).toBe(ok);
  });
});

describe('data by schema', () => {
  const read = compileJson(
    Section(
      {
        name: Text({ description: 'x' }),
        count: withDefault(Whole(1, 9, { description: 'x' }), 3),
        list: optional(Type.Array(Section({ a: Type.String() }, { description: 'x' }))),
      },
      { description: 'x' },
    ),
  );

  it('is copied, frozen, with defaults and without prototypes', () => {
    const given = { name: 'x', list: [{ a: 'y' }] };
    const outcome = read(given);
    expect(outcome).toEqual({ ok: true, value: { name: 'x', count: 3, list: [{ a: 'y' }] } });
    if (!outcome.ok) return;
    expect(outcome.value.list?.[0]).not.toBe(given.list[0]);
    expect(Object.isFrozen(outcome.value) && Object.isFrozen(outcome.value.list?.[0])).toBe(true);
    expect(Object.getPrototypeOf(outcome.value)).toBeNull();
  });

  it.each<[unknown, readonly string[]]>([
    [{}, ['']],
    [{ name: 'x', 'a/b~c': 1 }, ['/a~1b~0c']],
    [{ name: 'x', count: 10, list: [{ a: 1 }, {}] }, ['/count', '/list/0/a', '/list/1']],
    [[], ['']],
    [null, ['']],
    [{ name: 'x', count: Number.NaN }, ['/count']],
  ])('%j is refused, each mistake where it is', (value, pointers) => {
    const outcome = read(value);
    expect(outcome.ok ? [] : outcome.problems.map(({ pointer }) => pointer)).toEqual(pointers);
  });

  it('never repeats a value', () => {
    const outcome = read({ name: 7, count: 'secret-value', list: 'secret-value' });
    expect(JSON.stringify(outcome)).not.toContain('secret-value');
  });
});
