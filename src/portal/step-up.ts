import { secretHost, sessionCookieName, setCookie } from '../core/cookies.ts';
import { levelRank, type Need } from '../core/decision.ts';
import type { Answer, HandlerRequest } from '../core/handler.ts';
import { needQuery, readNeed } from '../core/need.ts';
import type { Session } from '../core/session.ts';
import { FACTOR_LEVELS, type FactorMethod } from '../identity/factors/store.ts';
import { renderCode } from '../pages/code-page.ts';
import { languageOf } from '../pages/negotiate.ts';
import { stepUpUrl } from '../pages/paths.ts';
import { renderConfirmed, renderNoFactor } from '../pages/step-up-page.ts';
import { lockedOut, refuse, seeOther } from './answers.ts';
import { methodOf, methodsOf } from './code-step.ts';
import type { PortalDeps } from './deps.ts';
import { authenticationEvent } from './events.ts';
import { formToken, readForm, verifyFormToken } from './form.ts';
import { targetOf } from './sign-in-form.ts';
import { type Transport, transportOf } from './transport.ts';
import { parseUrlencoded } from './urlencoded.ts';

/** How long the page may stay open, ms. */
export const STEP_UP_FORM_LIFE_MS = 600_000;
const PURPOSE = 'step-up';

/**
 * GET asks for a code of the factors that meet the need (core/need.ts), any without one; POST checks it and raises the session:
 * 303 to `return_to` with a new secret, 401 with the page again, 403 when there is nothing to ask for, or 429.
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
  return page(deps, request, session, { target, need: readNeed(query) });
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
  if (!verifyFormToken(deps.csrfKeys, PURPOSE, session.id, fields.get('csrf'), now, STEP_UP_FORM_LIFE_MS))
    return refuse(request, 'csrf_failed', again);

  const { user } = session.subject;
  const method = methodOf(fields.get('method'));
  const event = (what: { result: 'success' | 'failure'; status: number; reason?: string }) =>
    deps.recorder.recordDurably(
      authenticationEvent(facts, {
        action: 'step_up',
        time: deps.clock.now(),
        user,
        session: session.id,
        factors: method,
        ...what,
      }),
    );
  const caller = { address: facts.clientAddress, device: deps.devices.idOf(facts) };
  const checked = await deps.factors.verify(user, method, fields.get('code') ?? '', caller);
  if (!checked.ok && checked.reason === 'locked_out') {
    const who = { action: 'step_up', user, session: session.id, factors: method };
    return lockedOut(deps, request, checked.retryAfterSeconds, who);
  }
  if (!checked.ok) {
    await event({ result: 'failure', reason: checked.reason, status: 401 });
    return page(deps, request, session, { target, need, method, failed: true });
  }
  const raised = await deps.sessions.elevate(session.id, [checked.proof], { host: secretHost(facts) });
  if (raised === undefined) {
    await event({ result: 'failure', reason: 'session_revoked', status: 401 });
    return refuse(request, 'session_revoked', again);
  }
  // when this cannot be written the old secret is void and nobody has the new one: the person signs in again
  await event({ result: 'success', status: 303 });
  return seeOther(target, [['Set-Cookie', setCookie(sessionCookieName(secure), raised.cookie, secure)]]);
}

async function page(
  deps: PortalDeps,
  { facts }: HandlerRequest,
  session: Session,
  view: {
    readonly target: string;
    readonly need: Need | undefined;
    readonly method?: FactorMethod;
    readonly failed?: boolean;
  },
): Promise<Answer> {
  const { target, need, method, failed = false } = view;
  const language = languageOf(facts);
  const all = methodsOf(await deps.factors.list(session.subject.user));
  const methods = need === undefined ? all : all.filter((each) => serves(each, need));
  if (methods.length === 0) return renderNoFactor({ language, hasOthers: all.length > 0, need });
  const key = deps.csrfKeys[0];
  if (key === undefined) throw new Error('no key for form tokens');
  return renderCode({
    language,
    purpose: 'step_up',
    csrf: formToken(key, PURPOSE, session.id, deps.clock.now()),
    returnTo: target,
    methods,
    method,
    failed,
    hidden: need && parseUrlencoded(needQuery(need).slice(1)),
  });
}

/** Whether a code of this kind gets somebody nearer to what is asked for. */
const serves = (method: FactorMethod, { level, anyOf, allOf }: Need): boolean =>
  allOf.includes(method) ||
  (levelRank(FACTOR_LEVELS[method]) >= levelRank(level) && (anyOf === undefined || anyOf.includes(method)));
