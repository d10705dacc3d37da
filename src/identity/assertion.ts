import { type KeyObject, sign } from 'node:crypto';
import type { Level, Method } from '../core/decision.ts';

/** A key that signs; the key ring hands it over. */
export interface AssertionKey {
  readonly kid: string;
  readonly alg: 'ES256' | 'EdDSA';
  readonly privateKey: KeyObject;
}

/** What the application may rely on (interfaces, "To the upstream"). Undefined members are left out. */
export interface AssertionClaims {
  readonly issuer: string;
  /** the route */
  readonly audience: string;
  readonly sub: string;
  readonly provider: string;
  readonly email: string | undefined;
  readonly groups: readonly string[];
  readonly level: Level;
  /** methods of the proofs that count, without repetition */
  readonly methods: readonly Method[];
  readonly sid: string | undefined;
  readonly jti?: string | undefined;
}

/** Life of an assertion, ms; re-signed at half of it. */
export const ASSERTION_LIFE_MS = 60_000;

/** How assurance levels are named in `acr`, in challenges and in assertions. */
export const acrOf = (level: Level): string => `urn:sallyport:acr:${level}`;

/**
 * A signed JWT in compact form (RFC 7519, 7515). Synchronous, because it runs on the request path; the caller caches it per
 * session and route. `nowMs` is wall-clock ms.
 * @throws when the key does not fit its algorithm
 */
export function signAssertion(key: AssertionKey, claims: AssertionClaims, nowMs: number): string {
  const iat = Math.floor(nowMs / 1000);
  const payload = {
    iss: claims.issuer,
    aud: claims.audience,
    sub: claims.sub,
    provider: claims.provider,
    email: claims.email,
    groups: claims.groups,
    acr: acrOf(claims.level),
    amr: claims.methods,
    sid: claims.sid,
    jti: claims.jti,
    iat,
    exp: iat + ASSERTION_LIFE_MS / 1000,
  };
  const input = `${segment({ alg: key.alg, kid: key.kid, typ: 'JWT' })}.${segment(payload)}`;
  return `${input}.${signatureOf(key, input)}`;
}

function signatureOf(key: AssertionKey, input: string): string {
  const bytes = Buffer.from(input, 'ascii');
  // JWS wants the two numbers of an ECDSA signature side by side, not in DER (RFC 7518, 3.4)
  const signature =
    key.alg === 'EdDSA'
      ? sign(null, bytes, key.privateKey)
      : sign('sha256', bytes, { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
  return signature.toString('base64url');
}

const segment = (value: object): string => Buffer.from(JSON.stringify(value), 'utf8').toString('base64url');
