import { generateKeyPairSync } from 'node:crypto';
import { decodeProtectedHeader, exportJWK, importJWK, jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { type AssertionClaims, type AssertionKey, signAssertion } from '../../src/identity/assertion.ts';

const NOW = 1_700_000_000_999;
const claims: AssertionClaims = {
  issuer: 'https://auth.example.com',
  audience: 'wiki',
  sub: 'ann',
  provider: 'staff',
  email: 'ann@example.com',
  groups: ['finance', 'Müller & Söhne, "Köln"', '\ud83d\ude80'],
  level: 'medium',
  methods: ['password', 'totp'],
  sid: 'ses_abc',
};

describe.each(['ES256', 'EdDSA'] as const)('%s', (alg) => {
  const { privateKey, publicKey } =
    alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519');
  const key: AssertionKey = { kid: 'k1', alg, privateKey };
  const verify = async (token: string, over: { audience?: string; currentDate?: Date } = {}) =>
    jwtVerify(token, await importJWK(await exportJWK(publicKey), alg), {
      algorithms: [alg],
      issuer: 'https://auth.example.com',
      audience: 'wiki',
      requiredClaims: ['exp', 'sub', 'iat'],
      maxTokenAge: 60,
      currentDate: new Date(NOW),
      ...over,
    });

  test('an application verifies it with the public key', async () => {
    const token = signAssertion(key, claims, NOW);
    const { payload, protectedHeader } = await verify(token);
    expect(protectedHeader).toEqual({ alg, kid: 'k1', typ: 'JWT' });
    expect(payload).toEqual({
      iss: 'https://auth.example.com',
      aud: 'wiki',
      sub: 'ann',
      provider: 'staff',
      email: 'ann@example.com',
      groups: claims.groups,
      acr: 'urn:sallyport:acr:medium',
      amr: ['password', 'totp'],
      sid: 'ses_abc',
      iat: 1_700_000_000,
      exp: 1_700_000_060,
    });
  });
  test('is for one route and for a minute', async () => {
    const token = signAssertion(key, claims, NOW);
    await expect(verify(token, { audience: 'payroll' })).rejects.toThrow('aud');
    await expect(verify(token, { currentDate: new Date(NOW + 60_000) })).rejects.toThrow('exp');
  });
  test('a changed byte does not verify', async () => {
    const [head, body, signature] = signAssertion(key, claims, NOW).split('.') as [string, string, string];
    const forged = Buffer.from(body, 'base64url').toString('utf8').replace('"ann"', '"eve"');
    await expect(verify(`${head}.${Buffer.from(forged).toString('base64url')}.${signature}`)).rejects.toThrow();
  });
  test('what is not known is left out; a jti is carried', async () => {
    const token = signAssertion(key, { ...claims, email: undefined, sid: undefined, jti: 'j1' }, NOW);
    const { payload } = await verify(token);
    expect(payload).not.toHaveProperty('email');
    expect(payload).not.toHaveProperty('sid');
    expect(payload.jti).toBe('j1');
    expect(decodeProtectedHeader(token).kid).toBe('k1');
  });
});
