import { secretHost } from '../core/cookies.ts';
import type { Answer, HandlerRequest } from '../core/handler.ts';
import type { Factor, FactorMethod } from '../identity/factors/store.ts';
import type { SignInOutcome } from '../identity/sign-in.ts';
import { renderCode } from '../pages/code-page.ts';
import { languageOf } from '../pages/negotiate.ts';
import { freshSignInUrl } from '../pages/paths.ts';
import { admit, signedIn } from './admit.ts';
import { deadSession, lockedOut, refusedAsBlocked } from './answers.ts';
import type { PortalDeps } from './deps.ts';
import { signInEvent } from './events.ts';
import { newNonce, renewedNonce, signInForm, signInToken } from './sign-in-form.ts';
import type { Transport } from './transport.ts';

/**
 * The password was right and a second factor is due: no session yet, but a pending sign-in that only this browser can go on
 * with, and a page that asks for the code.
 */
export async function askForCode(
  deps: PortalDeps,
  request: HandlerRequest,
  transport: Transport,
  step: {
    readonly outcome: Extract<SignInOutcome, { ok: true }>;
    readonly factors: readonly Factor[];
    readonly target: string;
  },
): Promise<Answer> {
  const { outcome, factors, target } = step;
  const { proofs, stamp, checkedAt, subject } = outcome;
  // a nonce from before the password may be known to whoever planted it; what follows it is this browser's alone
  const nonce = newNonce(deps);
  await deps.pending.put(boundTo(request, nonce), { user: subject.user, stamp, proofs, checkedAt });
  const what = { result: 'step_up', reason: 'step_up_required', user: subject.user, status: 200 } as const;
  await deps.recorder.recordDurably(signInEvent(deps, request.facts, { ...what, factors: factorsOf(proofs) }));
  return codeForm(deps, request, transport, { methods: methodsOf(factors), target, nonce });
}

/** The second step: 303 with a session, 401 with the page again, 401 with the first page when it took too long, or 429. */
export async function checkCode(
  deps: PortalDeps,
  request: HandlerRequest,
  transport: Transport,
  step: { readonly fields: ReadonlyMap<string, string>; readonly target: string; readonly nonce: string },
): Promise<Answer> {
  const { fields, target, nonce } = step;
  const { facts } = request;
  const found = await deps.pending.find(boundTo(request, nonce));
  if (found === undefined) return beginAgain(deps, request, transport, target, { reason: 'sign_in_expired' });
  const { user, proofs } = found.pending;
  const method = methodOf(fields.get('method'));
  const factors = `${factorsOf(proofs)}+${method}`;
  const caller = { address: facts.clientAddress, device: deps.devices.idOf(facts) };
  const checked = await deps.factors.verify(user, method, fields.get('code') ?? '', caller);
  if (!checked.ok && checked.reason === 'locked_out')
    return lockedOut(deps, request, checked, { action: 'sign_in', user, factors });
  if (!checked.ok) {
    const what = { result: 'failure', reason: checked.reason, user, factors, status: 401 } as const;
    await deps.recorder.recordDurably(signInEvent(deps, facts, what));
    const methods = methodsOf(await deps.factors.list(user));
    if (methods.length === 0) return signInForm(deps, request, transport, { target, error: 'expired' });
    return codeForm(deps, request, transport, { methods, method, target, nonce, failed: true });
  }
  const resumed = (await found.take()) ? await deps.resume(found.pending) : undefined;
  const blocked = resumed && (await refusedAsBlocked(deps, request, { user, factors }));
  if (blocked !== undefined) return blocked;
  const admitted = resumed && (await admit(deps, request, { ...resumed, proofs: [...resumed.proofs, checked.proof] }));
  if (admitted !== undefined) return signedIn(target, admitted, transport.secure);
  return beginAgain(deps, request, transport, target, { reason: 'account_changed', user, factors });
}

/** A sign-in that was begun on one host is not finished on another. */
const boundTo = ({ facts }: HandlerRequest, nonce: string): string => `${secretHost(facts)} ${nonce}`;

async function beginAgain(
  deps: PortalDeps,
  request: HandlerRequest,
  transport: Transport,
  target: string,
  why: { readonly reason: string; readonly user?: string; readonly factors?: string },
): Promise<Answer> {
  await deps.recorder.recordDurably(signInEvent(deps, request.facts, { result: 'failure', status: 401, ...why }));
  return signInForm(deps, request, transport, { target, error: 'expired' });
}

function codeForm(
  deps: PortalDeps,
  request: HandlerRequest,
  { secure }: Transport,
  view: {
    readonly methods: readonly FactorMethod[];
    readonly method?: FactorMethod;
    readonly target: string;
    readonly nonce: string;
    readonly failed?: boolean;
  },
): Answer {
  const { methods, method, target, nonce, failed = false } = view;
  return renderCode({
    language: languageOf(request.facts),
    purpose: 'sign_in',
    signInUrl: freshSignInUrl(target, deps.options().maxTargetBytes),
    csrf: signInToken(deps, nonce),
    returnTo: target,
    methods,
    method,
    failed,
    headers: [renewedNonce(nonce, secure), ...deadSession(request)],
  });
}

/** What somebody can be asked for: each kind once, authenticators first. */
export const methodsOf = (factors: readonly Factor[]): readonly FactorMethod[] =>
  (['totp', 'backup_code'] as const).filter((method) =>
    factors.some((factor) => factor.method === method && factor.left !== 0),
  );

/** Which kind of code was sent; an authenticator's where there was no choice. */
export const methodOf = (text: string | undefined): FactorMethod => (text === 'backup_code' ? text : 'totp');

const factorsOf = (proofs: readonly { readonly method: string | undefined }[]): string =>
  proofs.map(({ method }) => method).join('+');
