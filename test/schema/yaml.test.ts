import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isMap, isSeq, parseDocument } from 'yaml';
import { decodeUtf8 } from '../../src/schema/encoding.ts';
import { MAX_DEPTH, MAX_FILE_BYTES } from '../../src/schema/scan.ts';
import { readYaml } from '../../src/schema/yaml.ts';

const summary = (text: string): string[] =>
  readYaml('f.yaml', text).findings.map(({ line, column, code }) => `${line}:${column} ${code}`);
const errors = (findings: readonly { readonly code: string }[]): string[] => findings.map(({ code }) => code);

describe('reading', () => {
  it('gives maps without prototype, and what each value is in YAML 1.2 core', () => {
    const { document, findings } = readYaml(
      'f.yaml',
      'a: { b: [1, x, true, null, 1.5, 0x1F, yes, 2001-01-01] }\n"": |\n  text\n',
    );
    expect(findings).toEqual([]);
    const value = document?.value as { readonly a: { readonly b: unknown } };
    expect(Object.getPrototypeOf(value)).toBe(null);
    expect(Object.getPrototypeOf(value.a)).toBe(null);
    expect(value.a.b).toEqual([1, 'x', true, null, 1.5, 31, 'yes', '2001-01-01']);
    expect(Reflect.get(value, '')).toBe('text\n');
  });

  it.each([
    ['a leading byte order mark', '\uFEFFa: 1'],
    ['a document start', '--- \na: 1\n...\n# the end\n'],
    ['Windows line ends', 'a: 1\r\n'],
    ['JSON', '{"a": 1}'],
  ])('reads %s', (_name, text) => {
    const { document, findings } = readYaml('f.yaml', text);
    expect(findings).toEqual([]);
    expect({ ...(document?.value as object) }).toEqual({ a: 1 });
  });

  it('knows where keys, values and items are', () => {
    const { document } = readYaml('f.yaml', 'a:\n  - b: 1\n    "c d":   [x,\n      y]\n  -   z\n');
    const at = (path: readonly (string | number)[], which?: 'key' | 'value') => {
      const found = document?.locate(path, which);
      return `${found?.line}:${found?.column}`;
    };
    expect(at([])).toBe('1:1');
    expect(at(['a'], 'key')).toBe('1:1');
    expect(at(['a', 0, 'b'], 'key')).toBe('2:5');
    expect(at(['a', 0, 'b'])).toBe('2:8');
    expect(at(['a', 0, 'c d', 1])).toBe('4:7');
    expect(at(['a', 1])).toBe('5:7');
    expect(at(['a', 0, 'c d', 7, 'nowhere'])).toBe('3:14');
    expect(at(['a', 9])).toBe('2:3');
  });
});

describe('what is refused, with its place (security rule 24)', () => {
  it.each([
    ['an anchor and an alias', 'a: &x 1\nb: *x', ['1:4 yaml-alias', '2:4 yaml-alias']],
    ['a merge', 'b:\n  <<: { c: 1 }', ['2:3 yaml-merge']],
    ['a tag', 'a: !!binary aGk=\nb: !x 1', ['1:4 yaml-tag', '2:4 yaml-tag']],
    ['a duplicate key', 'a: 1\nb:\n  c: 1\n  c: 2', ['4:3 duplicate-key']],
    ['a duplicate key in other quotes', 'a: 1\n"a": 2', ['2:1 duplicate-key']],
    ['a second document', 'a: 1\n---\nb: 1', ['2:1 yaml-second-document']],
    ['a second document after an end', 'a: 1\n...\nb: 1', ['3:1 yaml-second-document']],
    ['an empty first document', '---\n---\na: 1', ['2:1 yaml-second-document']],
    ['__proto__', 'a:\n  __proto__: { x: 1 }', ['2:3 forbidden-key']],
    ['constructor, quoted', '"constructor": 1', ['1:1 forbidden-key']],
    ['prototype, by escapes', '"\\x70rototype": 1', ['1:1 forbidden-key']],
    ['a prototype key in a list', '- { prototype: 1 }', ['1:5 forbidden-key']],
    ['not a number', 'a: .nan', ['1:4 number-out-of-range']],
    ['infinity', 'a: [-.inf, .Inf]', ['1:5 number-out-of-range', '1:12 number-out-of-range']],
    ['infinity by overflow', 'a: 1e999', ['1:4 number-out-of-range']],
    ['an integer that doubles cannot hold', 'a: 9007199254740993', ['1:4 number-out-of-range']],
    ['a key that is not text', '1: a\ntrue: b\n? [c]\n: d', ['1:1 yaml-key', '2:1 yaml-key', '3:3 yaml-key']],
    ['a directive', '%YAML 1.1\n---\na: yes', ['1:1 yaml-directive']],
    ['a control character', 'a: 1\nb: "\u0000"', ['2:5 yaml-control-character']],
    ['a carriage return alone', 'a: 1\rb: 2', ['1:5 yaml-control-character']],
    ['nothing', '# only a comment\n', ['1:1 file-empty']],
    ['broken syntax', 'a: [1, 2\nb: 3', ['2:1 yaml-syntax']],
    ['a tab for indentation', 'a:\n\tb: 1', ['2:1 yaml-syntax']],
  ])('%s', (_name, text, expected) => {
    expect(summary(text)).toEqual(expected);
  });

  it('tells everything that leaves the rest readable at once, and still gives the rest', () => {
    const { document, findings } = readYaml('f.yaml', 'a: &x 1\nb: .nan\na: 2\n__proto__: 1\nc: !t 3\nd: 4');
    expect(errors(findings)).toEqual([
      'yaml-alias',
      'yaml-tag',
      'number-out-of-range',
      'duplicate-key',
      'forbidden-key',
    ]);
    expect({ ...(document?.value as object) }).toMatchObject({ a: 1, d: 4 });
  });

  it('keeps Object.prototype clean', () => {
    readYaml('f.yaml', '__proto__: { polluted: yes }\nconstructor: { prototype: { polluted: yes } }');
    expect(Reflect.get({}, 'polluted')).toBe(undefined);
  });

  it('refuses more than 4 MB before looking at it', () => {
    expect(summary('a'.repeat(MAX_FILE_BYTES + 1))).toEqual(['1:1 file-too-large']);
  });
});

describe('encodings', () => {
  const bytes = (...parts: (string | number)[]): Uint8Array =>
    Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from([part]))));
  it.each([
    ['UTF-16 with a mark', bytes(0xff, 0xfe, 'a'), '1:1 file-encoding'],
    ['a lone continuation byte', bytes('a: 1\nb: ', 0x80), '2:4 file-encoding'],
    ['Latin-1', bytes('name: M', 0xfc, 'ller'), '1:8 file-encoding'],
    ['an overlong slash', bytes('p: ', 0xc0, 0xaf), '1:4 file-encoding'],
    ['a truncated sequence', bytes('a: ', 0xe2, 0x82), '1:4 file-encoding'],
    ['a surrogate', bytes('ü: ', 0xed, 0xa0, 0x80), '1:4 file-encoding'],
  ])('%s', (_name, input, expected) => {
    const { finding } = decodeUtf8('f.yaml', input);
    expect(`${finding?.line}:${finding?.column} ${finding?.code}`).toBe(expected);
  });

  it('good UTF-8 comes through, a replacement character of its own included', () => {
    expect(decodeUtf8('f.yaml', bytes('ä€𝄞\uFFFD'))).toEqual({ text: 'ä€𝄞\uFFFD', finding: undefined });
  });
});

describe('depth', () => {
  const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
  it('allows exactly the limit', () => {
    expect(summary(nested(MAX_DEPTH))).toEqual([]);
    expect(summary(nested(MAX_DEPTH + 1))).toEqual([`1:${MAX_DEPTH + 1} yaml-too-deep`]);
  });

  it('does not take brackets in text, comments and blocks for nesting', () => {
    const noise = '['.repeat(200);
    expect(summary(`a: "${noise}"\nb: '${noise}'\nc: x${noise}\n# ${noise}\nd: |\n  ${noise}\n`)).toEqual([]);
  });

  it('does not grow with the number of siblings', () => {
    const rule = '- allow: x\n  when:\n    all:\n    - a: 1\n    - any: [{ b: { in: [1, 2] } }]\n';
    expect(summary(`rules:\n${rule.repeat(500)}`)).toEqual([]);
    expect(
      summary(
        `${'k: { a: [b] }\n'.replace('k', 'k')}${Array.from({ length: 500 }, (_, i) => `k${i}:\n- x\n- y: 1`).join('\n')}`,
      ),
    ).toEqual([]);
  });

  it('is bounded for the parser, whatever the text', () => {
    const piece = fc.constantFrom(
      '[',
      ']',
      '{',
      '}',
      '- ',
      '? ',
      ': ',
      ':\n',
      'a',
      'b: ',
      '"',
      "'",
      '\n',
      '\n  ',
      '\n    ',
      ' ',
      ', ',
      '#',
      '|\n',
      '>\n',
      '&x ',
      '!t ',
      '"x": ',
      "'y'",
      '\\',
      '\t',
      '...\n',
      '[a]: ',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), fc.constantFrom(1, 40), (pieces, times) => {
        const text = pieces.join('').repeat(times);
        if (readYaml('f.yaml', text).findings.some(({ code }) => code === 'yaml-too-deep')) return;
        const { contents, errors: wrong } = parseDocument(text, { uniqueKeys: false, logLevel: 'silent' });
        // what the parser makes of a syntax error may be a level deeper than its tokens; the reader stops it after 100
        expect(depthOf(contents)).toBeLessThanOrEqual(2 * MAX_DEPTH + 1 + wrong.length);
      }),
      {
        numRuns: 300,
        examples: [
          [['b: ', '"x": ', '? ', '\n  ', '[a]: ', '"x": '], 40],
          [['"x": ', ':\n', '&x ', ': ', '"x": ', '"x": '], 40],
        ],
      },
    );
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const { document, findings } = readYaml('f.yaml', text);
        expect(document !== undefined || findings.length > 0).toBe(true);
        for (const { line, column } of findings) expect(line >= 1 && column >= 1).toBe(true);
      }),
    );
  });
});

function depthOf(node: unknown): number {
  if (isSeq(node)) return 1 + Math.max(0, ...node.items.map(depthOf));
  if (isMap(node))
    return 1 + Math.max(0, ...node.items.map((pair) => Math.max(depthOf(pair.key), depthOf(pair.value))));
  return 0;
}
