import { type UserId, userId } from '../core/subject.ts';
import type { Accounts } from '../identity/accounts.ts';
import type { Sessions } from '../sessions/sessions.ts';

/** Where people are known from. */
export interface People {
  /** ids of all providers of the configuration */
  readonly providers: Iterable<string>;
  readonly accounts: Iterable<Accounts>;
  readonly sessions: Pick<Sessions, 'walkUser'>;
}

/**
 * The users that `ann` or `staff:ann` can mean for sessions: of the local accounts and of everybody who is signed in, for
 * not every provider keeps accounts here. A name alone is looked for at the providers of the configuration. Empty: nobody is
 * called so; more than one: the name is ambiguous. Costs a look or two for each provider, however many people there are.
 */
export async function usersNamed(people: People, name: string): Promise<readonly UserId[]> {
  const candidates = name.includes(':')
    ? [name as UserId]
    : [...people.providers].map((provider) => userId(provider, name));
  const users: UserId[] = [];
  for (const user of candidates) if (await isKnown(people, user)) users.push(user);
  return users;
}

async function isKnown({ accounts, sessions }: People, user: UserId): Promise<boolean> {
  const colon = user.indexOf(':');
  for (const each of accounts) {
    if (each.provider !== user.slice(0, colon)) continue;
    if ((await each.find(user.slice(colon + 1)))?.user === user) return true;
  }
  for await (const _ of sessions.walkUser(user)) return true;
  return false;
}
