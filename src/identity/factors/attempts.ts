import type { Clock } from '../../core/ports.ts';
import type { Store, StoreKey } from '../../core/store.ts';
import { partitionOf, type UserId } from '../../core/subject.ts';
import { userHash } from './keys.ts';

/** Wrong codes of one user within a window, whatever the factor (NIST SP 800-63B-4, 3.2.2). */
export const CODE_ATTEMPTS = 10;
/** ms; begins with the first attempt and is not prolonged by later ones */
export const CODE_WINDOW_MS = 15 * 60_000;

export type CodeAttempt =
  | { readonly allowed: true }
  | {
      readonly allowed: false;
      /** 1 to the length of the window */
      readonly retryAfterSeconds: number;
    };

/** The counter's name in the user's partition; removed in the same step in which a right code is used. */
export const attemptsName = (user: UserId): string => `code-attempt/${userHash(user)}`;

/**
 * Counts an attempt before the code is looked at: of any number at once, in any number of processes, no more than the limit
 * is checked. Counted per user over all networks, unlike passwords (lockout.ts): who gets as far as a code knows the password
 * or has the session already, so a stranger cannot use it against the owner, and guesses that come from everywhere are
 * counted together.
 * @throws StoreUnavailable
 */
export async function beginCodeAttempt(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  user: UserId,
): Promise<CodeAttempt> {
  const key: StoreKey = { partition: partitionOf(user), name: attemptsName(user) };
  // looked at before anything is written: what is refused anyway must not keep the disk busy
  const before = await store.get(key);
  if (before !== undefined && !(Number(before.value) < CODE_ATTEMPTS)) return refused(before.expiresAt);
  const count = await store.increment(key, 1, CODE_WINDOW_MS);
  if (count <= CODE_ATTEMPTS) return { allowed: true };
  return refused((await store.get(key))?.expiresAt);

  function refused(endsAt: number | undefined): CodeAttempt {
    const left = Math.min(Math.max((endsAt ?? Number.POSITIVE_INFINITY) - clock.now(), 1), CODE_WINDOW_MS);
    return { allowed: false, retryAfterSeconds: Math.ceil(left / 1000) };
  }
}
