import fc from 'fast-check';
import { expect, test } from 'vitest';
import { loadPolicies } from '../../src/policy/load.ts';
import { catalogue } from './catalogue.ts';
import { policyFile } from './harness.ts';

const errorsOf = (conditions: Record<string, unknown>, rules: unknown): string[] =>
  loadPolicies([policyFile(rules, { conditions })], catalogue)
    .findings.filter((finding) => finding.severity === 'error')
    .map((finding) => finding.code);

test('conditions that double at each step are refused, not written out', () => {
  const conditions: Record<string, unknown> = { c0: { 'device.known': true } };
  for (let i = 1; i <= 30; i++) conditions[`c${i}`] = { all: [{ is: `c${i - 1}` }, { is: `c${i - 1}` }] };
  expect(errorsOf(conditions, [{ allow: 'a', when: { is: 'c30' } }])).toEqual(['too-costly']);
});

test.each(['used from the top', 'used from the bottom'])(
  'a long chain of conditions is refused without exhausting the stack: %s',
  (direction) => {
    const conditions: Record<string, unknown> = {};
    const names = Array.from({ length: 20_000 }, (_, i) => i);
    if (direction === 'used from the bottom') names.reverse();
    for (const i of names) conditions[`c${i}`] = i === 0 ? { 'device.known': true } : { is: `c${i - 1}` };
    expect(errorsOf(conditions, [{ allow: 'a', when: { is: 'c19999' } }])).toContain('too-costly');
  },
);

test('a rule of more than a thousand comparisons and a policy of more than twenty thousand are refused', () => {
  const many = (count: number): unknown => ({ any: Array.from({ length: count }, () => ({ 'device.known': true })) });
  expect(errorsOf({}, [{ allow: 'a', when: many(1_000) }])).toEqual([]);
  expect(errorsOf({}, [{ allow: 'a', when: many(1_001) }])).toEqual(['too-costly']);
  const big = { c: many(1_000) };
  const rules = Array.from({ length: 21 }, (_, i) => ({ allow: `r${i}`, when: { is: 'c' } }));
  expect(errorsOf(big, rules)).toEqual(['too-costly']);
});

test('deep nesting and files beyond the limit are findings, not crashes', () => {
  const deep = `version: 1\npolicy: p\nrules: [{ allow: a, when: ${'{ not: '.repeat(50_000)}`;
  for (const text of [deep, `# ${'x'.repeat(5_000_000)}`, '['.repeat(20_000)]) {
    const { set, findings } = loadPolicies([{ file: 'p.yaml', text }], catalogue);
    expect(findings.some((finding) => finding.severity === 'error')).toBe(true);
    expect(set.layers.size).toBe(0);
  }
});

test('whatever a file holds, loading gives findings and never throws', () => {
  const keys = fc.constantFrom(
    'version',
    'policy',
    'rules',
    'allow',
    'deny',
    'step_up',
    'when',
    'all',
    'any',
    'not',
    'is',
    'conditions',
    'tests',
    'given',
    'expect',
    'require',
    'unknown',
    'geo.country',
    'device.trust',
    'identity.groups',
    'time.hour',
    'between',
    'in',
    'attribute',
    'matches',
    'in_cidr',
    'effect',
    'identity',
    'name',
  );
  const leaves = fc.oneof(
    fc.constantFrom(1, 'p', 'a', 'allow', 'skip', null, true, 'geo.country', '(', '15m'),
    fc.integer(),
    fc.string({ maxLength: 8 }),
  );
  const { node } = fc.letrec<{ node: unknown }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 6, depthSize: 'medium', withCrossShrink: true },
      leaves,
      fc.array(tie('node'), { maxLength: 3 }),
      fc.dictionary(keys, tie('node'), { maxKeys: 4 }),
    ),
  }));
  const rule = fc.dictionary(keys, node, { maxKeys: 4 });
  const files = fc.record(
    {
      version: fc.constant(1),
      policy: fc.constant('p'),
      rules: fc.array(rule, { maxLength: 3 }),
      conditions: node,
      tests: node,
    },
    { requiredKeys: ['version', 'policy'] },
  );
  fc.assert(
    fc.property(fc.oneof(files, node), fc.constantFrom('p.yaml', 'p.test.yaml'), (value, file) => {
      const { set, findings } = loadPolicies([{ file, text: JSON.stringify(value) }], catalogue);
      const errors = findings.filter((finding) => finding.severity === 'error');
      expect(set.layers.size === 1 || errors.length > 0).toBe(true);
      for (const finding of findings) expect(finding.line >= 1 && finding.column >= 1).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});
