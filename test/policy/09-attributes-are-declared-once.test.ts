import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hasErrors } from '../../src/core/finding.ts';
import { loadPolicies } from '../../src/policy/load.ts';
import { OPERATOR_TABLE } from '../../src/policy/operators.ts';
import { policySchema, policyTestsSchema } from '../../src/policy/schema.ts';
import { rules } from './arbitrary.ts';
import { catalogue } from './catalogue.ts';
import { policyFile } from './harness.ts';

const accepts = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(policySchema(catalogue));
const acceptsTests = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(policyTestsSchema(catalogue));
const policy = (when: unknown): unknown => ({ version: 1, policy: 'p', rules: [{ allow: 'a', when }] });

test('what the type checker accepts, the schema of the same catalogue accepts', () => {
  fc.assert(
    fc.property(rules, (source) => {
      expect(hasErrors(loadPolicies([policyFile(source)], catalogue).findings)).toBe(false);
      expect(accepts(JSON.parse(JSON.stringify({ version: 1, policy: 'p', rules: source })))).toBe(true);
    }),
    { numRuns: 200 },
  );
});

test.each<[string, unknown]>([
  ['an unknown attribute', { 'geo.contry': 'DE' }],
  ['a family without a key', { 'request.header.*': 'x' }],
  ['an operator of another type', { 'device.trust': { prefix: 'x' } }],
  ['a value of another type', { 'device.trust': 'x' }],
  ['a word outside of the vocabulary', { 'time.weekday': 'monday' }],
  ['a duration without a unit', { 'session.age': { below: 15 } }],
  ['an empty when', {}],
  ['an empty list', { any: [] }],
])('the schema and the type checker both refuse %s', (_name, when) => {
  expect(accepts(policy(when))).toBe(false);
  expect(hasErrors(loadPolicies([{ file: 'p.yaml', text: JSON.stringify(policy(when)) }], catalogue).findings)).toBe(
    true,
  );
});

test('the schema tells the meaning and an example of every attribute, and refuses what is not available yet', () => {
  const { definitions } = JSON.parse(JSON.stringify(policySchema(catalogue)));
  const { properties, patternProperties } = definitions.when;
  for (const [name, { meaning }] of catalogue.attributes) {
    const found = name.endsWith('.*')
      ? patternProperties[`^${name.slice(0, -2).replace('.', '\\.')}\\.[^*]+$`]
      : properties[name];
    expect(found.description).toContain(meaning);
    expect(found.examples).toHaveLength(1);
  }
  expect(accepts(policy({ cel: 'true' }))).toBe(false);
  expect(accepts({ version: 1, policy: 'p', rules: [{ allow: 'a' }], resource: {} })).toBe(false);
});

test('the schema of test files', () => {
  const file = (given: unknown): unknown => ({
    version: 1,
    policy: 'p',
    tests: [{ name: 't', given, expect: { effect: 'deny' } }],
  });
  expect(
    acceptsTests(file({ identity: { sub: 'a', groups: ['b'], claims: { x: 'y' } }, unknown: ['geo.country'] })),
  ).toBe(true);
  expect(acceptsTests(file({ identity: { subb: 'a' } }))).toBe(false);
  expect(acceptsTests(file({ device: { trust: 'x' } }))).toBe(false);
});

describe('every type has operators, and every operator a type', () => {
  const types = new Set([...catalogue.attributes.values()].map((attribute) => attribute.type));
  test.each([...types])('%s', (type) => {
    expect(Object.values(OPERATOR_TABLE).some((row) => row.types.includes(type))).toBe(true);
  });
});
