import { usersNamed } from '../admin/who.ts';
import { providerIds } from '../app/snapshot.ts';
import type { UserId } from '../core/subject.ts';
import type { OpenedServices } from './open-services.ts';
import { CommandFailure, EXIT } from './output.ts';

/**
 * The user that `ann` or `staff:ann` means for sessions. @throws CommandFailure 1 when nobody has that name, 2 when several
 * do
 */
export async function ownerOf({ config, accounts, sessions }: OpenedServices, name: string): Promise<UserId> {
  const providers = providerIds(config);
  const [user, ...others] = await usersNamed({ providers, accounts: accounts.values(), sessions }, name);
  if (user === undefined)
    throw new CommandFailure(
      `nobody is called ${JSON.stringify(name)}; \`sallyport session list\` shows who is signed in`,
    );
  if (others.length > 0)
    throw new CommandFailure(
      `${JSON.stringify(name)} is ambiguous; say one of ${[user, ...others].join(', ')}`,
      EXIT.usage,
    );
  return user;
}
