import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { identityOf, timesOf } from '../../src/identity/authenticators/claims.ts';
import { hasDuplicateName, parseToken } from '../../src/identity/authenticators/token.ts';
import { part } from '../support/issuer.ts';

const HEADER = { alg: 'ES256', kid: 'k' };
const CLAIMS = { iss: 'i', sub: 's' };
const token = (header: unknown = HEADER, payload: unknown = CLAIMS, signature = 'c2ln'): string =>
  `${part(header)}.${part(payload)}.${signature}`;

describe('a token is taken apart', () => {
  it('as it is', () => {
    const parsed = parseToken(token({ ...HEADER, typ: 'at+jwt', x5t: 'thumb' }));
    expect(parsed).toMatchObject({ alg: 'ES256', kid: 'k', issuer: 'i' });
    expect(typeof parsed === 'object' && parsed.claims.get('sub')).toBe('s');
  });

  it.each<[string, string]>([
    ['', 'not three parts'],
    ['a.b', 'not three parts'],
    ['a.b.c.d.e', 'not three parts'],
    [`${token()}.`, 'not three parts'],
    [`..`, 'header not base64url'],
    [token(HEADER, CLAIMS, ''), 'signature not base64url'],
    [token(HEADER, CLAIMS, 'c2ln='), 'signature not base64url'],
    [token(HEADER, CLAIMS, 'c2lo'.replace('o', 'p+')), 'signature not base64url'],
    // "QQ" and "QR" are the same byte: only one of them is how it is written
    [token(HEADER, CLAIMS, 'QR'), 'signature not base64url'],
    [token(HEADER, CLAIMS, 'A'), 'signature not base64url'],
    [token('[]'), 'header not an object'],
    [token('null'), 'header not an object'],
    [token('{'), 'header not JSON'],
    [token('\ufeff{"alg":"ES256"}'), 'header not JSON'],
    [`${Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]).toString('base64url')}.e30.QQ`, 'header not JSON'],
    [token({}), 'no alg'],
    [token({ alg: ['ES256'] }), 'no alg'],
    [token({ ...HEADER, typ: 'logout+jwt' }), 'another typ'],
    [token({ ...HEADER, typ: 1 }), 'another typ'],
    [token({ ...HEADER, cty: 'JWT' }), 'header has cty'],
    [token({ ...HEADER, kid: 1 }), 'bad kid'],
    [token({ ...HEADER, kid: '' }), 'bad kid'],
    [token({ ...HEADER, kid: 'k'.repeat(257) }), 'bad kid'],
    ...['crit', 'b64', 'jku', 'x5u', 'jwk', 'x5c', 'zip', 'enc'].map((name): [string, string] => [
      token({ ...HEADER, [name]: null }),
      `header has ${name}`,
    ]),
    [token('{"alg":"none","alg":"ES256"}'), 'header with a name twice'],
    [token('{"alg":"ES256","\\u0061lg":"none"}'), 'header with a name twice'],
    [token(HEADER, [CLAIMS]), 'payload not an object'],
    [token(HEADER, '"text"'), 'payload not an object'],
    [token(HEADER, '{"iss":"i","iss":"j"}'), 'payload with a name twice'],
    [token(HEADER, '{"iss":"i","x":{"y":[{"z":1,"z":2}]}}'), 'payload with a name twice'],
    [token(HEADER, '{"iss":"i","exp":1e400}'), 'payload with a number out of range'],
    [token(HEADER, '{"iss":"i","x":[[-1e999]]}'), 'payload with a number out of range'],
    [token(HEADER, {}), 'no iss'],
    [token(HEADER, { iss: ['i'] }), 'no iss'],
    [token(HEADER, { ...CLAIMS, pad: 'x'.repeat(8192) }), 'longer than 8 KiB'],
  ])('or refused: %.60s %s', (text, problem) => {
    expect(parseToken(text)).toBe(problem);
  });

  it('without a prototype behind its names', () => {
    const parsed = parseToken(token(HEADER, '{"iss":"i","__proto__":{"sub":"root"},"constructor":1}'));
    expect(typeof parsed === 'object' && parsed.claims.get('sub')).toBe(undefined);
  });

  it('never throws, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(fc.string()).map((parts) => parts.map(part).join('.')),
        ),
        (text) => {
          parseToken(text);
        },
      ),
    );
  });

  it('deeply nested, within its length', () => {
    const deep = `{"iss":"i","x":${'['.repeat(2900)}${']'.repeat(2900)}}`;
    expect(parseToken(token({ alg: 'E' }, deep))).toMatchObject({ issuer: 'i' });
  });
});

describe('a name twice', () => {
  it.each<[string, boolean]>([
    ['{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}', false],
    ['{"a":"a","b":"a"}', false],
    ['{"a":"{\\"a\\":1,\\"a\\":2}"}', false],
    ['["a","a"]', false],
    ['{"a":["a","a"],"b":1}', false],
    ['{"a":1,"a":1}', true],
    ['{"a":{"b":1}, "c":2, "a":1}', true],
    ['[[{"x":{},"x":[]}]]', true],
    ['{"\\u0061":1,"a":2}', true],
    ['{"":1,"":2}', true],
  ])('%s: %s', (text, twice) => {
    expect(hasDuplicateName(text)).toBe(twice);
  });

  it('never in what a serialiser wrote, always once a member is repeated', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), (object, name) => {
        const text = JSON.stringify({ ...object, [`n${name}`]: 1 });
        expect(hasDuplicateName(text)).toBe(false);
        expect(hasDuplicateName(`${text.slice(0, -1)},${JSON.stringify(`n${name}`)}:2}`)).toBe(true);
      }),
    );
  });
});

const claims = (value: object): ReadonlyMap<string, unknown> => new Map(Object.entries(value));

describe('the times of a token', () => {
  it.each<[object, ReturnType<typeof timesOf>]>([
    [
      { iat: 1, exp: 2 },
      { issuedAt: 1, expiresAt: 2 },
    ],
    [
      { iat: 1.5, exp: 2.5, nbf: 1 },
      { issuedAt: 1.5, expiresAt: 2.5 },
    ],
    [{ iat: 1 }, 'bad exp'],
    [{ exp: 2 }, 'bad iat'],
    [{ iat: 1, exp: '2' }, 'bad exp'],
    [{ iat: 1, exp: -2 }, 'bad exp'],
    [{ iat: 1, exp: null }, 'bad exp'],
    [{ iat: 1, exp: [9] }, 'bad exp'],
    [{ iat: 1, exp: 1e15 }, 'bad exp'],
    [{ iat: 1, exp: Number.NaN }, 'bad exp'],
    [{ iat: '1', exp: 2 }, 'bad iat'],
    [{ iat: 1, exp: 2, nbf: null }, 'bad nbf'],
    [{ iat: 1, exp: 2, nbf: '0' }, 'bad nbf'],
    [{ iat: 2, exp: 2 }, 'exp not after iat'],
    [{ iat: 3, exp: 2 }, 'exp not after iat'],
  ])('%j', (given, times) => {
    expect(timesOf(claims(given))).toEqual(times);
  });
});

describe('who a token is about', () => {
  const NAMES = { groups: 'groups', roles: 'realm_access.roles' };
  const who = (value: object, names = NAMES) => identityOf(claims({ sub: 's', ...value }), 'p', names);

  it('is copied claim by claim', () => {
    const given = {
      jti: 'j',
      aud: 'api',
      email: 'a@b.c',
      email_verified: true,
      name: 'Ann',
      groups: ['g', 'h'],
      realm_access: { roles: ['r'] },
      acr: 'gold',
      department: 'x',
      level: 3,
      admin: false,
      tags: ['t'],
      mixed: [1],
      address: { city: 'B' },
      nothing: null,
      __proto__: { evil: 1 },
    };
    const found = who(given);
    expect(found).toMatchObject({
      jti: 'j',
      subject: {
        user: 'p:s',
        provider: 'p',
        sub: 's',
        kind: 'person',
        email: 'a@b.c',
        emailVerified: true,
        name: 'Ann',
        groups: ['g', 'h'],
        roles: ['r'],
        acr: 'gold',
      },
    });
    expect(typeof found === 'object' && [...found.subject.claims.keys()].sort()).toEqual([
      'acr',
      'admin',
      'department',
      'email',
      'email_verified',
      'groups',
      'level',
      'name',
      'tags',
    ]);
  });

  it.each<[string, object, object]>([
    ['nothing but a name', {}, { groups: [], roles: [], email: undefined, kind: 'person' }],
    ['one group as text', { groups: 'g' }, { groups: ['g'] }],
    ['nulls are nothing', { groups: null, email: null, name: null }, { groups: [], email: undefined }],
    ['a program by client_id', { client_id: 's' }, { kind: 'service' }],
    ['a program by azp', { azp: 's' }, { kind: 'service' }],
    ['a person at a program', { client_id: 'web' }, { kind: 'person' }],
    ['a person whose name is a program’s', { client_id: 's', email: 'a@b.c' }, { kind: 'person' }],
    [
      'a claim whose name has dots',
      { 'realm_access.roles': ['dotted'], realm_access: { roles: ['r'] } },
      { roles: ['dotted'] },
    ],
    ['a path that leads nowhere', { realm_access: ['roles'] }, { roles: [] }],
  ])('%s', (_name, given, expected) => {
    expect(who(given)).toMatchObject({ subject: expected });
  });

  it.each<[string, object]>([
    ['bad sub', { sub: '' }],
    ['bad sub', { sub: 7 }],
    ['bad sub', { sub: undefined }],
    ['bad sub', { sub: 'a\nb' }],
    ['bad sub', { sub: 'a\u0085b' }],
    ['bad sub', { sub: 'a\ud800' }],
    ['bad sub', { sub: 'a'.repeat(257) }],
    ['bad jti', { jti: 1 }],
    ['bad jti', { jti: '' }],
    ['bad email', { email: ['a'] }],
    ['bad email_verified', { email_verified: 'true' }],
    ['bad client_id', { client_id: { s: 1 } }],
    ['bad groups', { groups: ['a', 1] }],
    ['bad groups', { groups: { a: 1 } }],
    ['bad groups', { groups: 0 }],
    ['bad realm_access.roles', { realm_access: { roles: 1 } }],
  ])('%s: %j', (problem, given) => {
    expect(who(given)).toBe(problem);
  });
});
