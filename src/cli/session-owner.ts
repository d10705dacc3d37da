import type { UserId } from '../core/subject.ts';
import type { OpenedServices } from './open-services.ts';
import { CommandFailure, EXIT } from './output.ts';

/**
 * The user that `ann` or `staff:ann` means for sessions: of the local accounts and of everybody who is signed in, for not
 * every provider keeps accounts here. @throws CommandFailure 1 when nobody has that name, 2 when several do
 */
export async function ownerOf({ accounts, sessions }: OpenedServices, name: string): Promise<UserId> {
  const users = new Set<UserId>();
  const colon = name.indexOf(':');
  const matches = (user: UserId): boolean => (colon < 0 ? user.slice(user.indexOf(':') + 1) === name : user === name);
  for (const provider of accounts.values()) {
    const account = await provider.find(name.slice(colon + 1));
    if (account !== undefined && matches(account.user)) users.add(account.user);
  }
  for await (const { subject } of sessions.listAll()) if (matches(subject.user)) users.add(subject.user);
  const [user, ...others] = users;
  if (user === undefined)
    throw new CommandFailure(
      `nobody is called ${JSON.stringify(name)}; \`sallyport session list\` shows who is signed in`,
    );
  if (others.length > 0)
    throw new CommandFailure(`${JSON.stringify(name)} is ambiguous; say one of ${[...users].join(', ')}`, EXIT.usage);
  return user;
}
