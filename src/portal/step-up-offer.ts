import { FIXED_LEVELS, type Need, type Proof } from '../core/decision.ts';
import type { Answer, HandlerRequest } from '../core/handler.ts';
import { needQuery } from '../core/need.ts';
import type { Session } from '../core/session.ts';
import { PRIMARY } from '../identity/factors/managing.ts';
import type { FactorMethod } from '../identity/factors/store.ts';
import { renderCode } from '../pages/code-page.ts';
import { languageOf } from '../pages/negotiate.ts';
import { renderPassword } from '../pages/password-page.ts';
import { freshSignInUrl, stepUpUrl } from '../pages/paths.ts';
import { renderNoFactor, renderSignInAgain } from '../pages/step-up-page.ts';
import { type Given, helpful, type Provable } from './asking.ts';
import { methodsOf } from './code-step.ts';
import type { PortalDeps } from './deps.ts';
import { formToken } from './form.ts';
import { parseUrlencoded } from './urlencoded.ts';

export const STEP_UP_PURPOSE = 'step-up';

/** What can be typed on the page. */
export type Typed = FactorMethod | 'password';

/** A way of proving more: something to type on the page, or the way in which this very session was signed in. */
export type Offer =
  | (Provable & { readonly how: 'typed'; readonly method: Typed })
  | (Provable & { readonly how: 'sign_in' });

/** All that somebody can do, codes first: they prove more. Whose password is not ours to ask for signs in again. */
export async function offersOf(deps: PortalDeps, { subject, proofs }: Session): Promise<readonly Offer[]> {
  const [factors, hasPassword] = await Promise.all([deps.factors.list(subject.user), deps.hasPassword(subject.user)]);
  const typed = (method: Typed): Offer => ({ how: 'typed', method, level: FIXED_LEVELS[method] });
  const again = proofs.filter(({ method }) => PRIMARY.has(method));
  return [
    ...methodsOf(factors).map(typed),
    ...(hasPassword
      ? [typed('password')]
      : again.map(({ method, level }): Offer => ({ how: 'sign_in', method, level }))),
  ];
}

export const givenIn = (deps: PortalDeps, proofs: readonly Proof[], now: number): Given => ({
  ...{ proofs, now },
  elevation: deps.options().elevation,
});

/** The page for the first of what helps, or for what was chosen; what else helps is a link away. */
export async function stepUpPage(
  deps: PortalDeps,
  { facts }: HandlerRequest,
  session: Session,
  view: {
    readonly target: string;
    readonly need: Need | undefined;
    readonly chosen?: Typed | undefined;
    readonly failed?: 'invalid' | 'busy';
  },
): Promise<Answer> {
  const { target, need, failed } = view;
  const language = languageOf(facts);
  const longest = deps.options().maxTargetBytes;
  const all = await offersOf(deps, session);
  const isCode = (offer: Offer): boolean => offer.how === 'typed' && offer.method !== 'password';
  // who comes without a need wants to prove more, and that is what codes do
  const offers =
    need === undefined ? all.filter(isCode) : helpful(need, all, givenIn(deps, session.proofs, deps.clock.now()));
  const typed = offers.flatMap((offer) => (offer.how === 'typed' ? [offer.method] : []));
  const codes = typed.filter((method) => method !== 'password');
  const method = typed.find((each) => each === view.chosen) ?? typed[0];
  const signIn = offers.some(({ how }) => how === 'sign_in') ? freshSignInUrl(target, longest) : undefined;
  if (method === undefined) {
    if (signIn !== undefined) return renderSignInAgain({ language, signInUrl: signIn });
    return renderNoFactor({ language, hasOthers: all.some(isCode), need });
  }
  const key = deps.csrfKeys[0];
  if (key === undefined) throw new Error('no key for form tokens');
  const form = {
    language,
    csrf: formToken(key, STEP_UP_PURPOSE, session.id, deps.clock.now()),
    returnTo: target,
    hidden: need && parseUrlencoded(needQuery(need).slice(1)),
  };
  const instead = (other: Typed | undefined): string | undefined => other && stepUpUrl(target, need, longest, other);
  if (method === 'password') {
    const { name, sub } = session.subject;
    return renderPassword({ ...form, user: name ?? sub, username: sub, error: failed, codeUrl: instead(codes[0]) });
  }
  return renderCode({
    ...form,
    purpose: 'step_up',
    methods: codes,
    method,
    failed: failed !== undefined,
    passwordUrl: instead(typed.find((each) => each === 'password')),
    signInUrl: signIn,
  });
}
