import type { Clock } from '../core/ports.ts';
import type { Accounts } from '../identity/accounts.ts';
import type { Lockout } from '../identity/lockout.ts';
import type { PasswordHasher } from '../identity/passwords.ts';
import { type SignInOutcome, signIn } from '../identity/sign-in.ts';

/**
 * Signs in with a user name, or `provider:name` where there are several local providers; without a provider the first one is
 * meant. Without any local provider the same work is done, attempts are counted as ever, and nobody gets in.
 */
export async function signInLocally(
  deps: {
    readonly accounts: ReadonlyMap<string, Accounts>;
    readonly hasher: PasswordHasher;
    readonly clock: Clock;
    readonly lockout: Lockout;
  },
  given: { readonly username: string; readonly password: string; readonly address: string },
): Promise<SignInOutcome> {
  const { accounts, ...others } = deps;
  const colon = given.username.indexOf(':');
  const named = colon < 0 ? undefined : accounts.get(given.username.slice(0, colon));
  const [first = NOBODY] = accounts.values();
  const username = named === undefined ? given.username : given.username.slice(colon + 1);
  const outcome = await signIn({ accounts: named ?? first, ...others }, { ...given, username });
  return outcome.ok || first !== NOBODY ? outcome : { ...outcome, user: undefined };
}

/** Accounts of a gateway that has none. */
const NOBODY: Pick<Accounts, 'provider' | 'credential'> = { provider: 'none', credential: async () => undefined };
