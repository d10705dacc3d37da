import { expect, test } from 'vitest';
import { absent, unknown } from '../../src/core/signal.ts';
import { loadPolicies } from '../../src/policy/load.ts';
import { overlayCatalogue, parseOverlay } from '../../src/policy/overlay.ts';
import { compileProgram } from '../../src/policy/program.ts';
import { catalogue } from './catalogue.ts';
import { ELEVATION, outcome, policyFile, situation } from './harness.ts';

const files = [
  policyFile([
    { allow: 'staff', when: { 'identity.groups': ['staff'] } },
    { deny: 'abroad', when: { 'geo.country': { present: true, none_of: ['DE'] } } },
    { step_up: 'write', when: { 'request.method': 'POST' }, require: { level: 'high', max_age: '5m' } },
  ]),
];
const { set: policies } = loadPolicies(files, catalogue);
const { program } = compileProgram(policies, overlayCatalogue(catalogue), {
  layers: ['p'],
  public: false,
  caseSensitive: false,
  elevation: ELEVATION,
});
const base = situation({
  'identity.sub': 'ann',
  'identity.groups': ['staff'],
  'geo.country': 'DE',
  'request.method': 'GET',
});
type Wanted = Parameters<typeof parseOverlay>[1];

test.each<[string, Wanted, string]>([
  ['nothing', {}, 'allow/staff'],
  ['--set', { set: [['geo.country', 'KP']] }, 'deny/abroad/policy_denied'],
  ['--unknown', { unknown: ['geo.country'] }, 'deny/abroad/policy_denied'],
  ['--absent', { absent: ['geo.country'] }, 'allow/staff'],
  ['a list', { set: [['identity.groups', ['guests']]] }, 'deny/-/no_rule_matched'],
  [
    'a stronger proof',
    {
      set: [
        ['request.method', 'POST'],
        ['identity.assurance', 'high'],
      ],
    },
    'allow/staff',
  ],
  [
    'an old proof',
    {
      set: [
        ['request.method', 'POST'],
        ['identity.assurance', 'high'],
        ['identity.auth_age', '6m'],
      ],
    },
    'step_up/write/step_up_required',
  ],
  [
    'no proof that is known',
    { set: [['request.method', 'POST']], unknown: ['identity.assurance'] },
    'step_up/write/step_up_required',
  ],
  ['nobody', { absent: ['identity.sub'], unknown: ['identity.groups'] }, 'login'],
])('%s', (_name, wanted, expected) => {
  const { set, problems } = parseOverlay(catalogue, wanted);
  expect(problems).toEqual([]);
  expect(outcome(program.evaluate({ base, set }))).toBe(expected);
});

test('what cannot be replaced is said, with a suggestion', () => {
  const { set, problems } = parseOverlay(catalogue, {
    set: [
      ['geo.contry', 'KP'],
      ['device.trust', 'x'],
    ],
    absent: ['nope.x'],
  });
  expect(set.size).toBe(0);
  expect(problems.map((problem) => problem.suggestion)).toEqual(['Did you mean geo.country?', undefined, undefined]);
});

test('explain shows every rule with its place, value and result', () => {
  const { set } = parseOverlay(catalogue, { unknown: ['geo.country'] });
  const explanation = program.explain({ base, set });
  expect(explanation.decision).toMatchObject({ effect: 'deny', rule: { rule: 'abroad' } });
  expect(explanation.rules.map(({ rule, effect, result, fires, met }) => [rule, effect, result, fires, met])).toEqual([
    ['staff', 'allow', 'true', true, undefined],
    ['abroad', 'deny', 'unknown', true, undefined],
    ['write', 'step_up', 'false', false, false],
  ]);
  expect(explanation.rules[1]).toMatchObject({
    file: 'p.yaml',
    line: 1,
    condition: {
      kind: 'all',
      of: [
        { attribute: 'geo.country', operator: 'present', operand: 'true', result: 'unknown' },
        {
          attribute: 'geo.country',
          operator: 'none_of',
          operand: '"DE"',
          values: [{ attribute: 'geo.country', value: 'unknown' }],
        },
      ],
    },
  });
  expect(JSON.parse(JSON.stringify(explanation)).rules).toHaveLength(3);
});

test('absent and unknown read as themselves through the overlay', () => {
  const overlaid = overlayCatalogue(catalogue).attributes.get('geo.country')?.bind({ key: undefined, timeZone: 'UTC' });
  expect(overlaid?.({ base, set: new Map([['geo.country', absent]]) })).toBe(absent);
  expect(overlaid?.({ base, set: new Map([['geo.country', unknown]]) })).toBe(unknown);
  expect(overlaid?.({ base, set: new Map() })).toBe('DE');
});
