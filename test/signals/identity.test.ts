import { describe, expect, it } from 'vitest';
import type { Proof } from '../../src/core/decision.ts';
import { absent, type Reading, Repeated, unknown } from '../../src/core/signal.ts';
import { catalogue } from '../../src/signals/index.ts';
import { access, ann, HOUR, NOON, nobody, read, session, somebody } from './context.ts';

describe('identity of an account', () => {
  it.each<[string, Reading]>([
    ['identity.authenticated', true],
    ['identity.sub', 'ann'],
    ['identity.email', 'ann@example.com'],
    ['identity.email_verified', true],
    ['identity.provider', 'staff'],
    ['identity.acr', absent],
    ['identity.kind', 'person'],
    ['identity.claims.department', 'engineering'],
    ['identity.claims.level', '7'],
    ['identity.claims.contractor', 'false'],
    ['identity.claims.sites', new Repeated(['berlin', 'porto'])],
    ['identity.claims.site', 'berlin'],
    ['identity.claims.nothing', absent],
    ['identity.claims.missing', absent],
    ['identity.claims.__proto__', absent],
    ['identity.claims.constructor', absent],
  ])('%s', (name, expected) => {
    expect(read(name, somebody())).toEqual(expected);
  });

  it('hands lists through without copying them', () => {
    expect(read('identity.groups', somebody())).toBe(ann.groups);
    expect(read('identity.roles', somebody())).toBe(access.roles);
    expect(read('identity.permissions', somebody())).toBe(access.permissions);
  });

  it('what the account does not say is absent; false is a value', () => {
    const bare = somebody({}, { subject: { ...ann, email: undefined, emailVerified: undefined, acr: 'gold' } });
    expect(read('identity.email', bare)).toBe(absent);
    expect(read('identity.email_verified', bare)).toBe(absent);
    expect(read('identity.acr', bare)).toBe('gold');
    expect(read('identity.email_verified', somebody({}, { subject: { ...ann, emailVerified: false } }))).toBe(false);
  });

  it('roles that could not be determined are unknown, and never those of the account alone', () => {
    const context = somebody({}, { access: undefined });
    expect(read('identity.roles', context)).toBe(unknown);
    expect(read('identity.permissions', context)).toBe(unknown);
  });

  it('nobody: only `authenticated` is known', () => {
    expect(read('identity.authenticated', nobody())).toBe(false);
    expect(read('identity.groups', nobody())).toBe(unknown);
    expect(read('identity.roles', nobody())).toBe(unknown);
    expect(read('identity.permissions', nobody())).toBe(unknown);
    expect(read('identity.claims.department', nobody())).toBe(unknown);
  });
});

const proof = (method: Proof['method'], level: Proof['level'], ageMs: number): Proof => ({
  method,
  level,
  at: NOON - ageMs,
});

describe('assurance, amr and auth_age (policy-language 3)', () => {
  const password = proof('password', 'none', 2 * HOUR);
  it.each<{ of: string; proofs: Proof[]; assurance: string; amr: string[]; age: Reading }>([
    { of: 'no proof', proofs: [], assurance: 'none', amr: [], age: unknown },
    { of: 'one factor', proofs: [password], assurance: 'none', amr: ['password'], age: 2 * HOUR },
    {
      of: 'password and TOTP',
      proofs: [password, proof('totp', 'medium', 1000)],
      assurance: 'medium',
      amr: ['password', 'totp'],
      age: 1000,
    },
    {
      of: 'a proof that runs out in this very millisecond',
      proofs: [password, proof('totp', 'medium', HOUR)],
      assurance: 'none',
      amr: ['password'],
      age: 2 * HOUR,
    },
    {
      of: 'a proof in its last millisecond',
      proofs: [proof('totp', 'medium', HOUR - 1)],
      assurance: 'medium',
      amr: ['totp'],
      age: HOUR - 1,
    },
    {
      of: 'the youngest at the highest level, not the youngest of all',
      proofs: [proof('totp', 'medium', 900), proof('sms', 'medium', 500), proof('email', 'low', 10), password],
      assurance: 'medium',
      amr: ['password', 'totp', 'sms', 'email'],
      age: 500,
    },
    {
      of: 'a high proof that ran out above a low one',
      proofs: [proof('webauthn', 'high', HOUR / 4), proof('email', 'low', HOUR)],
      assurance: 'low',
      amr: ['email'],
      age: HOUR,
    },
    { of: 'only expired proofs', proofs: [proof('totp', 'medium', HOUR)], assurance: 'none', amr: [], age: unknown },
    { of: 'a proof without a method', proofs: [proof(undefined, 'high', 1)], assurance: 'high', amr: [], age: 1 },
    { of: 'a method twice', proofs: [password, password], assurance: 'none', amr: ['password'], age: 2 * HOUR },
    {
      of: 'another node’s clock ahead',
      proofs: [proof('totp', 'medium', -5)],
      assurance: 'medium',
      amr: ['totp'],
      age: 0,
    },
    { of: 'no instant', proofs: [proof('totp', 'medium', Number.NaN)], assurance: 'none', amr: [], age: unknown },
  ])('$of', ({ proofs, assurance, amr, age }) => {
    const context = somebody({}, { session: { ...session, proofs } });
    expect(read('identity.assurance', context)).toBe(assurance);
    expect(read('identity.amr', context)).toEqual(amr);
    expect(read('identity.auth_age', context)).toBe(age);
  });

  it('counts auth_age from its origin', () => {
    const origin = catalogue.attributes.get('identity.auth_age')?.origin;
    const proofs = [password, proof('totp', 'medium', 1000)];
    expect(origin?.(somebody({}, { session: { ...session, proofs } }))).toBe(NOON - 1000);
    expect(origin?.(somebody())).toBeNaN();
    expect(origin?.(nobody())).toBeNaN();
  });

  it('an instant that is no number proves nothing', () => {
    const context = somebody({ at: Number.NaN }, { session: { ...session, proofs: [proof('totp', 'medium', 1)] } });
    expect(read('identity.assurance', context)).toBe('none');
    expect(read('identity.auth_age', context)).toBe(unknown);
  });

  it('somebody without a session has proved nothing lasting', () => {
    const context = somebody({}, { session: undefined });
    expect(read('identity.assurance', context)).toBe('none');
    expect(read('identity.amr', context)).toEqual([]);
    expect(read('identity.auth_age', context)).toBe(unknown);
  });
});
