import { loginCookieName, setCookie } from '../core/cookies.ts';
import type { RequestFacts } from '../core/facts.ts';
import type { Answer, HandlerRequest } from '../core/handler.ts';
import { returnTo } from '../core/return-to.ts';
import type { HeaderPair } from '../pages/layout.ts';
import { languageOf } from '../pages/negotiate.ts';
import { renderSignIn } from '../pages/sign-in-page.ts';
import { deadSession } from './answers.ts';
import type { PortalDeps } from './deps.ts';
import { formToken, verifyFormToken } from './form.ts';
import { ownOrigin, type Transport } from './transport.ts';

/** How long a sign-in form may stay open, ms: the life of its token and of the login cookie. */
export const SIGN_IN_FORM_LIFE_MS = 600_000;
const PURPOSE = 'login';
const NONCE_BYTES = 16;
const NONCE = /^[A-Za-z0-9_-]{22}$/;

/** The form, with the login cookie renewed so that it lives as long as the token; tabs share one nonce. */
export function signInForm(
  deps: PortalDeps,
  request: HandlerRequest,
  { secure }: Transport,
  view: { readonly target: string; readonly username?: string; readonly error?: 'invalid' | 'busy' | 'expired' },
): Answer {
  const { facts } = request;
  const nonce = nonceOf(facts) ?? newNonce(deps);
  return renderSignIn({
    language: languageOf(facts),
    csrf: signInToken(deps, nonce),
    returnTo: view.target,
    username: view.username?.slice(0, 128),
    error: view.error,
    headers: [
      renewedNonce(nonce, secure),
      ...deadSession(request),
      ...(view.error === undefined ? [] : ERROR_HEADERS[view.error]),
    ],
  });
}

// RFC 9110, 15.5.2: a 401 names a scheme; Bearer makes no browser ask for a password of its own
const ERROR_HEADERS = {
  invalid: [['WWW-Authenticate', 'Bearer']],
  expired: [['WWW-Authenticate', 'Bearer']],
  busy: [['Retry-After', '2']],
} as const;

/** The token of both steps' forms, bound to the browser by the nonce of its login cookie. */
export function signInToken(deps: Pick<PortalDeps, 'csrfKeys' | 'clock'>, nonce: string): string {
  const key = deps.csrfKeys[0];
  if (key === undefined) throw new Error('no key for form tokens');
  return formToken(key, PURPOSE, nonce, deps.clock.now());
}

/** The nonce of a form that was sent with a good token; undefined otherwise. */
export function provenNonce(
  deps: Pick<PortalDeps, 'csrfKeys' | 'clock'>,
  facts: RequestFacts,
  token: string | undefined,
): string | undefined {
  const nonce = nonceOf(facts);
  if (nonce === undefined) return undefined;
  const isGood = verifyFormToken(deps.csrfKeys, PURPOSE, nonce, token, deps.clock.now(), SIGN_IN_FORM_LIFE_MS);
  return isGood ? nonce : undefined;
}

export const renewedNonce = (nonce: string, secure: boolean): HeaderPair => [
  'Set-Cookie',
  setCookie(loginCookieName(secure), nonce, secure, SIGN_IN_FORM_LIFE_MS / 1000),
];

export const newNonce = ({ random }: Pick<PortalDeps, 'random'>): string =>
  Buffer.from(random.bytes(NONCE_BYTES)).toString('base64url');

/** A `return_to` as it was sent, rebuilt: only to this host, or to one that a route names. */
export const targetOf = (deps: Pick<PortalDeps, 'namesHost'>, facts: RequestFacts, text: string | undefined): string =>
  returnTo(text, ownOrigin(facts), (host) => host === facts.host || deps.namesHost(host));

/** The login cookie's nonce; undefined when there is none, several, or something that we did not make. */
const nonceOf = ({ loginCookie }: RequestFacts): string | undefined =>
  typeof loginCookie === 'string' && NONCE.test(loginCookie) ? loginCookie : undefined;
