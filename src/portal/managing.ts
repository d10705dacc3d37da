import { levelRank, type Method, type Need } from '../core/decision.ts';
import type { Session } from '../core/session.ts';
import type { Factor } from '../identity/factors/store.ts';

/** How long ago somebody may have proved who they are to change what proves it, ms (interfaces, "Who is who"). */
export const MANAGE_FACTORS_MS = 600_000;
/** What is asked of somebody who has a factor and did not show it lately. */
export const MANAGE_NEED: Need = { level: 'medium', maxAgeMs: MANAGE_FACTORS_MS, anyOf: undefined, allOf: [] };

const PRIMARY: ReadonlySet<Method | undefined> = new Set<Method>(['password', 'oidc', 'mtls']);

/**
 * Whether a session may change the factors of its user. The first one only soon after a primary login: a step-up cannot ask
 * for what is not there, and a session that was left open or stolen later must not become the owner of the account. Then
 * only with a factor that was shown lately, except that the very session which enrolled all there are may go on for as long:
 * it could have enrolled others to begin with.
 */
export function mayManage(
  session: Session,
  factors: readonly Factor[],
  now: number,
): 'yes' | 'step_up' | 'sign_in_again' {
  const isFresh = (at: number): boolean => now - at <= MANAGE_FACTORS_MS;
  const signedInLately = session.proofs.some(({ method, at }) => PRIMARY.has(method) && isFresh(at));
  if (factors.length === 0) return signedInLately ? 'yes' : 'sign_in_again';
  const shown = session.proofs.some(({ level, at }) => levelRank(level) >= levelRank(MANAGE_NEED.level) && isFresh(at));
  const allByThis = factors.every(({ createdBy }) => createdBy === session.id);
  return shown || (signedInLately && allByThis) ? 'yes' : 'step_up';
}
