import { describe, expect, test } from 'vitest';
import type { Method, Need, Proof } from '../../src/core/decision.ts';
import { FIXED_LEVELS } from '../../src/core/decision.ts';
import { helpful, missing } from '../../src/portal/asking.ts';

const MINUTE = 60_000;
const now = 1_800_000_000_000;
const elevation = { none: 480 * MINUTE, low: 480 * MINUTE, medium: 60 * MINUTE, high: 15 * MINUTE };
type Fixed = keyof typeof FIXED_LEVELS;

const need = (over: Partial<Need>): Need => ({
  level: 'none',
  maxAgeMs: undefined,
  anyOf: undefined,
  allOf: [],
  ...over,
});
const proof = (method: Fixed, minutes: number): Proof => ({
  method,
  level: FIXED_LEVELS[method],
  at: now - minutes * MINUTE,
});
const able = (['totp', 'backup_code', 'password'] as const).map((method) => ({ method, level: FIXED_LEVELS[method] }));
const names = (list: readonly { readonly method: Method | undefined }[]) => list.map(({ method }) => method);
const FIVE = { maxAgeMs: 5 * MINUTE };

describe('what helps', () => {
  test.each<[string, Partial<Need>, Proof[], Method[]]>([
    ['a fresh proof of any kind', FIVE, [proof('password', 6)], ['totp', 'backup_code', 'password']],
    ['a level', { level: 'medium' }, [proof('password', 0)], ['totp', 'backup_code']],
    ['a level whose proof has run out', { level: 'medium' }, [proof('totp', 60)], ['totp', 'backup_code']],
    ['what only the password gives', { anyOf: ['password'], ...FIVE }, [proof('totp', 1)], ['password']],
    ['one of several', { anyOf: ['password', 'totp'], ...FIVE }, [], ['totp', 'password']],
    ['one of several at a level', { level: 'medium', anyOf: ['password', 'totp'] }, [], ['totp']],
    ['two proofs, none given', { allOf: ['password', 'totp'], ...FIVE }, [], ['totp', 'backup_code', 'password']],
    ['two proofs, one given', { allOf: ['password', 'totp'], ...FIVE }, [proof('totp', 1)], ['password']],
    ['two proofs, the other given', { allOf: ['password', 'totp'], ...FIVE }, [proof('password', 5)], ['totp']],
    [
      'two proofs, one too old',
      { allOf: ['password', 'totp'], ...FIVE },
      [proof('password', 6)],
      able.map((a) => a.method),
    ],
    ['what nobody here has', { level: 'high' }, [], []],
    ['a method that nobody here has', { anyOf: ['webauthn'] }, [proof('totp', 1)], []],
    // two rules: one wants the password, the other a second factor
    [
      'methods that never have the level, so one proof for each',
      { level: 'medium', anyOf: ['password'] },
      [],
      able.map((a) => a.method),
    ],
    [
      'the same after the password',
      { level: 'medium', anyOf: ['password'] },
      [proof('password', 1)],
      ['totp', 'backup_code'],
    ],
    ['the same after the code', { level: 'medium', anyOf: ['password'] }, [proof('totp', 1)], ['password']],
  ])('%s', (_, over, proofs, expected) => {
    const given = { proofs, now, elevation };
    expect(names(helpful(need(over), able, given))).toEqual(expected);
    expect(names(missing(need(over), able, given))).toEqual(expected);
  });

  test('with nothing missing: whatever serves, on a page that was opened again, and nothing to go on with', () => {
    const asked = need({ level: 'medium', ...FIVE });
    const given = { proofs: [proof('totp', 1)], now, elevation };
    expect(names(helpful(asked, able, given))).toEqual(['totp', 'backup_code']);
    expect(missing(asked, able, given)).toEqual([]);
  });
  test('a proof from the way in that a provider has counts by its own level', () => {
    const oidc = [{ method: 'oidc', level: 'medium' }] as const;
    const given = { proofs: [], now, elevation };
    expect(names(helpful(need({ level: 'medium' }), oidc, given))).toEqual(['oidc']);
    expect(helpful(need({ level: 'high' }), oidc, given)).toEqual([]);
    expect(helpful(need({ anyOf: ['password'] }), oidc, given)).toEqual([]);
  });
  test('what is no number proves nothing', () => {
    const given = { proofs: [{ ...proof('password', 0), at: Number.NaN }], now, elevation };
    expect(names(missing(need({ anyOf: ['password'] }), able, given))).toEqual(['password']);
  });
});
