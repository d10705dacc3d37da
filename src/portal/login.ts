import { loginCookieName, secretHost, sessionCookieName, setCookie } from '../core/cookies.ts';
import type { RequestFacts } from '../core/facts.ts';
import type { Answer, HandlerRequest } from '../core/handler.ts';
import { returnTo } from '../core/return-to.ts';
import type { Session } from '../core/session.ts';
import { StoreUnavailable } from '../core/store.ts';
import type { SignInOutcome } from '../identity/sign-in.ts';
import { mac } from '../keys/mac.ts';
import { languageOf, wantsHtml } from '../pages/negotiate.ts';
import { signInUrl } from '../pages/paths.ts';
import { renderRefusal } from '../pages/refusal.ts';
import { renderSignIn } from '../pages/sign-in-page.ts';
import { SessionRefused } from '../sessions/sessions.ts';
import { deadSession, refuse, seeOther } from './answers.ts';
import type { PortalDeps } from './deps.ts';
import { authenticationEvent, userAgentOf } from './events.ts';
import { formToken, readForm, verifyFormToken } from './form.ts';
import { ownOrigin, type Transport, transportOf } from './transport.ts';
import { parseUrlencoded } from './urlencoded.ts';

/** How long a sign-in form may stay open, ms: the life of its token and of the login cookie. */
export const SIGN_IN_FORM_LIFE_MS = 600_000;
const PURPOSE = 'login';
const NONCE_BYTES = 16;
const NONCE = /^[A-Za-z0-9_-]{22}$/;

/** GET serves the form; POST signs in: 303 to `return_to`, 401 (503 when busy) with the form again, or 429. */
export function loginHandler(deps: PortalDeps): (request: HandlerRequest) => Promise<Answer> {
  return async (request) => {
    const { facts } = request;
    const transport = transportOf(facts, deps.options());
    if (transport === undefined) {
      return refuse(request, 'plain_http');
    }
    return facts.method === 'POST' ? post(deps, request, transport) : get(deps, request, transport);
  };
}

function get(deps: PortalDeps, request: HandlerRequest, transport: Transport): Answer {
  const query = parseUrlencoded(request.facts.query.slice(1));
  const target = targetOf(deps, request.facts, query?.get('return_to'));
  return request.session === undefined ? form(deps, request, transport, { target }) : seeOther(target);
}

async function post(deps: PortalDeps, request: HandlerRequest, transport: Transport): Promise<Answer> {
  const { facts } = request;
  const reading = await readForm(request);
  if (!reading.ok) return refused(deps, request, reading.reason, signInUrl('/'));
  const { fields } = reading;
  const target = targetOf(deps, facts, fields.get('return_to'));
  const nonce = nonceOf(facts);
  const token = fields.get('csrf');
  if (
    nonce === undefined ||
    !verifyFormToken(deps.csrfKeys, PURPOSE, nonce, token, deps.clock.now(), SIGN_IN_FORM_LIFE_MS)
  ) {
    return refused(deps, request, 'csrf_failed', signInUrl(target));
  }
  const username = fields.get('username') ?? '';
  const outcome = await deps.signIn({ username, password: fields.get('password') ?? '', facts });
  if (outcome.ok) {
    const cookie = await admit(deps, request, outcome);
    if (cookie !== undefined) {
      return seeOther(target, [
        ['Set-Cookie', setCookie(sessionCookieName(transport.secure), cookie, transport.secure)],
        ['Set-Cookie', setCookie(loginCookieName(transport.secure), '', transport.secure, 0)],
      ]);
    }
  }
  if (!outcome.ok && outcome.reason === 'locked_out') return lockedOut(deps, facts, username, outcome);
  if (!outcome.ok && outcome.reason === 'busy') {
    // nothing was checked, so nothing is worth waiting for the disk
    deps.recorder.record(signInEvent(deps, facts, { result: 'refused', reason: 'busy', status: 503 }));
    return form(deps, request, transport, { target, username, error: 'busy' });
  }
  const [reason, user] = outcome.ok
    ? ['account_changed', outcome.subject.user]
    : [outcome.reason, recordedName(deps, username, outcome)];
  await deps.recorder.recordDurably(signInEvent(deps, facts, { result: 'failure', reason, user, status: 401 }));
  return form(deps, request, transport, { target, username, error: 'invalid' });
}

/** People type passwords for names: one that is nobody's is told apart from others in the audit log, but not told (rule 28). */
function recordedName(
  deps: PortalDeps,
  typed: string,
  { reason, user }: Pick<Extract<SignInOutcome, { ok: false }>, 'reason' | 'user'>,
): string {
  if (user === undefined) return 'invalid';
  if (reason !== 'unknown_user') return user;
  return `unknown:${mac(deps.csrfKeys[0] as Uint8Array, 'unknown-user', [typed.toLowerCase()]).slice(0, 12)}`;
}

/**
 * Makes the session and ends the one that the browser had, so that nobody goes on with a session that somebody else chose.
 * The cookie is given out only when all of it worked; undefined when the account was disabled, or
 * all its sessions ended, in the meantime.
 */
async function admit(
  deps: PortalDeps,
  request: HandlerRequest,
  { subject, proofs, stillHolds }: Extract<SignInOutcome, { ok: true }>,
): Promise<string | undefined> {
  const { facts } = request;
  const at = { host: secretHost(facts), proofs, address: facts.clientAddress, userAgent: userAgentOf(facts) };
  const created = await create(deps, subject, at);
  if (created === undefined) return undefined;
  const { session, cookie } = created;
  try {
    if (!(await stillHolds())) {
      await deps.sessions.revoke(session.id, subject.user, 'account_changed');
      return undefined;
    }
    const factors = proofs.map(({ method }) => method).join('+');
    await deps.recorder.recordDurably(
      signInEvent(deps, facts, { result: 'success', user: subject.user, session: session.id, factors, status: 303 }),
    );
    if (request.session !== undefined) await deps.sessions.revoke(request.session.id, subject.user, 'signed_in_again');
    return cookie;
  } catch (error) {
    await withdraw(deps, session, error);
    throw error;
  }
}

type Create = PortalDeps['sessions']['create'];

/** Undefined: all sessions of the person were being ended at this very moment, and this one with them. */
async function create(
  deps: PortalDeps,
  ...given: Parameters<Create>
): Promise<Awaited<ReturnType<Create>> | undefined> {
  try {
    return await deps.sessions.create(...given);
  } catch (error) {
    if (error instanceof SessionRefused) return undefined;
    throw error;
  }
}

/** Best effort: nobody holds the session's secret, it would only stand in a list. */
async function withdraw(deps: PortalDeps, session: Session, cause: unknown): Promise<void> {
  try {
    await deps.sessions.revoke(session.id, session.subject.user, 'sign_in_failed');
  } catch (error) {
    const both = new AggregateError([cause, error]);
    throw new StoreUnavailable('sign-in failed and its session could not be withdrawn', { cause: both });
  }
}

/** The form, with the login cookie renewed so that it lives as long as the token; tabs share one nonce. */
function form(
  deps: PortalDeps,
  { facts, session }: HandlerRequest,
  { secure }: Transport,
  view: { readonly target: string; readonly username?: string; readonly error?: 'invalid' | 'busy' },
): Answer {
  const nonce = nonceOf(facts) ?? Buffer.from(deps.random.bytes(NONCE_BYTES)).toString('base64url');
  const key = deps.csrfKeys[0];
  if (key === undefined) throw new Error('no key for form tokens');
  const cookie = setCookie(loginCookieName(secure), nonce, secure, SIGN_IN_FORM_LIFE_MS / 1000);
  return renderSignIn({
    language: languageOf(facts),
    csrf: formToken(key, PURPOSE, nonce, deps.clock.now()),
    returnTo: view.target,
    username: view.username?.slice(0, 128),
    error: view.error,
    headers: [
      ['Set-Cookie', cookie],
      ...deadSession(facts, session),
      ...(view.error === undefined ? [] : ERROR_HEADERS[view.error]),
    ],
  });
}

// RFC 9110, 15.5.2: a 401 names a scheme; Bearer makes no browser ask for a password of its own
const ERROR_HEADERS = { invalid: [['WWW-Authenticate', 'Bearer']], busy: [['Retry-After', '2']] } as const;

function refused(deps: PortalDeps, request: HandlerRequest, reason: string, loginUrl: string): Answer {
  const answer = refuse(request, reason, loginUrl);
  deps.recorder.record(signInEvent(deps, request.facts, { result: 'refused', reason, status: answer.status }));
  return answer;
}

/** Says when to try again. Recorded without waiting: a flood that costs us nothing else must not keep the disk busy. */
function lockedOut(
  deps: PortalDeps,
  facts: RequestFacts,
  username: string,
  { reason, retryAfterSeconds, exists, user: named }: Extract<SignInOutcome, { reason: 'locked_out' }>,
): Answer {
  const language = languageOf(facts);
  const answer = renderRefusal({ reason, id: facts.id, html: wantsHtml(facts), language, retryAfterSeconds });
  const { status } = answer;
  const user = recordedName(deps, username, { user: named, reason: exists ? reason : 'unknown_user' });
  deps.recorder.record(signInEvent(deps, facts, { result: 'refused', reason, user, status }));
  return answer;
}

const signInEvent = (
  deps: PortalDeps,
  facts: RequestFacts,
  what: Omit<Parameters<typeof authenticationEvent>[1], 'action' | 'time'>,
) => authenticationEvent(facts, { action: 'sign_in', time: deps.clock.now(), ...what });

const targetOf = (deps: PortalDeps, facts: RequestFacts, text: string | undefined): string =>
  returnTo(text, ownOrigin(facts), (host) => host === facts.host || deps.namesHost(host));

/** The login cookie's nonce; undefined when there is none, several, or something that we did not make. */
const nonceOf = ({ loginCookie }: RequestFacts): string | undefined =>
  typeof loginCookie === 'string' && NONCE.test(loginCookie) ? loginCookie : undefined;
