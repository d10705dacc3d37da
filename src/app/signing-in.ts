import type { Clock } from '../core/ports.ts';
import type { UserId } from '../core/subject.ts';
import type { Accounts } from '../identity/accounts.ts';
import type { PendingSignIn } from '../identity/factors/pending.ts';
import type { Lockout } from '../identity/lockout.ts';
import type { PasswordHasher } from '../identity/passwords.ts';
import { resumeSignIn, type SignInOutcome, signIn } from '../identity/sign-in.ts';

/**
 * Signs in with a user name, or `provider:name` where there are several local providers; without a provider the first one is
 * meant. Without any local provider the same work is done, attempts are counted as ever, and nobody gets in. `device` is the
 * proven id of the browser's device cookie, if it has one.
 */
export async function signInLocally(
  deps: {
    readonly accounts: ReadonlyMap<string, Accounts>;
    readonly hasher: PasswordHasher;
    readonly clock: Clock;
    readonly lockout: Lockout;
  },
  given: {
    readonly username: string;
    readonly password: string;
    readonly address: string;
    readonly device: string | undefined;
  },
): Promise<SignInOutcome> {
  const { accounts, hasher, clock } = deps;
  // who signs in has nothing to do with the device: the lock-out alone is told
  const lockout: Lockout = {
    ...deps.lockout,
    begin: (user, address) => deps.lockout.begin(user, address, given.device),
  };
  const colon = given.username.indexOf(':');
  const named = colon < 0 ? undefined : accounts.get(given.username.slice(0, colon));
  const [first = NOBODY] = accounts.values();
  const username = named === undefined ? given.username : given.username.slice(colon + 1);
  const outcome = await signIn({ accounts: named ?? first, hasher, clock, lockout }, { ...given, username });
  return outcome.ok || first !== NOBODY ? outcome : { ...outcome, user: undefined };
}

/** Goes on with a sign-in after its second step; undefined when the account, or its provider, is not what it was. */
export async function resumeLocally(
  accounts: ReadonlyMap<string, Accounts>,
  pending: PendingSignIn,
): Promise<Extract<SignInOutcome, { ok: true }> | undefined> {
  const named = accounts.get(pending.user.slice(0, pending.user.indexOf(':')));
  return named && resumeSignIn(named, pending);
}

/** Whether a user has a local account with a password. */
export async function hasLocalPassword(accounts: ReadonlyMap<string, Accounts>, user: UserId): Promise<boolean> {
  const colon = user.indexOf(':');
  const found = await accounts.get(user.slice(0, colon))?.find(user.slice(colon + 1));
  return found?.hasPassword === true;
}

/** Accounts of a gateway that has none. */
const NOBODY: Pick<Accounts, 'provider' | 'credential'> = { provider: 'none', credential: async () => undefined };
