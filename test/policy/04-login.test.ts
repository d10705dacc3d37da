import { expect, test } from 'vitest';
import { unknown } from '../../src/core/signal.ts';
import { outcome, rulesProgram, situation } from './harness.ts';

/** What the gateway's signals read on a request of nobody. */
const nobody = {
  'request.method': 'GET',
  'identity.sub': unknown,
  'identity.groups': unknown,
  'identity.assurance': unknown,
  'device.trust': unknown,
} as const;
const answer = (rules: unknown, values: Record<string, string | symbol> = {}): string =>
  outcome(rulesProgram(rules).evaluate(situation({ ...nobody, ...values } as never)));
const staff = { allow: 'staff', when: { 'identity.groups': ['staff'] } };

test.each<[string, unknown[], string]>([
  ['an allow could hold for somebody', [staff], 'login'],
  [
    'no allow could',
    [{ allow: 'post', when: { 'request.method': 'POST', 'identity.groups': ['staff'] } }],
    'deny/-/no_rule_matched',
  ],
  ['a deny holds for everybody', [staff, { deny: 'd', when: { 'request.method': 'GET' } }], 'deny/d/policy_denied'],
  ['a deny might hold for somebody', [staff, { deny: 'd', when: { 'identity.groups': ['fired'] } }], 'login'],
  [
    'a deny holds only because nobody is there',
    [staff, { deny: 'd', when: { 'identity.authenticated': false } }],
    'login',
  ],
  [
    'an allow holds, a step-up is due: nobody cannot step up',
    [{ allow: 'all' }, { step_up: 's', require: { level: 'low' } }],
    'login',
  ],
  ['an allow holds for nobody', [{ allow: 'all' }], 'allow/all'],
  ['an allow names nobody', [{ allow: 'nobody', when: { 'identity.authenticated': false } }], 'allow/nobody'],
])('%s', (_name, rules, expected) => {
  expect(answer(rules)).toBe(expected);
});

test('the second judgement veils identity, session and access only', () => {
  const trusted = { allow: 'trusted', when: { 'device.trust': { at_least: 50 } } };
  expect(answer([trusted], { 'device.trust': 10 as never })).toBe('deny/-/no_rule_matched');
  expect(answer([trusted])).toBe('login');
});

test('somebody who is authenticated is never sent to the login', () => {
  const program = rulesProgram([staff]);
  expect(outcome(program.evaluate(situation({ 'identity.sub': 'ann', 'identity.groups': [] })))).toBe(
    'deny/-/no_rule_matched',
  );
});

test('explain shows the second judgement of a request of nobody, with what was veiled', () => {
  const { login, rules, decision } = rulesProgram([{ allow: 'staff', when: { 'identity.sub': 'ann' } }]).explain(
    situation(nobody),
  );
  expect(decision.effect).toBe('login');
  expect(rules).toHaveLength(1);
  expect(login?.[0]).toMatchObject({
    result: 'unknown',
    condition: { values: [{ attribute: 'identity.sub', value: 'unknown' }] },
  });
});
