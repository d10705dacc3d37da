import type { Need } from '../core/decision.ts';

/**
 * The value of WWW-Authenticate for a 401 of ours: what the caller has to bring. Nothing presented: the bare scheme (RFC
 * 6750 section 3, no error code then). Presented and not valid: `invalid_token`. Too weak or too old: RFC 9470 section 3.
 * A need without a level names none: `none` is what every session has.
 */
export function challenge(reason: string, need: Need | undefined): string {
  if (need !== undefined) return stepUpChallenge(need);
  if (reason === 'step_up_required') return 'Bearer error="insufficient_user_authentication"';
  return PRESENTED.has(reason) ? 'Bearer error="invalid_token"' : 'Bearer';
}

function stepUpChallenge(need: Need): string {
  let text = 'Bearer error="insufficient_user_authentication"';
  if (need.level !== 'none') text += `, acr_values="${acrOf(need.level)}"`;
  // rounded down: a client that honours it must not come back with a proof that is a moment too old
  if (need.maxAgeMs !== undefined) text += `, max_age=${Math.max(0, Math.floor(need.maxAgeMs / 1000))}`;
  return text;
}

const acrOf = (level: string): string => `urn:sallyport:acr:${level}`;
const PRESENTED: ReadonlySet<string> = new Set(['invalid_token', 'session_expired', 'session_revoked']);
