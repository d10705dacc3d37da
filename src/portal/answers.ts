import { sessionCookieName, setCookie } from '../core/cookies.ts';
import { deviceId } from '../core/device.ts';
import type { AuditEvent } from '../core/event.ts';
import type { Answer, Handler, HandlerRequest } from '../core/handler.ts';
import type { ReasonCode } from '../core/reasons.ts';
import { StoreUnavailable } from '../core/store.ts';
import type { UserId } from '../core/subject.ts';
import type { Refused } from '../identity/counters.ts';
import { type HeaderPair, PROTECTIVE_HEADERS } from '../pages/layout.ts';
import { languageOf, wantsHtml } from '../pages/negotiate.ts';
import { renderRefusal } from '../pages/refusal.ts';
import type { PortalDeps } from './deps.ts';
import { authenticationEvent, signInEvent } from './events.ts';

/** A refusal in the form and language that the caller understands. */
export function refuse(request: HandlerRequest, reason: ReasonCode, loginUrl?: string): Answer {
  const { facts } = request;
  return renderRefusal({ reason, id: facts.id, html: wantsHtml(facts), language: languageOf(facts), loginUrl });
}

/**
 * Too many attempts: says when to try again. Recorded without waiting: a flood that costs us nothing else must not keep the
 * disk busy.
 */
export function lockedOut(
  deps: Pick<PortalDeps, 'recorder' | 'clock'>,
  request: HandlerRequest,
  { retryAfterSeconds, limit }: Pick<Refused, 'retryAfterSeconds' | 'limit'>,
  who: Pick<AuditEvent, 'action'> & Partial<Pick<AuditEvent, 'user' | 'session' | 'factors'>>,
): Answer {
  const { facts } = request;
  const reason = 'locked_out';
  const language = languageOf(facts);
  const answer = renderRefusal({ reason, id: facts.id, html: wantsHtml(facts), language, retryAfterSeconds });
  const what = { result: 'refused', reason, status: answer.status, time: deps.clock.now() } as const;
  deps.recorder.record(authenticationEvent(facts, { ...what, ...who, ...(limit !== undefined && { detail: limit }) }));
  return answer;
}

/**
 * The answer to somebody who proved who they are and is blocked, or whose browser is; undefined: neither. To be asked only after
 * the password was right: before, it would tell a stranger who exists.
 */
export async function refusedAsBlocked(
  deps: PortalDeps,
  request: HandlerRequest,
  who: { readonly user: UserId; readonly factors: string },
): Promise<Answer | undefined> {
  const { facts } = request;
  const cookieId = deps.devices.idOf(facts);
  const block = await deps.blockOf(who.user, cookieId === undefined ? undefined : deviceId(cookieId));
  if (block === undefined) return undefined;
  const answer = refuse(request, 'blocked');
  const what = { result: 'refused', reason: 'blocked', detail: block, status: answer.status } as const;
  await deps.recorder.recordDurably(signInEvent(deps, facts, { ...what, ...who }));
  return answer;
}

/** 303: whatever was asked, go there and GET. `location` is a path or an address of ours, printable ASCII. */
export function seeOther(location: string, headers: readonly HeaderPair[] = []): Answer {
  return { status: 303, headers: [['Location', location], ...PROTECTIVE_HEADERS, ...headers], body: '' };
}

/** Set-Cookie that takes the session's cookie away. */
export const clearedSession = (secure: boolean): readonly HeaderPair[] => [
  ['Set-Cookie', setCookie(sessionCookieName(secure), '', secure, 0)],
];

/**
 * Takes a session cookie away that names no session any more, so that the next POST does not present it again. One that is
 * blocked stays, for it goes on when the block is lifted.
 */
export const deadSession = ({ facts, session, isBlocked = false }: HandlerRequest): readonly HeaderPair[] =>
  session === undefined && facts.sessionCookie !== undefined && !isBlocked
    ? clearedSession(facts.scheme === 'https')
    : [];

/** Without the store nobody can be signed in or out: 503, and nothing is guessed. */
export function guarded(handler: Handler): Handler {
  return async (request) => {
    try {
      return await handler(request);
    } catch (error) {
      if (error instanceof StoreUnavailable) return refuse(request, 'store_unavailable');
      throw error;
    }
  };
}
