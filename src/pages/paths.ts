import type { Method, Need } from '../core/decision.ts';
import { needQuery } from '../core/need.ts';
import { MAX_RETURN_TO } from '../core/return-to.ts';

/** Addresses of our own that pages link to (interfaces, "Under /.sallyport/"). */
export const SIGN_IN_PATH = '/.sallyport/login';
export const SIGN_OUT_PATH = '/.sallyport/logout';
export const STEP_UP_PATH = '/.sallyport/step-up';
/** Where to come back to in a window that was opened only to confirm. */
export const STEP_UP_DONE = `${STEP_UP_PATH}?done=1`;
export const ME_PATH = '/.sallyport/me';
export const SESSIONS_PATH = '/.sallyport/me/sessions';
export const FACTORS_PATH = '/.sallyport/me/factors';

/**
 * Where to sign in and then come back to `target`, a path with its query or an absolute address of ours. Escaped it may be three
 * times as long: an address of more than `longest` characters, or a target that `return_to` does not take, comes back to the
 * path without its query, and where that is too long as well to `/`.
 */
export const signInUrl = (target: string, longest?: number): string => comingBack(SIGN_IN_PATH, target, '', longest);

/** The same for somebody who may be signed in already: they are asked all the same (OpenID Connect Core, 3.1.2.1, `prompt`). */
export const freshSignInUrl = (target: string, longest?: number): string =>
  comingBack(SIGN_IN_PATH, target, '&prompt=login', longest);

/** Where to give a stronger proof and then come back to `target`, as above; `method` is what to ask for where there is a choice. */
export const stepUpUrl = (target: string, need?: Need, longest?: number, method?: Method): string => {
  const asked = need === undefined ? '' : needQuery(need);
  return comingBack(STEP_UP_PATH, target, method === undefined ? asked : `${asked}&method=${method}`, longest);
};

function comingBack(page: string, target: string, rest: string, longest = Number.POSITIVE_INFINITY): string {
  const address = (to: string): string => `${page}?return_to=${encodeURIComponent(to)}${rest}`;
  const [path = '/'] = target.split('?', 1);
  const fits = (to: string): boolean => to.length <= MAX_RETURN_TO && address(to).length <= longest;
  return address([target, path].find(fits) ?? '/');
}
