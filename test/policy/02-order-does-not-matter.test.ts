import fc from 'fast-check';
import { expect, test } from 'vitest';
import { unknown } from '../../src/core/signal.ts';
import { rules as anyRules, situations } from './arbitrary.ts';
import { outcome, policyFile, programOf, rulesProgram, situation } from './harness.ts';

const ann = { 'identity.sub': 'ann', 'request.method': 'GET' } as const;
const allow = { allow: 'a', when: { 'request.method': 'GET' } };
const deny = { deny: 'd', when: { 'request.method': 'GET' } };
const stepUp = { step_up: 's', when: { 'request.method': 'GET' }, require: { level: 'medium' } };

test.each([
  ['deny beats allow', [allow, deny], 'deny/d/policy_denied'],
  ['deny beats step_up', [stepUp, allow, deny], 'deny/d/policy_denied'],
  ['step_up beats allow', [allow, stepUp], 'step_up/s/step_up_required'],
  ['step_up alone opens nothing', [stepUp], 'deny/-/no_rule_matched'],
])('%s, in either order', (_name, rules, expected) => {
  for (const order of [rules, [...rules].reverse()]) {
    expect(outcome(rulesProgram(order).evaluate(situation(ann)))).toBe(expected);
  }
});

test('the effect, its reason apart, is the same for every order of the rules', () => {
  fc.assert(
    fc.property(
      anyRules.chain((rules) => fc.tuple(fc.constant(rules), fc.shuffledSubarray(rules, { minLength: rules.length }))),
      situations,
      ([rules, shuffled], context) => {
        expect(rulesProgram(shuffled).evaluate(context).effect).toBe(rulesProgram(rules).evaluate(context).effect);
      },
    ),
    { numRuns: 150 },
  );
});

test('the named rule is the first in layer-then-file order', () => {
  const base = policyFile([{ deny: 'base', when: { 'request.method': 'GET' } }], {}, 'base');
  const app = policyFile(
    [
      { deny: 'one', when: { 'request.method': 'GET' } },
      { deny: 'two', when: { 'request.method': 'GET' } },
    ],
    {},
    'app',
  );
  expect(outcome(programOf([base, app], { layers: ['app', 'base'] }).evaluate(situation(ann)))).toBe(
    'deny/one/policy_denied',
  );
  expect(outcome(programOf([base, app], { layers: ['base', 'app'] }).evaluate(situation(ann)))).toBe(
    'deny/base/policy_denied',
  );
});

test('a rule that is true is named before one that is unknown', () => {
  const program = rulesProgram([
    { deny: 'perhaps', when: { 'geo.country': 'KP' } },
    { deny: 'surely', reason: 'no_reading', when: { 'request.method': 'GET' } },
  ]);
  expect(outcome(program.evaluate(situation({ ...ann, 'geo.country': unknown })))).toBe('deny/surely/no_reading');
});

test('the first allow that matches is named', () => {
  const program = rulesProgram([
    { allow: 'posts', when: { 'request.method': 'POST' } },
    { allow: 'gets', when: { 'request.method': 'GET' } },
    { allow: 'all' },
  ]);
  expect(outcome(program.evaluate(situation(ann)))).toBe('allow/gets');
});

test('of several unmet step-ups the first true one is named', () => {
  const program = rulesProgram([
    { allow: 'all' },
    { step_up: 'perhaps', when: { 'geo.country': 'KP' }, require: { level: 'high' } },
    { step_up: 'surely', when: { 'request.method': 'GET' }, require: { level: 'low' } },
  ]);
  const decision = program.evaluate(situation({ ...ann, 'geo.country': unknown }));
  expect(decision).toMatchObject({ effect: 'step_up', rule: { rule: 'surely' }, need: { level: 'high' } });
});
