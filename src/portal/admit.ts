import { loginCookieName, secretHost, sessionCookieName, setCookie } from '../core/cookies.ts';
import { deviceId } from '../core/device.ts';
import type { Answer, HandlerRequest } from '../core/handler.ts';
import type { Session } from '../core/session.ts';
import { StoreUnavailable } from '../core/store.ts';
import type { SignInOutcome } from '../identity/sign-in.ts';
import { SessionRefused } from '../sessions/sessions.ts';
import { seeOther } from './answers.ts';
import type { PortalDeps } from './deps.ts';
import { signInEvent, userAgentOf } from './events.ts';

/** What somebody who signed in is given. */
export interface Admitted {
  /** value of the session's cookie */
  readonly session: string;
  /** Set-Cookie of the device's cookie, new or renewed */
  readonly device: string;
}

/** On to `target`, with the cookies of session and device; the login cookie has done its work. */
export const signedIn = (target: string, { session, device }: Admitted, secure: boolean): Answer =>
  seeOther(target, [
    ['Set-Cookie', setCookie(sessionCookieName(secure), session, secure)],
    ['Set-Cookie', device],
    ['Set-Cookie', setCookie(loginCookieName(secure), '', secure, 0)],
  ]);

/**
 * Makes the session and ends the one that the browser had, so that nobody goes on with a session that somebody else chose.
 * The browser is a known device of the person from then on. Cookies are given out only when all of it worked; undefined when
 * the account was disabled, or all its sessions ended, in the meantime.
 */
export async function admit(
  deps: PortalDeps,
  request: HandlerRequest,
  { subject, proofs, stillHolds, checkedAt }: Extract<SignInOutcome, { ok: true }>,
): Promise<Admitted | undefined> {
  const { facts } = request;
  const device = await deps.devices.choose(facts, subject.user);
  const at = {
    host: secretHost(facts),
    proofs,
    address: facts.clientAddress,
    userAgent: userAgentOf(facts),
    device: deviceId(device),
    checkedAt,
  };
  const created = await create(deps, subject, at);
  if (created === undefined) return undefined;
  const { session, cookie } = created;
  try {
    if (!(await stillHolds())) {
      await deps.sessions.revoke(session.id, subject.user, 'account_changed');
      return undefined;
    }
    const remembered = await deps.devices.remember(device, subject.user, facts.scheme === 'https');
    const factors = proofs.map(({ method }) => method).join('+');
    await deps.recorder.recordDurably(
      signInEvent(deps, facts, { result: 'success', user: subject.user, session: session.id, factors, status: 303 }),
    );
    if (request.session !== undefined) await deps.sessions.revoke(request.session.id, subject.user, 'signed_in_again');
    return { session: cookie, device: remembered };
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
