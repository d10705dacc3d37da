import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { checkPolicies } from '../../src/policy/check.ts';
import { OPERATOR_TABLE } from '../../src/policy/operators.ts';
import { catalogue } from '../../src/signals/index.ts';

const guide = readFileSync(new URL('../../docs/policy.md', import.meta.url), 'utf8');

test('the policy of the guide is free of errors and passes its test', () => {
  const text = /```yaml\n(.*?)```/s.exec(guide)?.[1] ?? '';
  const { findings, tests } = checkPolicies([{ file: 'finance.yaml', text }], catalogue);
  expect(findings.filter((finding) => finding.severity === 'error')).toEqual([]);
  expect(tests.map((each) => each.passed)).toEqual([true]);
});

test('the guide names every operator', () => {
  for (const operator of Object.keys(OPERATOR_TABLE)) expect(guide).toContain(`\`${operator}`);
});
