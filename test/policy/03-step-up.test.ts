import { expect, test } from 'vitest';
import type { Level, Method, Proof } from '../../src/core/decision.ts';
import { unknown } from '../../src/core/signal.ts';
import { HOUR, MINUTE, outcome, proof, rulesProgram, situation } from './harness.ts';

const NOW = 1_000_000_000_000;
const ask = (require: unknown, proofs: readonly Proof[]) =>
  rulesProgram([{ allow: 'all' }, { step_up: 's', require }]).evaluate(
    situation({ 'identity.sub': 'ann' }, { proofs, now: NOW }),
  );
const ago = (method: Method | undefined, level: Level, ms: number): Proof => proof(method, level, NOW - ms);

test.each<[string, unknown, Proof[], 'allow' | 'step_up']>([
  ['a proof of the level', { level: 'medium' }, [ago('totp', 'medium', 0)], 'allow'],
  ['a proof of a higher level', { level: 'low' }, [ago('webauthn', 'high', 0)], 'allow'],
  ['only a lower one', { level: 'medium' }, [ago('email', 'low', 0)], 'step_up'],
  ['no proof at all, level none', { level: 'none' }, [], 'step_up'],
  ['max_age: exactly that old', { level: 'none', max_age: '15m' }, [ago('password', 'none', 15 * MINUTE)], 'allow'],
  ['max_age: one millisecond older', { max_age: '15m' }, [ago('password', 'none', 15 * MINUTE + 1)], 'step_up'],
  [
    'level and age must be of one proof',
    { level: 'medium', max_age: '15m' },
    [ago('totp', 'medium', 20 * MINUTE), ago('password', 'none', 0)],
    'step_up',
  ],
  ['methods: one of them', { methods: ['webauthn', 'totp'] }, [ago('totp', 'medium', 0)], 'allow'],
  ['methods: none of them', { methods: ['webauthn'] }, [ago('totp', 'medium', 0)], 'step_up'],
  ['methods: a proof without a method', { methods: ['webauthn'] }, [ago(undefined, 'high', 0)], 'step_up'],
  [
    'methods and level must be of one proof',
    { level: 'high', methods: ['webauthn', 'mtls'] },
    [ago('mtls', 'low', 0), ago('oidc', 'high', 0)],
    'step_up',
  ],
  [
    'all_of: every one',
    { all_of: ['webauthn', 'approval'] },
    [ago('webauthn', 'high', 0), ago('approval', 'none', 0)],
    'allow',
  ],
  ['all_of: one is missing', { all_of: ['webauthn', 'approval'] }, [ago('webauthn', 'high', 0)], 'step_up'],
  [
    'all_of: one is too old',
    { all_of: ['totp', 'approval'], max_age: '1m' },
    [ago('totp', 'medium', 0), ago('approval', 'none', MINUTE + 1)],
    'step_up',
  ],
  ['a proof counts only while unexpired', { level: 'medium' }, [ago('totp', 'medium', HOUR - 1)], 'allow'],
  ['and not after', { level: 'medium' }, [ago('totp', 'medium', HOUR)], 'step_up'],
  ['a proof at no instant never counts', { level: 'none' }, [proof('password', 'none', Number.NaN)], 'step_up'],
])('%s', (_name, require, proofs, effect) => {
  expect(ask(require, proofs).effect).toBe(effect);
});

test('each rule is judged by itself; the unmet ones merge: highest level, shortest age, intersection, union', () => {
  const program = rulesProgram([
    { allow: 'all' },
    { step_up: 'met', require: { level: 'none', methods: ['password'] } },
    {
      step_up: 'one',
      require: { level: 'low', max_age: '1h', methods: ['totp', 'sms', 'webauthn'], all_of: ['totp'] },
    },
    {
      step_up: 'two',
      require: { level: 'medium', max_age: '15m', methods: ['webauthn', 'totp'], all_of: ['approval'] },
    },
    { step_up: 'three', require: { level: 'low' } },
  ]);
  const proofs = [proof('password', 'none', NOW)];
  expect(program.evaluate(situation({ 'identity.sub': 'ann' }, { proofs, now: NOW }))).toEqual({
    effect: 'step_up',
    rule: { policy: 'p', rule: 'one', file: 'p.yaml', line: 1 },
    reason: 'step_up_required',
    need: { level: 'medium', maxAgeMs: 15 * MINUTE, anyOf: ['totp', 'webauthn'], allOf: ['totp', 'approval'] },
  });
});

test('an empty intersection of methods denies: nobody could ever meet it', () => {
  const program = rulesProgram([
    { allow: 'all' },
    { step_up: 'one', require: { methods: ['totp'] } },
    { step_up: 'two', require: { methods: ['webauthn'] } },
  ]);
  expect(outcome(program.evaluate(situation({ 'identity.sub': 'ann' })))).toBe('deny/one/step_up_impossible');
  const proofs = [proof('totp', 'medium', NOW)];
  expect(outcome(program.evaluate(situation({ 'identity.sub': 'ann' }, { proofs, now: NOW })))).toBe(
    'step_up/two/step_up_required',
  );
});

test('a step-up that is only possible fires, unless it says skip', () => {
  const when = { 'geo.country': 'KP' };
  const rule = { step_up: 's', when, require: { level: 'high' } };
  const blind = situation({ 'identity.sub': 'ann', 'geo.country': unknown });
  expect(rulesProgram([{ allow: 'all' }, rule]).evaluate(blind).effect).toBe('step_up');
  expect(rulesProgram([{ allow: 'all' }, { ...rule, unknown: 'skip' }]).evaluate(blind).effect).toBe('allow');
});

test('a step-up may name its reason', () => {
  const program = rulesProgram([
    { allow: 'all' },
    { step_up: 's', reason: 'fresh_factor', require: { level: 'high' } },
  ]);
  expect(outcome(program.evaluate(situation({ 'identity.sub': 'ann' })))).toBe('step_up/s/fresh_factor');
});
