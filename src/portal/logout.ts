import type { Answer, HandlerRequest } from '../core/handler.ts';
import { languageOf } from '../pages/negotiate.ts';
import { SIGN_OUT_PATH } from '../pages/paths.ts';
import { renderSignedOut, renderSignOut } from '../pages/sign-out-page.ts';
import { clearedSession, refuse, seeOther } from './answers.ts';
import type { PortalDeps } from './deps.ts';
import { authenticationEvent } from './events.ts';
import { formToken, readForm, verifyFormToken } from './form.ts';

/** As long as a session lasts at most by default: the token is bound to the session and dies with it anyway. */
export const SIGN_OUT_FORM_LIFE_MS = 8 * 3_600_000;
const PURPOSE = 'logout';

/** GET asks, POST ends the session: 303 to the GET, which then says that nobody is signed in. */
export function logoutHandler(deps: PortalDeps): (request: HandlerRequest) => Promise<Answer> {
  return async (request) => (request.facts.method === 'POST' ? post(deps, request) : get(deps, request));
}

function get(deps: PortalDeps, { facts, session }: HandlerRequest): Answer {
  const language = languageOf(facts);
  // of a session that is blocked too: whoever signs out must not be signed in again when the block is lifted
  if (session === undefined)
    return renderSignedOut(language, facts.sessionCookie === undefined ? [] : clearedSession(facts.scheme === 'https'));
  const key = deps.csrfKeys[0];
  if (key === undefined) throw new Error('no key for form tokens');
  const csrf = formToken(key, PURPOSE, session.id, deps.clock.now());
  return renderSignOut({ language, csrf, user: session.subject.name ?? session.subject.sub });
}

async function post(deps: PortalDeps, request: HandlerRequest): Promise<Answer> {
  const { facts, session } = request;
  const reading = await readForm(request);
  if (!reading.ok) return refuse(request, reading.reason);
  const cleared = clearedSession(facts.scheme === 'https');
  if (session === undefined) return seeOther(SIGN_OUT_PATH, cleared);
  const now = deps.clock.now();
  if (!verifyFormToken(deps.csrfKeys, PURPOSE, session.id, reading.fields.get('csrf'), now, SIGN_OUT_FORM_LIFE_MS)) {
    return refuse(request, 'csrf_failed', SIGN_OUT_PATH);
  }
  const { user } = session.subject;
  await deps.sessions.revoke(session.id, user, 'signed_out');
  await deps.recorder.recordDurably(
    authenticationEvent(facts, {
      action: 'sign_out',
      result: 'success',
      time: now,
      user,
      session: session.id,
      status: 303,
    }),
  );
  return seeOther(SIGN_OUT_PATH, cleared);
}
