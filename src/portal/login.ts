import type { Answer, HandlerRequest } from '../core/handler.ts';
import type { SignInOutcome } from '../identity/sign-in.ts';
import { mac } from '../keys/mac.ts';
import { freshSignInUrl, signInUrl } from '../pages/paths.ts';
import { admit, signedIn } from './admit.ts';
import { lockedOut, refuse, refusedAsBlocked, seeOther } from './answers.ts';
import { askForCode, checkCode } from './code-step.ts';
import type { PortalDeps } from './deps.ts';
import { signInEvent } from './events.ts';
import { readForm } from './form.ts';
import { provenNonce, signInForm, targetOf } from './sign-in-form.ts';
import { type Transport, transportOf } from './transport.ts';
import { parseUrlencoded } from './urlencoded.ts';

/**
 * GET serves the form, to somebody who is signed in only with `prompt=login` (paths.ts); POST signs in: 303 to `return_to`, 401
 * (503 when busy) with the form again, or 429. Where the account has a second factor the right password is answered 200 with a
 * page that POSTs `code` and `method` here.
 */
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
  const asksAnyway = query?.get('prompt') === 'login';
  return request.session === undefined || asksAnyway
    ? signInForm(deps, request, transport, { target })
    : seeOther(target);
}

async function post(deps: PortalDeps, request: HandlerRequest, transport: Transport): Promise<Answer> {
  const { facts } = request;
  // the form of somebody who is signed in was opened with prompt=login: without it they would be sent on unasked
  const again = request.session === undefined ? signInUrl : freshSignInUrl;
  const reading = await readForm(request);
  if (!reading.ok) return refused(deps, request, reading.reason, again('/'));
  const { fields } = reading;
  const target = targetOf(deps, facts, fields.get('return_to'));
  const nonce = provenNonce(deps, facts, fields.get('csrf'));
  if (nonce === undefined) return refused(deps, request, 'csrf_failed', again(target, deps.options().maxTargetBytes));
  if (fields.has('code')) return checkCode(deps, request, transport, { fields, target, nonce });

  const username = fields.get('username') ?? '';
  const outcome = await deps.signIn({ username, password: fields.get('password') ?? '', facts });
  if (outcome.ok) {
    const blocked = await refusedAsBlocked(deps, request, { user: outcome.subject.user, factors: 'password' });
    if (blocked !== undefined) return blocked;
    const factors = await deps.factors.list(outcome.subject.user);
    if (factors.length > 0) return askForCode(deps, request, transport, { outcome, factors, target });
    const admitted = await admit(deps, request, outcome);
    if (admitted !== undefined) return signedIn(target, admitted, transport.secure);
  }
  if (!outcome.ok && outcome.reason === 'locked_out') {
    const user = recordedName(deps, username, {
      user: outcome.user,
      reason: outcome.exists ? outcome.reason : 'unknown_user',
    });
    return lockedOut(deps, request, outcome, { action: 'sign_in', user });
  }
  if (!outcome.ok && outcome.reason === 'busy') {
    // nothing was checked, so nothing is worth waiting for the disk
    deps.recorder.record(signInEvent(deps, facts, { result: 'refused', reason: 'busy', status: 503 }));
    return signInForm(deps, request, transport, { target, username, error: 'busy' });
  }
  const [reason, user] = outcome.ok
    ? ['account_changed', outcome.subject.user]
    : [outcome.reason, recordedName(deps, username, outcome)];
  await deps.recorder.recordDurably(signInEvent(deps, facts, { result: 'failure', reason, user, status: 401 }));
  return signInForm(deps, request, transport, { target, username, error: 'invalid' });
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

function refused(deps: PortalDeps, request: HandlerRequest, reason: string, loginUrl: string): Answer {
  const answer = refuse(request, reason, loginUrl);
  deps.recorder.record(signInEvent(deps, request.facts, { result: 'refused', reason, status: answer.status }));
  return answer;
}
