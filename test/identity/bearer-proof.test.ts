import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LEVELS, type Proof } from '../../src/core/decision.ts';
import { type AcrLevels, proofOf } from '../../src/identity/authenticators/proof.ts';

const MFA = 'urn:example:mfa';
const NOW = 1_800_000_000;
const LEVELS_OF: AcrLevels = { [MFA]: 'medium', hardware: 'high', password: 'none', 'urn:sallyport:acr:low': 'low' };
const TIMES = { issuedAt: (NOW - 60) * 1000, latest: (NOW + 10) * 1000 };
const NOTHING: Proof = { method: undefined, level: 'none', at: TIMES.issuedAt };

const proved = (claims: object, levels = LEVELS_OF): Proof => proofOf(new Map(Object.entries(claims)), levels, TIMES);
const at = (seconds: number, level: Proof['level'] = 'medium', method?: Proof['method']): Proof => ({
  method,
  level,
  at: seconds * 1000,
});

describe('a token whose acr is mapped', () => {
  it.each<[string, object, Proof]>([
    ['since auth_time', { acr: MFA, auth_time: NOW - 900 }, at(NOW - 900)],
    ['to the fraction of a second', { acr: MFA, auth_time: NOW - 0.5 }, at(NOW - 0.5)],
    ['since it was issued, where the issuer does not say', { acr: MFA }, at(NOW - 60)],
    ['since it was issued, where the issuer says null', { acr: MFA, auth_time: null }, at(NOW - 60)],
    ['as far ahead as clocks may be apart', { acr: MFA, auth_time: NOW + 10 }, at(NOW + 10)],
    ['high', { acr: 'hardware', auth_time: NOW - 1 }, at(NOW - 1, 'high')],
    ['none, which says only when', { acr: 'password', auth_time: NOW - 1 }, at(NOW - 1, 'none')],
    ['a name of ours that is mapped', { acr: 'urn:sallyport:acr:low', auth_time: NOW }, at(NOW, 'low')],
  ])('proves it %s', (_name, claims, proof) => {
    expect(proved(claims)).toEqual(proof);
  });

  it.each<[unknown, Proof['method']]>([
    [['totp'], 'totp'],
    [['totp', 'totp', 'mfa', 'pwd'], 'totp'],
    [['webauthn'], 'webauthn'],
    [['password', 'totp'], undefined],
    [['otp', 'pwd', 'mfa'], undefined],
    [[], undefined],
    ['totp', undefined],
    [{ 0: 'totp' }, undefined],
    [[['totp']], undefined],
    [[7, null], undefined],
    [['TOTP', ' totp'], undefined],
    // what only the gateway itself can have seen
    [['mtls'], undefined],
    [['oidc', 'approval'], undefined],
    [undefined, undefined],
  ])('amr %j gives the method %s', (amr, method) => {
    expect(proved({ acr: MFA, auth_time: NOW, amr })).toEqual(at(NOW, 'medium', method));
  });
});

describe('no level and no method', () => {
  it.each<[string, object]>([
    ['no acr', { auth_time: NOW, amr: ['totp'] }],
    ['an acr that is not mapped', { acr: 'gold', auth_time: NOW, amr: ['webauthn'] }],
    ['one that only looks like one', { acr: `${MFA} `, auth_time: NOW }],
    ['another case', { acr: MFA.toUpperCase(), auth_time: NOW }],
    ['ours, not mapped', { acr: 'urn:sallyport:acr:high', auth_time: NOW }],
    ['the level itself', { acr: 'high', auth_time: NOW }],
    ['a name of every object', { acr: 'constructor', auth_time: NOW }],
    ['another name of every object', { acr: '__proto__', auth_time: NOW }],
    ['a list', { acr: [MFA], auth_time: NOW }],
    ['a number', { acr: 1, auth_time: NOW }],
    ['null', { acr: null, auth_time: NOW }],
    ['auth_time beyond the leeway', { acr: MFA, auth_time: NOW + 10.001 }],
    ['auth_time in ms', { acr: MFA, auth_time: NOW * 1000 }],
    ['auth_time NaN', { acr: MFA, auth_time: Number.NaN }],
    ['auth_time without end', { acr: MFA, auth_time: Number.POSITIVE_INFINITY }],
    ['auth_time before time', { acr: MFA, auth_time: -1 }],
    ['auth_time as text', { acr: MFA, auth_time: String(NOW) }],
    ['auth_time in a list', { acr: MFA, auth_time: [NOW] }],
    ['auth_time true', { acr: MFA, auth_time: true }],
  ])('%s', (_name, claims) => {
    expect(proved(claims)).toEqual(NOTHING);
  });

  it('whatever the token says, where nothing is mapped', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('acr', 'amr', 'auth_time', 'x'), fc.jsonValue()), (claims) => {
        expect(proved(claims, {})).toEqual(NOTHING);
      }),
    );
  });

  it('unless acr is one of those that are mapped, word for word', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.constantFrom(...LEVELS)), fc.string(), (levels, acr) => {
        const { level } = proved({ acr, auth_time: NOW }, levels);
        expect(level).toBe(Object.hasOwn(levels, acr) ? levels[acr] : 'none');
      }),
    );
  });
});
