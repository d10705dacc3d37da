import { expect, test } from 'vitest';
import { checkPolicies } from '../../src/policy/check.ts';
import { catalogue } from './catalogue.ts';

const FINANCE = `version: 1
policy: finance
sensitivity: high
conditions:
  office-hours:
    time.weekday: [mon, tue, wed, thu, fri]
    time.hour: { between: [7, 19] }
rules:
  - allow: staff-read
    when:
      identity.groups: { any_of: [finance, audit] }
      request.method: [GET, HEAD]
      device.trust: { at_least: 50 }
  - allow: staff-write
    when:
      identity.groups: { any_of: [finance] }
      is: office-hours
  - step_up: fresh-factor-to-write
    when: { request.method: { none_of: [GET, HEAD] } }
    require: { level: medium, max_age: 15m }
  - deny: sanctioned-country
    reason: country_restriction
    when: { geo.country: [KP, IR] }
tests:
  - name: an auditor reads from the office
    given:
      identity: { sub: ann, groups: [audit] }
      request: { method: GET, path: /reports/2026 }
      device: { trust: 80, known: true }
      geo: { country: DE }
    expect: { effect: allow, rule: staff-read }
  - name: an auditor whose place cannot be determined is kept out, not let in
    given:
      identity: { sub: ann, groups: [audit] }
      request: { method: GET, path: /reports/2026 }
      device: { trust: 80 }
      unknown: [geo.country]
    expect: { effect: deny, reason: country_restriction }
`;
const run = (tests: string) =>
  checkPolicies(
    [
      { file: 'finance.yaml', text: FINANCE },
      { file: 'finance.test.yaml', text: `version: 1\npolicy: finance\ntests:\n${tests}` },
    ],
    catalogue,
  );

test('the example of the language page: its tests pass, in the file and beside it', () => {
  const { findings, tests } = checkPolicies([{ file: 'finance.yaml', text: FINANCE }], catalogue);
  expect(findings.filter((finding) => finding.severity === 'error')).toEqual([]);
  expect(tests.map(({ line, passed, got }) => [line, passed, got])).toEqual([
    [25, true, 'allow rule staff-read'],
    [32, true, 'deny rule sanctioned-country, reason country_restriction'],
  ]);
});

const staff = 'identity: { sub: bob, groups: [finance]';
const write = 'request: { method: POST }, time: { weekday: mon, hour: 9 }, geo: { country: DE }';

test.each<[string, string, string, boolean]>([
  ['what is not named is absent', '{ identity: { sub: ann } }', '{ effect: deny, reason: no_rule_matched }', true],
  ['nobody, and signing in cannot help on an absent device', '{}', '{ effect: deny }', true],
  ['nobody, on a device that may serve', '{ unknown: [device.trust] }', '{ effect: login }', true],
  [
    'an identity without a sub is nobody',
    '{ identity: { groups: [finance] }, device: { trust: 90 } }',
    '{ effect: allow }',
    true,
  ],
  [
    'request.method is GET unless given',
    `{ ${staff} }, device: { trust: 90 } }`,
    '{ effect: allow, rule: staff-read }',
    true,
  ],
  [
    'assurance and auth_age describe the proofs',
    `{ ${staff}, assurance: medium, auth_age: 10m }, ${write} }`,
    '{ effect: allow, rule: staff-write }',
    true,
  ],
  ['too old', `{ ${staff}, assurance: medium, auth_age: 20m }, ${write} }`, '{ effect: step_up }', true],
  ['too weak', `{ ${staff}, assurance: low }, ${write} }`, '{ effect: step_up, rule: fresh-factor-to-write }', true],
  ['no auth_age is age 0', `{ ${staff}, assurance: high }, ${write} }`, '{ effect: allow }', true],
  [
    'an unknown assurance counts as unmet',
    `{ ${staff} }, ${write}, unknown: [identity.assurance] }`,
    '{ effect: step_up }',
    true,
  ],
  [
    'dotted names work as well',
    '{ identity.sub: ann, identity.groups: [audit], device.trust: 50 }',
    '{ effect: allow }',
    true,
  ],
  ['another effect fails', '{}', '{ effect: allow }', false],
  ['another rule fails', `{ ${staff} }, device: { trust: 90 } }`, '{ effect: allow, rule: staff-write }', false],
  ['another reason fails', '{ identity: { sub: ann } }', '{ effect: deny, reason: policy_denied }', false],
])('%s', (name, given, expected, passed) => {
  const { findings, tests } = run(`  - name: "${name}"\n    given: ${given}\n    expect: ${expected}\n`);
  expect(findings.filter((finding) => finding.severity === 'error')).toEqual([]);
  expect(tests.at(-1)).toMatchObject({ file: 'finance.test.yaml', policy: 'finance', name, line: 4, passed });
});

test.each<[string, string, string]>([
  ['an unknown group', '{ identty: { sub: a } }', 'unknown-attribute'],
  ['an unknown attribute', '{ identity: { subb: a } }', 'unknown-attribute'],
  ['a wrong type', '{ device: { trust: high } }', 'wrong-type'],
  ['a scalar for a list', '{ identity: { groups: finance } }', 'wrong-type'],
  ['a list for a scalar', '{ device: { trust: [1] } }', 'wrong-type'],
  ['a duration without unit', '{ identity: { auth_age: 10 } }', 'wrong-type'],
  ['a word outside of the vocabulary', '{ time: { weekday: monday } }', 'unknown-value'],
  ['an unknown attribute under unknown', '{ unknown: [geo.contry] }', 'unknown-attribute'],
  ['given and unknown', '{ geo: { country: DE }, unknown: [geo.country] }', 'contradiction'],
  ['not a map', '[a]', 'wrong-shape'],
])('%s in given is a finding', (_name, given, code) => {
  const { findings } = run(`  - name: t\n    given: ${given}\n    expect: { effect: deny }\n`);
  expect(findings.filter((f) => f.severity === 'error').map((f) => [f.file, f.line, f.code])).toEqual([
    ['finance.test.yaml', 5, code],
  ]);
});

test('a rule that the policy does not have, and two tests of one name, are findings', () => {
  const { findings } = run(
    '  - { name: t, expect: { effect: deny, rule: sanctioned-contry } }\n  - { name: t, expect: { effect: deny } }\n',
  );
  expect(findings.filter((f) => f.severity === 'error').map((f) => [f.code, f.suggestion])).toEqual([
    ['unknown-rule', 'Did you mean sanctioned-country?'],
    ['duplicate-test', undefined],
  ]);
});

test('repeated values, members of families and header names in any case', () => {
  const text = `version: 1
policy: p
rules:
  - allow: one
    when: { request.header.X-Team: blue, identity.claims.department: ops }
tests:
  - { name: one, given: { identity: { sub: a, claims: { department: ops } }, request: { header: { x_team: blue } } }, expect: { effect: allow } }
  - { name: two, given: { identity: { sub: a, claims: { department: ops } }, request: { header: { x-team: [blue, red] } } }, expect: { effect: deny } }
`;
  const { findings, tests } = checkPolicies([{ file: 'p.yaml', text }], catalogue);
  expect(findings).toEqual([]);
  expect(tests.map((each) => each.passed)).toEqual([true, true]);
});
