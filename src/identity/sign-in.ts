import { hash } from 'node:crypto';
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
      /** what the account looked like; `resumeSignIn` goes on with it later */
      readonly stamp: string;
      /** wall-clock ms at which the account was read */
      readonly checkedAt: number;
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
      /** the configured limit that refused it, if it was one: for the audit log and metrics only */
      readonly limit?: string | undefined;
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
  const checkedAt = clock.now();
  const found = await accounts.credential(name);
  const attempt = await lockout.begin(user ?? strayUser(accounts.provider, name), given.address);
  if (!attempt.allowed) {
    const { retryAfterSeconds, limit } = attempt;
    return { ok: false, reason: 'locked_out', retryAfterSeconds, user, exists: found !== undefined, limit };
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

  const stamp = stampOf(found.phc);
  return {
    ok: true,
    subject: subjectOf(found.account),
    proofs: [{ method: 'password', level: 'none', at: clock.now() }],
    stillHolds: () => holds(accounts, name, stamp),
    stamp,
    checkedAt,
  };
}

/**
 * Goes on with a sign-in whose password was right a while ago; undefined when the account was disabled or its password
 * changed since. `pending.proofs` are taken over as they are.
 * @throws StoreUnavailable
 */
export async function resumeSignIn(
  accounts: Pick<Accounts, 'provider' | 'credential'>,
  pending: {
    readonly user: UserId;
    readonly stamp: string;
    readonly proofs: readonly Proof[];
    readonly checkedAt: number;
  },
): Promise<Extract<SignInOutcome, { ok: true }> | undefined> {
  const { stamp, proofs, checkedAt } = pending;
  const name = pending.user.slice(accounts.provider.length + 1);
  const found = await accounts.credential(name);
  if (found === undefined || found.account.user !== pending.user || !(await holds(accounts, name, stamp)))
    return undefined;
  const subject = subjectOf(found.account);
  return { ok: true, subject, proofs, stamp, checkedAt, stillHolds: () => holds(accounts, name, stamp) };
}

async function holds(accounts: Pick<Accounts, 'credential'>, name: string, stamp: string): Promise<boolean> {
  const now = await accounts.credential(name);
  return now?.phc !== undefined && !now.account.disabled && stampOf(now.phc) === stamp;
}

/** A new password, even the same one, has a new salt and so another stamp. */
const stampOf = (phc: string): string => hash('sha256', phc, 'base64url');
