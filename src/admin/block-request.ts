import { isTokenId } from '../identity/authenticators/claims.ts';
import type { IssuerOptions } from '../identity/authenticators/issuer.ts';
import { type NamedToken, namedToken } from '../identity/authenticators/named-token.ts';
import { type BlockSubject, LATEST_INSTANT, MAX_LEEWAY_MS } from '../limits/blocks.ts';

/** What somebody wants to be blocked, as the API and the command line take it. */
export interface BlockRequest {
  readonly kind: BlockSubject['kind'];
  readonly provider?: string | undefined;
  readonly jti?: string | undefined;
  /** the token itself, instead of both */
  readonly token?: string | undefined;
  /** an instant (RFC 3339) */
  readonly until?: string | undefined;
  /** ms from now on, instead of `until` */
  readonly for?: number | undefined;
}

/** `field` is the one to mend; the detail is a sentence. */
interface Refused {
  readonly ok: false;
  readonly field: keyof BlockRequest;
  readonly detail: string;
}
/** `until` is wall-clock ms. */
export type BlockReading = { readonly ok: true; readonly subject: BlockSubject; readonly until: number } | Refused;

type Issuers = readonly Pick<IssuerOptions, 'provider' | 'issuer' | 'maxAgeMs' | 'leewayMs'>[];

/**
 * Which token is meant and until when, `now` in wall-clock ms. Unless it is said, until the token is over: by its `exp` where the
 * token itself is there, else by the longest that its provider accepts any (`max_age`).
 */
export function readBlock(request: BlockRequest, issuers: Issuers, now: number): BlockReading {
  const named = request.token === undefined ? byName(request, issuers, now) : byToken(request, issuers);
  if ('ok' in named) return named;
  const until = endOf(request, now) ?? named.expiresAt;
  if (typeof until === 'string') return refused(request.for === undefined ? 'until' : 'for', until);
  if (request.token !== undefined && request.until === undefined && !(until + MAX_LEEWAY_MS > now))
    return refused('token', 'It is over already, so it is refused.');
  const { provider, jti } = named;
  return { ok: true, subject: { kind: 'token', provider, jti }, until: Math.min(until, LATEST_INSTANT) };
}

const refused = (field: keyof BlockRequest, detail: string): Refused => ({ ok: false, field, detail });

function byToken(request: BlockRequest, issuers: Issuers): NamedToken | Refused {
  const { provider, jti, token = '' } = request;
  if (provider !== undefined || jti !== undefined)
    return refused('token', 'Say either the token, or its provider and jti.');
  const named = namedToken(token, issuers);
  return typeof named === 'string' ? refused('token', named) : named;
}

function byName({ provider, jti }: BlockRequest, issuers: Issuers, now: number): NamedToken | Refused {
  if (provider === undefined) return refused('provider', 'Say the provider and jti of the token, or the token itself.');
  const issuer = issuers.find((each) => each.provider === provider);
  if (issuer === undefined) {
    const known = issuers.map((each) => each.provider).join(', ');
    return refused(
      'provider',
      `No provider of type jwt is called so; ${known === '' ? 'there is none' : `there is ${known}`}.`,
    );
  }
  if (jti === undefined) return refused('jti', 'Say the jti of the token.');
  if (!isTokenId(jti)) return refused('jti', 'No token that could be accepted has such a jti.');
  return { provider, jti, expiresAt: now + issuer.maxAgeMs + issuer.leewayMs };
}

/** What `until` may look like. */
export const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/;
const NO_INSTANT = 'It is no instant such as 2026-01-31T12:00:00Z.';

/** The end that was asked for; undefined: none was. A sentence says what is wrong with it. */
function endOf({ until: text, for: duration }: BlockRequest, now: number): number | string | undefined {
  if (text !== undefined && duration !== undefined) return 'Say either until when or for how long.';
  if (text === undefined && duration === undefined) return undefined;
  if (text !== undefined && !INSTANT.test(text)) return NO_INSTANT;
  const until = text === undefined ? now + (duration as number) : Date.parse(text);
  if (Number.isNaN(until)) return NO_INSTANT;
  return until > now ? until : 'That is in the past.';
}
