import { sessionCookieName, setCookie } from '../core/cookies.ts';
import type { RequestFacts } from '../core/facts.ts';
import type { Answer, Handler, HandlerRequest } from '../core/handler.ts';
import type { ReasonCode } from '../core/reasons.ts';
import type { Session } from '../core/session.ts';
import { StoreUnavailable } from '../core/store.ts';
import { type HeaderPair, PROTECTIVE_HEADERS } from '../pages/layout.ts';
import { languageOf, wantsHtml } from '../pages/negotiate.ts';
import { renderRefusal } from '../pages/refusal.ts';

/** A refusal in the form and language that the caller understands. */
export function refuse(request: HandlerRequest, reason: ReasonCode, loginUrl?: string): Answer {
  const { facts } = request;
  return renderRefusal({ reason, id: facts.id, html: wantsHtml(facts), language: languageOf(facts), loginUrl });
}

/** 303: whatever was asked, go there and GET. `location` is a path or an address of ours, printable ASCII. */
export function seeOther(location: string, headers: readonly HeaderPair[] = []): Answer {
  return { status: 303, headers: [['Location', location], ...PROTECTIVE_HEADERS, ...headers], body: '' };
}

/** Set-Cookie that takes the session's cookie away. */
export const clearedSession = (secure: boolean): readonly HeaderPair[] => [
  ['Set-Cookie', setCookie(sessionCookieName(secure), '', secure, 0)],
];

/** Takes a session cookie away that names no session any more, so that the next POST does not present it again. */
export const deadSession = (facts: RequestFacts, session: Session | undefined): readonly HeaderPair[] =>
  session === undefined && facts.sessionCookie !== undefined ? clearedSession(facts.scheme === 'https') : [];

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
