// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is the syntax under test
import { describe, expect, it } from 'vitest';
import { interpolate } from '../../src/schema/interpolate.ts';
import { Duration, Flag, OneOrMany, optional, Secret, Section, Text, Whole } from '../../src/schema/types.ts';
import { compileSchema } from '../../src/schema/validate.ts';
import { readYaml } from '../../src/schema/yaml.ts';

const description = 'x';
const schema = Section(
  {
    text: optional(Text({ description })),
    size: optional(Whole(1, 9, { description })),
    flag: optional(Flag({ description })),
    wait: optional(Duration({ description })),
    secret: optional(OneOrMany(Secret(8, { description }), { description })),
  },
  { description },
);
const check = compileSchema(schema);
const ENV = {
  NAME: 'ann',
  EMPTY: '',
  SIZE: '7',
  BIG: '70',
  YES: 'true',
  WAIT: '5m',
  EVIL: '[a]\nsize: 3',
  AGAIN: '${NAME}',
  PASSWORD: 'hunter2',
};
const FILES = new Map([
  ['/run/secret', 'from-a-file\n'],
  ['two', 'a\n\n'],
  ['crlf', 'a\r\n'],
]);

function fill(text: string) {
  const read = readYaml('f.yaml', text);
  if (read.document === undefined) throw new Error('the test has bad YAML');
  const filled = interpolate(read.document, schema, {
    env: ENV,
    readFile: (path) => {
      const found = FILES.get(path);
      return found === undefined ? { problem: `${path} is not there.` } : { text: found };
    },
  });
  return {
    value: filled.document.value as Record<string, unknown>,
    document: filled.document,
    findings: [...filled.findings, ...check(filled.document)],
  };
}

describe('filling in', () => {
  it.each([
    ['${NAME}', 'ann'],
    ['hello ${NAME} and ${NAME}', 'hello ann and ann'],
    ['${NOBODY:-default}', 'default'],
    ['${EMPTY:-default}', 'default'],
    ['${NOBODY:-}x', 'x'],
    ['${NAME:-default}', 'ann'],
    ['$${NAME}', '${NAME}'],
    ['$$${NAME}', '$${NAME}'],
    ['$NAME and $ { }', '$NAME and $ { }'],
    ['${file:/run/secret}', 'from-a-file'],
    ['${file:two}', 'a\n'],
    ['${file:crlf}', 'a'],
  ])('%s', (written, expected) => {
    const { value, findings } = fill(`text: ${JSON.stringify(written)}`);
    expect(findings).toEqual([]);
    expect(value.text).toBe(expected);
  });

  it('never adds structure, and never looks at what it filled in', () => {
    expect(fill('text: ${EVIL}').value).toEqual(Object.assign(Object.create(null), { text: '[a]\nsize: 3' }));
    expect(fill('text: ${AGAIN}').value.text).toBe('${NAME}');
  });

  it('becomes a number or a boolean where one is wanted, and is checked like one', () => {
    expect(fill('size: ${SIZE}\nflag: ${YES}\nwait: ${WAIT}\ntext: ${SIZE}').value).toMatchObject({
      size: 7,
      flag: true,
      wait: '5m',
      text: '7',
    });
    expect(fill('size: ${BIG}').findings.map(({ message }) => message)).toEqual(['size must be at most 9.']);
    expect(fill('size: ${NAME}').findings.map(({ message }) => message)).toEqual(['size must be a whole number.']);
    // what was written as text stays text
    expect(fill('size: "7"').findings.map(({ message }) => message)).toEqual(['size must be a whole number, not "7".']);
  });

  it('never shows what came from outside', () => {
    const { findings } = fill('wait: ${PASSWORD}\nsecret: ["${PASSWORD}"]\nflag: ${PASSWORD}');
    expect(findings.length).toBe(3);
    expect(JSON.stringify(findings)).not.toContain('hunter2');
  });
});

describe('what cannot be filled in', () => {
  it.each([
    ['text: ${NMAE}', '1:7 missing-variable The environment variable NMAE is not set. Did you mean NAME?'],
    ['size: 1\ntext: "a ${file:/nope}"', '2:7 missing-file /nope is not there. '],
    [
      'text: ${not a name}',
      '1:7 bad-interpolation "${not a name}" is not ${NAME}, ${NAME:-default} or ${file:path}. Write $${ for a literal ${.',
    ],
    [
      'text: "${NAME"',
      '1:7 bad-interpolation "${NAME" is not ${NAME}, ${NAME:-default} or ${file:path}. Write $${ for a literal ${.',
    ],
    ['text: ${toString}', '1:7 missing-variable The environment variable toString is not set. '],
  ])('%s', (text, expected) => {
    const [first] = fill(text).findings;
    expect(`${first?.line}:${first?.column} ${first?.code} ${first?.message} ${first?.suggestion ?? ''}`).toBe(
      expected,
    );
  });
});
