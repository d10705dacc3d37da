import { isTokenId, timesOf } from './claims.ts';
import type { IssuerOptions } from './issuer.ts';
import { parseToken } from './token.ts';

/** Which token it is: what a block of it needs. */
export interface NamedToken {
  /** id of the provider that its issuer is */
  readonly provider: string;
  readonly jti: string;
  /** its `exp`, wall-clock ms */
  readonly expiresAt: number;
}

/**
 * Which token a text is, by its own word, or a sentence that says why it names none. Nothing is verified: a token whose
 * signature is not good is refused anyway, and whoever blocks it answers for where they have it from. Never throws.
 */
export function namedToken(
  text: string,
  issuers: readonly Pick<IssuerOptions, 'issuer' | 'provider'>[],
): NamedToken | string {
  const parsed = parseToken(text);
  if (typeof parsed === 'string') return `It is no token that could be accepted (${parsed}).`;
  const provider = issuers.find(({ issuer }) => issuer === parsed.issuer)?.provider;
  if (provider === undefined) return 'It is of an issuer that is not configured, so it is refused already.';
  const times = timesOf(parsed.claims);
  if (typeof times === 'string') return `It is no token that could be accepted (${times}).`;
  const jti = parsed.claims.get('jti');
  if (jti === undefined)
    return 'It has no jti, so that nothing tells it from others of its issuer: it cannot be blocked.';
  if (!isTokenId(jti)) return 'It is no token that could be accepted (bad jti).';
  return { provider, jti, expiresAt: times.expiresAt * 1000 };
}
