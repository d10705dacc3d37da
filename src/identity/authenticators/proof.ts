import { type Level, METHODS, type Method, type Proof } from '../../core/decision.ts';
import { isSeconds } from './claims.ts';

/** What a provider's `acr` is worth, by configuration. A plain object: options are compared as JSON when they are reloaded. */
export type AcrLevels = Readonly<Record<string, Level>>;

/** The instants that a proof is judged by, wall-clock ms. */
export interface ProofTimes {
  /** `iat` of the token */
  readonly issuedAt: number;
  /** latest `auth_time` that is no mistake: now and the leeway */
  readonly latest: number;
}

/**
 * What a verified token proves of how its user signed in. An issuer's `acr` counts only as far as its own configuration maps it
 * (policy-language 3), our `urn:sallyport:acr:` included: anybody could write those. Mapped, it has that level since `auth_time`
 * (RFC 9068 2.2.1, OpenID Connect Core 2), or since the token was issued where the issuer does not tell. Anything else, an
 * `auth_time` that is no instant or lies ahead included, proves no method and level `none`. Never throws.
 */
export function proofOf(claims: ReadonlyMap<string, unknown>, levels: AcrLevels, times: ProofTimes): Proof {
  const level = levelOf(claims.get('acr'), levels);
  const at = level === undefined ? undefined : provedAt(claims.get('auth_time'), times);
  if (level === undefined || at === undefined) {
    return Object.freeze({ method: undefined, level: 'none', at: times.issuedAt });
  }
  return Object.freeze({ method: methodOf(claims.get('amr')), level, at });
}

// own keys alone: `constructor` is an acr that somebody may send
const levelOf = (acr: unknown, levels: AcrLevels): Level | undefined =>
  typeof acr === 'string' && Object.hasOwn(levels, acr) ? levels[acr] : undefined;

function provedAt(authTime: unknown, { issuedAt, latest }: ProofTimes): number | undefined {
  // `null` is how some issuers write that there is none
  if (authTime === undefined || authTime === null) return issuedAt;
  if (!isSeconds(authTime)) return undefined;
  const at = authTime * 1000;
  return at <= latest ? at : undefined;
}

/** Words of ours that say what only the gateway itself can have seen; from an issuer they mean nothing. */
const OURS_ALONE: readonly Method[] = ['mtls', 'oidc', 'approval'];
const FROM_ISSUERS: ReadonlySet<unknown> = new Set(METHODS.filter((method) => !OURS_ALONE.includes(method)));

/**
 * The one word of `amr` (RFC 8176) that is a method of ours. Of several none: a proof has one method, and which of them reached
 * the level is not told.
 */
function methodOf(amr: unknown): Method | undefined {
  if (!Array.isArray(amr)) return undefined;
  const [method, ...more] = new Set(amr.filter((word): word is Method => FROM_ISSUERS.has(word)));
  return more.length === 0 ? method : undefined;
}
