import { secretHost, sessionCookieName, setCookie } from '../core/cookies.ts';
import type { Need, Proof } from '../core/decision.ts';
import type { Answer, HandlerRequest } from '../core/handler.ts';
import { readNeed } from '../core/need.ts';
import type { Session } from '../core/session.ts';
import type { Refused } from '../identity/counters.ts';
import type { CodeFailure } from '../identity/factors/store.ts';
import type { SignInFailure } from '../identity/sign-in.ts';
import { languageOf } from '../pages/negotiate.ts';
import { stepUpUrl } from '../pages/paths.ts';
import { renderConfirmed } from '../pages/step-up-page.ts';
import { lockedOut, refuse, seeOther } from './answers.ts';
import { missing } from './asking.ts';
import { methodOf } from './code-step.ts';
import type { PortalDeps } from './deps.ts';
import { authenticationEvent } from './events.ts';
import { readForm, verifyFormToken } from './form.ts';
import { targetOf } from './sign-in-form.ts';
import { givenIn, offersOf, STEP_UP_PURPOSE, stepUpPage, type Typed } from './step-up-offer.ts';
import { type Transport, transportOf } from './transport.ts';
import { parseUrlencoded } from './urlencoded.ts';

/** How long the page may stay open, ms. */
export const STEP_UP_FORM_LIFE_MS = 600_000;

/**
 * GET asks for what meets the need (core/need.ts), a code or the password, any code without one (`method` chooses where there is
 * a choice), or says to sign in again; POST checks it and raises the session: 303 to `return_to` with a new secret, or to the
 * page for what is still missing; 401 (503 when busy) with the page again, 403 when there is nothing to ask for, or 429. What the
 * account has not got is refused unseen, and counts as no attempt.
 */
export function stepUpHandler(deps: PortalDeps): (request: HandlerRequest) => Promise<Answer> {
  return async (request) => {
    const { facts, session } = request;
    const transport = transportOf(facts, deps.options());
    if (transport === undefined) return refuse(request, 'plain_http');
    if (session === undefined) return refuse(request, 'login_required');
    return facts.method === 'POST' ? post(deps, request, session, transport) : get(deps, request, session);
  };
}

async function get(deps: PortalDeps, request: HandlerRequest, session: Session): Promise<Answer> {
  const query = parseUrlencoded(request.facts.query.slice(1));
  if (query?.get('done') === '1') return renderConfirmed(languageOf(request.facts));
  const target = targetOf(deps, request.facts, query?.get('return_to'));
  const chosen = query?.has('method') === true ? typedOf(query.get('method')) : undefined;
  return stepUpPage(deps, request, session, { target, need: readNeed(query), chosen });
}

async function post(
  deps: PortalDeps,
  request: HandlerRequest,
  session: Session,
  { secure }: Transport,
): Promise<Answer> {
  const { facts } = request;
  const reading = await readForm(request);
  if (!reading.ok) return refuse(request, reading.reason, stepUpUrl('/'));
  const { fields } = reading;
  const target = targetOf(deps, facts, fields.get('return_to'));
  const need = readNeed(fields);
  const again = stepUpUrl(target, need, deps.options().maxTargetBytes);
  const now = deps.clock.now();
  if (!verifyFormToken(deps.csrfKeys, STEP_UP_PURPOSE, session.id, fields.get('csrf'), now, STEP_UP_FORM_LIFE_MS))
    return refuse(request, 'csrf_failed', again);

  const { user } = session.subject;
  const method = typedOf(fields.get('method'));
  const who = { action: 'step_up', user, session: session.id, factors: method } as const;
  const event = (what: { result: 'success' | 'failure' | 'refused'; status: number; reason?: string }) =>
    authenticationEvent(facts, { ...who, time: deps.clock.now(), ...what });
  if (!(await offersOf(deps, session)).some((offer) => offer.how === 'typed' && offer.method === method)) {
    // not counted: it would only keep the owner out of what they enrol later. Nor is it worth waiting for the disk
    const answer = await stepUpPage(deps, request, session, { target, need, failed: 'invalid' });
    deps.recorder.record(event({ result: 'refused', reason: 'not_enrolled', status: answer.status }));
    return answer;
  }
  const checked = await check(deps, request, session, method, fields);
  if (!checked.ok) {
    const { reason } = checked;
    if (reason === 'locked_out') return lockedOut(deps, request, checked, who);
    if (reason === 'busy') {
      // nothing was checked, so nothing is worth waiting for the disk
      deps.recorder.record(event({ result: 'refused', reason, status: 503 }));
      return stepUpPage(deps, request, session, { target, need, chosen: method, failed: 'busy' });
    }
    await deps.recorder.recordDurably(event({ result: 'failure', reason, status: 401 }));
    return stepUpPage(deps, request, session, { target, need, chosen: method, failed: 'invalid' });
  }
  const onwards = (await isMore(deps, session, need, checked.proof)) ? again : target;
  const raised = await deps.sessions.elevate(session.id, [checked.proof], { host: secretHost(facts) });
  if (raised === undefined) {
    await deps.recorder.recordDurably(event({ result: 'failure', reason: 'session_revoked', status: 401 }));
    return refuse(request, 'session_revoked', again);
  }
  // when this cannot be written the old secret is void and nobody has the new one: the person signs in again
  await deps.recorder.recordDurably(event({ result: 'success', status: 303 }));
  return seeOther(onwards, [['Set-Cookie', setCookie(sessionCookieName(secure), raised.cookie, secure)]]);
}

type Checked =
  | { readonly ok: true; readonly proof: Proof }
  | { readonly ok: false; readonly reason: CodeFailure | SignInFailure }
  | ({ readonly ok: false; readonly reason: 'locked_out' } & Pick<Refused, 'retryAfterSeconds' | 'limit'>);

/** A password is checked as at sign-in: the same counters, the same work and the same answer whatever is wrong. */
async function check(
  deps: PortalDeps,
  { facts }: HandlerRequest,
  { subject: { user } }: Session,
  method: Typed,
  fields: ReadonlyMap<string, string>,
): Promise<Checked> {
  if (method !== 'password') {
    const caller = { address: facts.clientAddress, device: deps.devices.idOf(facts) };
    return deps.factors.verify(user, method, fields.get('code') ?? '', caller);
  }
  const outcome = await deps.signIn({ username: user, password: fields.get('password') ?? '', facts });
  if (!outcome.ok) return outcome;
  const proof = outcome.proofs.find((each) => each.method === 'password');
  // the provider may have gone from the configuration: nobody else's password may stand in for it
  return proof !== undefined && outcome.subject.user === user
    ? { ok: true, proof }
    : { ok: false, reason: 'unknown_user' };
}

/** Whether there is something else to ask for, after this proof, before the target is worth trying. */
async function isMore(deps: PortalDeps, session: Session, need: Need | undefined, proof: Proof): Promise<boolean> {
  if (need === undefined) return false;
  const given = givenIn(deps, [...session.proofs, proof], proof.at);
  return missing(need, await offersOf(deps, session), given).length > 0;
}

const typedOf = (text: string | undefined): Typed => (text === 'password' ? text : methodOf(text));
