import type { Answer, Handler, HandlerRequest } from '../core/handler.ts';
import type { Session } from '../core/session.ts';
import { mayManage } from '../identity/factors/managing.ts';
import { PROTECTIVE_HEADERS } from '../pages/layout.ts';
import { renderMe } from '../pages/me-page.ts';
import { languageOf } from '../pages/negotiate.ts';
import { ME_PATH } from '../pages/paths.ts';
import { refuse } from './answers.ts';
import type { PortalDeps } from './deps.ts';
import { deviceWord } from './device-word.ts';
import { formToken, readForm, verifyFormToken } from './form.ts';
import { transportOf } from './transport.ts';

/** As long as a session lasts at most by default: the token is bound to the session and dies with it anyway. */
export const ME_FORM_LIFE_MS = 8 * 3_600_000;
const PURPOSE = 'me';

/** A request of somebody who is signed in. */
export interface Own {
  readonly request: HandlerRequest;
  readonly session: Session;
}

/** The person's own page. */
export function meHandler(deps: PortalDeps): Handler {
  return asOwner(deps, (own) => mePage(deps, own));
}

export async function mePage(
  deps: PortalDeps,
  { request, session }: Own,
  refused?: 'too_late' | 'too_many',
): Promise<Answer> {
  const { user, name, sub } = session.subject;
  const [sessions, factors] = await Promise.all([deps.sessions.listUser(user), deps.factors.list(user)]);
  return renderMe({
    language: languageOf(request.facts),
    csrf: meToken(deps, session),
    user: name ?? sub,
    sessions: sessions.map((each) => ({ ...each, device: deviceWord(each.userAgent), isThis: each.id === session.id })),
    factors,
    canEnrol: mayManage(session, factors, deps.clock.now()) === 'yes',
    refused,
  });
}

/** `required` in the table of endpoints keeps others out; this is for the types, and for plain HTTP from elsewhere. */
export function asOwner(deps: PortalDeps, handle: (own: Own) => Promise<Answer>): Handler {
  return async (request) => {
    if (transportOf(request.facts, deps.options()) === undefined) return refuse(request, 'plain_http');
    const { session } = request;
    return session === undefined ? refuse(request, 'login_required') : handle({ request, session });
  };
}

export function meToken(deps: Pick<PortalDeps, 'csrfKeys' | 'clock'>, session: Session): string {
  const key = deps.csrfKeys[0];
  if (key === undefined) throw new Error('no key for form tokens');
  return formToken(key, PURPOSE, session.id, deps.clock.now());
}

/** The fields of a form of the page, when it is one of this session; otherwise the refusal. */
export async function readMeForm(
  deps: PortalDeps,
  { request, session }: Own,
): Promise<ReadonlyMap<string, string> | Answer> {
  const reading = await readForm(request);
  if (!reading.ok) return refuse(request, reading.reason, ME_PATH);
  const { fields } = reading;
  const isGood = verifyFormToken(
    deps.csrfKeys,
    PURPOSE,
    session.id,
    fields.get('csrf'),
    deps.clock.now(),
    ME_FORM_LIFE_MS,
  );
  return isGood ? fields : refuse(request, 'csrf_failed', ME_PATH);
}

export const isFields = (read: ReadonlyMap<string, string> | Answer): read is ReadonlyMap<string, string> =>
  read instanceof Map;

/** The same as JSON. */
export const json = (body: object): Answer => ({
  status: 200,
  headers: [['Content-Type', 'application/json'], ...PROTECTIVE_HEADERS],
  body: `${JSON.stringify(body)}\n`,
});

export const iso = (ms: number): string => new Date(ms).toISOString();
