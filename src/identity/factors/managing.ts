import { levelRank, type Method, type Need } from '../../core/decision.ts';
import type { Session } from '../../core/session.ts';
import type { FactorRecord } from './record.ts';
import { stands } from './standing.ts';

/** How long ago somebody may have proved who they are to change what proves it, ms (interfaces, "Who is who"). */
export const MANAGE_FACTORS_MS = 600_000;
/** What is asked of somebody who has a factor and did not show it lately. */
export const MANAGE_NEED: Need = { level: 'medium', maxAgeMs: MANAGE_FACTORS_MS, anyOf: undefined, allOf: [] };

/** How a session begins. */
export const PRIMARY: ReadonlySet<Method | undefined> = new Set<Method>(['password', 'oidc', 'mtls']);

/** What is looked at of a session. */
export type ManagingSession = Pick<Session, 'id' | 'createdAt' | 'proofs'>;

/**
 * Whether a session may change the factors of its user. The first one only soon after the sign-in that began the session: a
 * step-up cannot ask for what is not there, one with the password is no sign-in, and a session that was left open or stolen
 * later must not become the owner of the account. Then only with a factor that was shown lately and is still there, except that
 * the very session which enrolled all there are may go on for as long: it could have enrolled others to begin with.
 *
 * Holds for the session and the factors that were looked at: whoever acts on it makes both a condition of the commit.
 */
export function mayManage(
  session: ManagingSession,
  factors: readonly Pick<FactorRecord, 'id' | 'createdBy'>[],
  now: number,
): 'yes' | 'step_up' | 'sign_in_again' {
  const isFresh = (at: number): boolean => now - at <= MANAGE_FACTORS_MS;
  const signedInLately = isFresh(session.createdAt) && session.proofs.some(({ method }) => PRIMARY.has(method));
  if (factors.length === 0) return signedInLately ? 'yes' : 'sign_in_again';
  const shown = session.proofs.some(
    (proof) => levelRank(proof.level) >= levelRank(MANAGE_NEED.level) && isFresh(proof.at) && stands(proof, factors),
  );
  const allByThis = factors.every(({ createdBy }) => createdBy === session.id);
  return shown || (signedInLately && allByThis) ? 'yes' : 'step_up';
}
