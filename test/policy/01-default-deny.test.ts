import { expect, test } from 'vitest';
import { unknown } from '../../src/core/signal.ts';
import { outcome, rulesProgram, situation } from './harness.ts';

const somebody = { 'identity.sub': 'ann', 'request.method': 'GET' } as const;

test('a request that no allow matches is denied', () => {
  const program = rulesProgram([{ allow: 'posts', when: { 'request.method': 'POST' } }]);
  expect(outcome(program.evaluate(situation(somebody)))).toBe('deny/-/no_rule_matched');
});

test('an allow that is only possible does not let in', () => {
  const program = rulesProgram([{ allow: 'from-here', when: { 'geo.country': 'DE' } }]);
  expect(outcome(program.evaluate(situation({ ...somebody, 'geo.country': unknown })))).toBe('deny/-/no_rule_matched');
});

test('a set of denies and step-ups alone lets nothing through', () => {
  const program = rulesProgram([
    { deny: 'posts', when: { 'request.method': 'POST' } },
    { step_up: 'more', require: { level: 'high' } },
  ]);
  expect(outcome(program.evaluate(situation(somebody)))).toBe('deny/-/no_rule_matched');
});

test('an allow without when always matches and is named with its place', () => {
  const program = rulesProgram([{ allow: 'all' }]);
  const decision = program.evaluate(situation(somebody));
  expect(decision).toEqual({ effect: 'allow', rule: { policy: 'p', rule: 'all', file: 'p.yaml', line: 1 } });
});

test('a plain allow gives the same object again: nothing is allocated for it', () => {
  const program = rulesProgram([{ allow: 'all' }]);
  expect(program.evaluate(situation(somebody))).toBe(program.evaluate(situation(somebody)));
});
