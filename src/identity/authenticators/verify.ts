import { errors, jwtVerify } from 'jose';
import { identityOf, timesOf } from './claims.ts';
import type { Issuer } from './issuer.ts';
import type { Algorithm } from './key-set.ts';
import { proofOf } from './proof.ts';
import type { ParsedToken } from './token.ts';
import type { VerifiedToken } from './token-entry.ts';

/**
 * Verifies a token that was taken apart: its claims are looked at before any signature is, since that costs a stranger
 * nothing and us a lot. A sentence says what is wrong; `unavailable`: the issuer's keys cannot be had (security rule 16).
 * `now` is wall-clock ms.
 */
export async function verifyToken(
  { options, keys }: Issuer,
  token: string,
  parsed: ParsedToken,
  now: number,
): Promise<VerifiedToken | string> {
  const alg = options.algorithms.find((allowed) => allowed === parsed.alg);
  if (alg === undefined) return 'an algorithm that is not allowed';
  const times = timesOf(parsed.claims);
  if (typeof times === 'string') return times;
  const names = { groups: options.groupsClaim, roles: options.rolesClaim };
  const identity = identityOf(parsed.claims, options.provider, names);
  if (typeof identity === 'string') return identity;
  const issuedAt = times.issuedAt * 1000;
  const expiresAt = Math.min(times.expiresAt * 1000, issuedAt + options.maxAgeMs) + options.leewayMs;
  if (!(now < expiresAt)) return 'expired';
  const answer = await keys.find(parsed.kid, alg);
  if (typeof answer === 'string') return answer === 'none' ? 'no such key' : answer;
  const keysVersion = keys.version();
  const problem = await problemWith(token, answer.crypto, alg, options, now);
  if (problem !== undefined) return problem;
  const proof = proofOf(parsed.claims, options.acrLevels, { issuedAt, latest: now + options.leewayMs });
  return { ...identity, proof, issuedAt, expiresAt, keyId: answer.key.id, keysVersion };
}

async function problemWith(
  token: string,
  key: Parameters<typeof jwtVerify>[1],
  alg: Algorithm,
  { issuer, audience, maxAgeMs, leewayMs }: Issuer['options'],
  now: number,
): Promise<string | undefined> {
  try {
    await jwtVerify(token, key, {
      algorithms: [alg],
      issuer,
      audience: [...audience],
      requiredClaims: ['exp', 'sub', 'iat'],
      maxTokenAge: Math.ceil(maxAgeMs / 1000),
      clockTolerance: leewayMs / 1000,
      currentDate: new Date(now),
    });
    return undefined;
  } catch (error) {
    if (error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired) {
      return `claim ${error.claim} does not hold`;
    }
    if (error instanceof errors.JOSEError) return error.code;
    // a TypeError is how the library refuses a key that does not fit; whatever else it is, the token was not verified
    return error instanceof Error ? error.name : 'not verified';
  }
}
