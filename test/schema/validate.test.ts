import Type from 'typebox';
import { describe, expect, it } from 'vitest';
import { suggest } from '../../src/schema/suggest.ts';
import { Duration, OneOf, OneOrMany, optional, Section, Text, Whole } from '../../src/schema/types.ts';
import { compileSchema } from '../../src/schema/validate.ts';
import { readYaml } from '../../src/schema/yaml.ts';

const description = 'x';
const step = Type.Union([
  Section({ kind: Type.Literal('wait'), time: Duration({ description }) }, { description }),
  Section({ kind: Type.Literal('say'), words: Text({ description }) }, { description }),
]);
const check = compileSchema(
  Section(
    {
      name: Text({ description }),
      size: optional(Whole(1, 9, { description })),
      wait: optional(Duration({ description })),
      level: optional(OneOf(['low', 'medium', 'high'], { description })),
      word: optional(Type.Union([Type.Literal('red'), Type.Literal('green'), Type.Boolean()])),
      layers: optional(OneOrMany(Text({ description }), { description })),
      steps: optional(Type.Array(step)),
      things: optional(Type.Array(Type.Object({}), { uniqueItems: true })),
    },
    { description },
  ),
);

function problems(text: string): string[] {
  const { document } = readYaml('f.yaml', text);
  if (document === undefined) throw new Error('the test has bad YAML');
  return check(document).map(
    (f) => `${f.line}:${f.column} ${f.code}: ${f.message}${f.suggestion ? ` ${f.suggestion}` : ''}`,
  );
}

describe('findings of a schema', () => {
  it.each<[string, string, string[]]>([
    ['nothing wrong', 'name: a\nlayers: [x]\nsteps: [{ kind: wait, time: 5s }]\nthings: [{}]', []],
    ['an unknown key', 'name: a\nnmae: b', ['2:1 unknown-key: Unknown key "nmae". Did you mean name?']],
    ['an unknown key like no other', 'name: a\nzzzzzz: b', ['2:1 unknown-key: Unknown key "zzzzzz".']],
    ['a missing key', 'size: 3', ['1:1 missing-key: The file needs the key "name".']],
    ['a wrong type', 'name: [a]', ['1:7 wrong-type: name must be text, not a list.']],
    ['no map at all', '- a', ['1:1 wrong-type: The file must be a map, not a list.']],
    ['out of range', 'name: a\nsize: 12', ['2:7 out-of-range: size must be at most 9, not 12.']],
    [
      'a bad form',
      'name: a\nwait: 5 min',
      ['2:7 bad-value: wait must be a duration such as 30m, 1h30m or 500ms, not "5 min".'],
    ],
    [
      'a word',
      'name: a\nlevel: hihg',
      ['2:8 bad-value: level must be one of low, medium, high, not "hihg". Did you mean high?'],
    ],
    [
      'words and a kind',
      'name: a\nword: gren',
      ['2:7 wrong-type: word must be "red" or "green" or true or false, not "gren". Did you mean green?'],
    ],
    ['one or many: the wrong item', 'name: a\nlayers: [x, 3]', ['2:13 wrong-type: layers[1] must be text, not 3.']],
    [
      'one or many: neither',
      'name: a\nlayers: { x: 1 }',
      ['2:9 wrong-type: layers must be text or a list, not a map.'],
    ],
    ['one or many: empty', 'name: a\nlayers: []', ['2:9 out-of-range: layers must not be empty.']],
    ['twice', 'name: a\nlayers: [x, x]', ['2:9 bad-value: layers has "x" twice.']],
    ['maps twice', 'name: a\nthings: [{}, {}]', ['2:9 bad-value: things has the same item twice.']],
    [
      'a union: the branch that was meant',
      'name: a\nsteps:\n  - kind: wait\n    tiem: 5s',
      [
        '3:5 missing-key: steps[0] needs the key "time".',
        '4:5 unknown-key: Unknown key "tiem" in steps[0]. Did you mean time?',
      ],
    ],
    ['a union: no branch', 'name: a\nsteps: [go]', ['2:9 wrong-type: steps[0] must be a map, not "go".']],
  ])('%s', (_name, text, expected) => {
    expect(problems(text)).toEqual(expected);
  });

  it('all at once, in the order of the file', () => {
    expect(problems('size: x\nwait: 5\nlevel: none\nfoo: 1').map((line) => line.slice(0, 3))).toEqual([
      '1:1',
      '1:7',
      '2:7',
      '3:8',
      '4:1',
    ]);
  });
});

describe('suggest', () => {
  it.each([
    ['polcy', ['policy', 'public'], 'policy'],
    ['hots', ['host', 'path'], 'host'],
    ['identity.grups', ['identity.groups', 'identity.roles'], 'identity.groups'],
    ['HOST', ['host'], 'host'],
    ['x', ['y', 'path'], undefined],
    ['banana', ['policy', 'public'], undefined],
    ['', ['a'], undefined],
    ['NO', ['_', 'NOT'], undefined],
    ['foo', ['fo'], 'fo'],
    ['a'.repeat(100), ['a'.repeat(99)], undefined],
  ])('%s', (word, candidates, expected) => {
    expect(suggest(word, candidates)).toBe(expected);
  });
});
