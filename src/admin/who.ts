import type { UserId } from '../core/subject.ts';
import type { Accounts } from '../identity/accounts.ts';
import type { Sessions } from '../sessions/sessions.ts';

/** Where people are known from. */
export interface People {
  readonly accounts: Iterable<Accounts>;
  readonly sessions: Pick<Sessions, 'listUser' | 'listAll'>;
}

/**
 * The users that `ann` or `staff:ann` can mean for sessions: of the local accounts and of everybody who is signed in, for
 * not every provider keeps accounts here. Empty: nobody is called so; more than one: the name is ambiguous.
 */
export async function usersNamed({ accounts, sessions }: People, name: string): Promise<readonly UserId[]> {
  const users = new Set<UserId>();
  const colon = name.indexOf(':');
  const matches = (user: UserId): boolean => (colon < 0 ? user.slice(user.indexOf(':') + 1) === name : user === name);
  for (const provider of accounts) {
    const account = await provider.find(name.slice(colon + 1));
    if (account !== undefined && matches(account.user)) users.add(account.user);
  }
  if (colon < 0) {
    for await (const { subject } of sessions.listAll()) if (matches(subject.user)) users.add(subject.user);
  } else if (users.size === 0 && (await sessions.listUser(name as UserId)).length > 0) {
    users.add(name as UserId);
  }
  return [...users];
}
