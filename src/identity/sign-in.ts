import type { Proof } from '../core/decision.ts';
import type { Clock } from '../core/ports.ts';
import { type Subject, type UserId, userId } from '../core/subject.ts';
import { type Accounts, foldName, NAME_PATTERN, subjectOf } from './accounts.ts';
import { type Lockout, strayUser } from './lockout.ts';
import type { PasswordHasher } from './passwords.ts';

/** Why a sign-in failed. For the audit log only: outside, all but `busy` read the same (security rule 20). */
export type SignInFailure = 'unknown_user' | 'wrong_password' | 'no_password' | 'disabled' | 'busy';

export type SignInOutcome =
  | {
      readonly ok: true;
      readonly subject: Subject;
      readonly proofs: readonly Proof[];
      /**
       * Whether the account is still enabled with the very same password. Ask again after the session exists: of a disabling
       * at the same moment, either `revokeUser` sees the session or this sees the disabling.
       */
      readonly stillHolds: () => Promise<boolean>;
    }
  | {
      readonly ok: false;
      readonly reason: SignInFailure;
      /** undefined when what was typed cannot be a user name: people type passwords there, so it goes nowhere */
      readonly user: UserId | undefined;
    }
  | {
      readonly ok: false;
      /** too many attempts before this one: no password was looked at */
      readonly reason: 'locked_out';
      /** seconds until it may be tried again; at least 1, at most the window of the lock-out */
      readonly retryAfterSeconds: number;
      /** undefined when what was typed cannot be a user name */
      readonly user: UserId | undefined;
      /** whether there is such an account: for the audit log only, like the other reasons */
      readonly exists: boolean;
    };

/**
 * Checks a user name and a password against one provider's accounts. Exactly one password is hashed whatever is wrong, and
 * none when there were too many attempts before (lockout.ts), whether or not the user exists and the password is right.
 * `address` is the client's. The proof is one factor: level `none` (policy-language 3).
 * @throws StoreUnavailable
 */
export async function signIn(
  deps: {
    readonly accounts: Pick<Accounts, 'provider' | 'credential'>;
    readonly hasher: PasswordHasher;
    readonly clock: Clock;
    readonly lockout: Lockout;
  },
  given: { readonly username: string; readonly password: string; readonly address: string },
): Promise<SignInOutcome> {
  const { accounts, hasher, clock, lockout } = deps;
  const name = foldName(given.username);
  const user = NAME_PATTERN.test(name) ? userId(accounts.provider, name) : undefined;
  const found = await accounts.credential(name);
  const attempt = await lockout.begin(user ?? strayUser(accounts.provider, name), given.address);
  if (!attempt.allowed) {
    const { retryAfterSeconds } = attempt;
    return { ok: false, reason: 'locked_out', retryAfterSeconds, user, exists: found !== undefined };
  }
  const verified = await hasher.verify(found?.phc, given.password);

  const failed = (reason: SignInFailure): SignInOutcome => ({ ok: false, reason, user });
  if (verified === 'busy') {
    await attempt.unchecked();
    return failed('busy');
  }
  if (found === undefined) return failed('unknown_user');
  if (found.phc === undefined) return failed('no_password');
  if (verified === 'mismatch') return failed('wrong_password');
  if (found.account.disabled) return failed('disabled');
  await attempt.succeeded();

  return {
    ok: true,
    subject: subjectOf(found.account),
    proofs: [{ method: 'password', level: 'none', at: clock.now() }],
    stillHolds: async () => {
      const now = await accounts.credential(name);
      return now !== undefined && !now.account.disabled && now.phc === found.phc;
    },
  };
}
