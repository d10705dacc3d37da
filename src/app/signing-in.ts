import type { Clock } from '../core/ports.ts';
import type { Accounts } from '../identity/accounts.ts';
import type { PasswordHasher } from '../identity/passwords.ts';
import { type SignInOutcome, signIn } from '../identity/sign-in.ts';

/**
 * Signs in with a user name, or `provider:name` where there are several local providers; without a provider the first one is
 * meant. Without any local provider the same work is done and nobody gets in.
 */
export async function signInLocally(
  deps: { readonly accounts: ReadonlyMap<string, Accounts>; readonly hasher: PasswordHasher; readonly clock: Clock },
  given: { readonly username: string; readonly password: string },
): Promise<SignInOutcome> {
  const { accounts, hasher, clock } = deps;
  const colon = given.username.indexOf(':');
  const named = colon < 0 ? undefined : accounts.get(given.username.slice(0, colon));
  const [first] = accounts.values();
  const provider = named ?? first;
  if (provider === undefined) {
    const verified = await hasher.verify(undefined, given.password);
    return { ok: false, reason: verified === 'busy' ? 'busy' : 'unknown_user', user: undefined };
  }
  const username = named === undefined ? given.username : given.username.slice(colon + 1);
  return signIn({ accounts: provider, hasher, clock }, { username, password: given.password });
}
