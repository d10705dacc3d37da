import type { Proof } from '../core/decision.ts';
import type { Clock } from '../core/ports.ts';
import { type Subject, type UserId, userId } from '../core/subject.ts';
import { type Accounts, foldName, NAME_PATTERN, subjectOf } from './accounts.ts';
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
    };

/**
 * Checks a user name and a password against one provider's accounts. Exactly one password is hashed whatever is wrong.
 * The proof is one factor: level `none` (policy-language 3).
 * @throws StoreUnavailable
 */
export async function signIn(
  deps: { readonly accounts: Accounts; readonly hasher: PasswordHasher; readonly clock: Clock },
  given: { readonly username: string; readonly password: string },
): Promise<SignInOutcome> {
  const { accounts, hasher, clock } = deps;
  const name = foldName(given.username);
  const user = NAME_PATTERN.test(name) ? userId(accounts.provider, name) : undefined;
  const found = await accounts.credential(name);
  const verified = await hasher.verify(found?.phc, given.password);

  const failed = (reason: SignInFailure): SignInOutcome => ({ ok: false, reason, user });
  if (verified === 'busy') return failed('busy');
  if (found === undefined) return failed('unknown_user');
  if (found.phc === undefined) return failed('no_password');
  if (verified === 'mismatch') return failed('wrong_password');
  if (found.account.disabled) return failed('disabled');

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
