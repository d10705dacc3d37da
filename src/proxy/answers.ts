import { sessionCookieName, setCookie } from '../core/cookies.ts';
import type { CredentialRefusal } from '../core/credential.ts';
import type { Decision } from '../core/decision.ts';
import { errorRow } from '../core/errors.ts';
import type { HeaderFacts } from '../core/facts.ts';
import type { Answer } from '../core/handler.ts';
import type { GatewayReason, ReasonCode } from '../core/reasons.ts';
import { isNavigation, languageOf, wantsHtml } from '../pages/negotiate.ts';
import { STEP_UP_DONE, signInUrl, stepUpUrl } from '../pages/paths.ts';
import { type RefusalView, renderRefusal } from '../pages/refusal.ts';
import type { Exchange } from '../wire/exchange.ts';
import type { Transit } from './transit.ts';

/** Sends an answer that the gateway made itself: it carries the request's id and says that nothing was forwarded. */
export function sendAnswer(exchange: Exchange, answer: Answer, id: string, close: boolean): void {
  const headers = answer.headers.flat();
  headers.push('X-Request-Id', id, 'X-Sallyport', 'intercepted');
  exchange.respond(answer.status, headers, answer.body, close);
}

/** Headers that every gateway answer carries, for the lane's own raw answers. */
export const ownHeaders = (id: string): readonly (readonly [string, string])[] => [
  ['X-Request-Id', id],
  ['X-Sallyport', 'intercepted'],
];

/**
 * Refuses a request for a reason, as a page or as problem details, and notes the reason for the record.
 *
 * @param shown the headers to choose by; those of a request that could not be read to its end
 */
export function refuse(
  transit: Transit,
  reason: ReasonCode,
  more: Partial<RefusalView> = {},
  shown: HeaderFacts | undefined = transit.facts,
): void {
  const { exchange, id } = transit;
  const answer = renderRefusal({
    ...more,
    reason,
    id,
    html: shown !== undefined && wantsHtml(shown),
    language: shown && languageOf(shown),
    extraHeaders: [...(more.extraHeaders ?? []), ...clearedCookie(transit)],
  });
  transit.reason = reason;
  transit.status = answer.status;
  sendAnswer(exchange, answer, id, errorRow(reason).close === true);
}

/**
 * Nobody is signed in, and signing in may help: a browser's navigation goes to the sign-in page and comes back; everybody
 * else is told where to sign in and is never redirected.
 */
export function askToSignIn(transit: Transit, reason: ReasonCode): void {
  const { facts, exchange, id } = transit;
  const loginUrl = signInUrl(facts.path + facts.query, longestAddress(transit));
  if (!isNavigation(facts)) {
    refuse(transit, reason, { loginUrl });
    return;
  }
  transit.reason = reason;
  transit.status = 302;
  const headers: (readonly [string, string])[] = [
    ['Location', loginUrl],
    ['Cache-Control', 'no-store'],
    ...clearedCookie(transit),
  ];
  sendAnswer(exchange, { status: 302, headers, body: '' }, id, false);
}

/**
 * A stronger or fresher proof is needed: a browser's navigation goes to the page for it and comes back. Everybody else gets the
 * challenge of RFC 9470 and is never redirected; a form that a browser sent is told so on a page, from which it can be
 * sent again.
 */
export function askToStepUp(
  transit: Transit,
  { need, reason, rule }: Extract<Decision, { effect: 'step_up' }>,
  explain: boolean,
): void {
  const { facts, exchange, id } = transit;
  if (!isNavigation(facts)) {
    const more = { stepUpNeed: need, stepUpUrl: stepUpUrl(STEP_UP_DONE, need) };
    refuse(transit, reason, { ...more, traceRule: explain ? rule : undefined });
    return;
  }
  transit.reason = reason;
  transit.status = 302;
  const location = stepUpUrl(facts.path + facts.query, need, longestAddress(transit));
  const headers = [
    ['Location', location],
    ['Cache-Control', 'no-store'],
  ] as const;
  sendAnswer(exchange, { status: 302, headers, body: '' }, id, false);
}

/** What a browser adds to its headers when it sends the form of the page that it was sent to: Origin, the login cookie, … */
const FORM_HEADERS_BYTES = 1024;

/**
 * Longest address on this host that the client can be sent to, characters. It is the target of the next request, and with the
 * form that follows a header (Referer): both must pass the limits beside the headers that the client sends every time.
 */
function longestAddress({ plane, exchange }: Transit): number {
  const { maxTargetBytes, maxHeadBytes } = plane.canonical;
  const headers = exchange.head.rawHeaders.reduce((sum, text) => sum + text.length + 2, 0);
  return Math.min(maxTargetBytes, maxHeadBytes - headers - FORM_HEADERS_BYTES);
}

/**
 * A browser's dead cookie is taken away, so that it is not presented for ever. Not one that was replaced: this request was on its
 * way when the browser got the newer one, which has the same name. Nor one that is blocked: it goes on when the block is lifted. Nor one that came along with a refused token: it was
 * not even looked at.
 */
export function clearedCookie({
  presented,
  refusedCredential,
  facts,
}: Transit): readonly (readonly [string, string])[] {
  if (presented !== 'cookie' || refusedCredential === undefined || KEPT.has(refusedCredential)) return [];
  if (typeof facts.sessionCookie !== 'string') return [];
  const secure = facts.scheme === 'https';
  return [['Set-Cookie', setCookie(sessionCookieName(secure), '', secure, 0)]];
}

const KEPT: ReadonlySet<CredentialRefusal['state']> = new Set(['replaced', 'blocked']);

/** Whether signing in, which is what a browser's navigation is sent to, does not help: with a token, or when somebody is blocked. */
export const isFinal = ({ presented, refusedCredential }: Transit): boolean =>
  presented === 'bearer' || refusedCredential === 'blocked';

/** The reason that a refused credential gives. Of a token the client can do nothing but get another one, whatever it was. */
export function refusalReason(
  state: CredentialRefusal['state'],
  presented: 'cookie' | 'bearer' | undefined,
): GatewayReason {
  if (state === 'unverifiable') return 'issuer_unavailable';
  if (state === 'blocked') return 'blocked';
  return presented === 'bearer' ? 'invalid_token' : COOKIE_REASONS[state];
}

const COOKIE_REASONS = {
  unknown: 'invalid_token',
  replaced: 'invalid_token',
  ended: 'session_revoked',
  expired: 'session_expired',
} as const;
