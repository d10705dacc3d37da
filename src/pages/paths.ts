import type { Need } from '../core/decision.ts';
import { needQuery } from '../core/need.ts';

/** Addresses of our own that pages link to (interfaces, "Under /.sallyport/"). */
export const SIGN_IN_PATH = '/.sallyport/login';
export const SIGN_OUT_PATH = '/.sallyport/logout';
export const STEP_UP_PATH = '/.sallyport/step-up';
/** Where to come back to in a window that was opened only to confirm. */
export const STEP_UP_DONE = `${STEP_UP_PATH}?done=1`;
export const ME_PATH = '/.sallyport/me';
export const SESSIONS_PATH = '/.sallyport/me/sessions';
export const FACTORS_PATH = '/.sallyport/me/factors';

/** Where to sign in and then come back to `target`, a path with its query or an absolute address of ours. */
export const signInUrl = (target: string): string => `${SIGN_IN_PATH}?return_to=${encodeURIComponent(target)}`;

/** Where to give a stronger proof and then come back to `target`. */
export const stepUpUrl = (target: string, need?: Need): string =>
  `${STEP_UP_PATH}?return_to=${encodeURIComponent(target)}${need === undefined ? '' : needQuery(need)}`;
