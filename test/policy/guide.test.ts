import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { checkPolicies } from '../../src/policy/check.ts';
import { OPERATOR_TABLE } from '../../src/policy/operators.ts';
import { loadRoles } from '../../src/policy/roles-file.ts';
import { catalogue } from '../../src/signals/index.ts';

const guide = readFileSync(new URL('../../docs/policy.md', import.meta.url), 'utf8');

test('the policy of the guide is free of errors and passes its test', () => {
  const text = /```yaml\n(.*?)```/s.exec(guide)?.[1] ?? '';
  const { findings, tests } = checkPolicies([{ file: 'finance.yaml', text }], catalogue);
  expect(findings.filter((finding) => finding.severity === 'error')).toEqual([]);
  expect(tests.map((each) => each.passed)).toEqual([true]);
});

test('the roles of the guide are free of findings', () => {
  const text = [...guide.matchAll(/```yaml\n(.*?)```/gs)]
    .map((match) => match[1] ?? '')
    .find((each) => /^roles:/m.test(each));
  expect(text).toBeDefined();
  expect(loadRoles({ file: 'roles.yaml', text: text ?? '' }).findings).toEqual([]);
});

test('the guide names every operator', () => {
  for (const operator of Object.keys(OPERATOR_TABLE)) expect(guide).toContain(`\`${operator}`);
});
