import type { Account, AccountOutcome, AccountProblem, Accounts } from '../identity/accounts.ts';
import { resolveUser } from '../identity/resolve-user.ts';
import type { OpenedServices } from './open-services.ts';
import { CommandFailure, EXIT } from './output.ts';

/** The account that `ann` or `staff:ann` means. @throws CommandFailure 1 when there is none, 2 when there are several */
export async function find(services: OpenedServices, name: string): Promise<{ accounts: Accounts; account: Account }> {
  const found = await resolveUser([...services.accounts.values()], name);
  if (found.ok) return found;
  if (found.reason === 'unknown') {
    throw new CommandFailure(`there is no user ${JSON.stringify(name)}; \`sallyport user list\` shows all`);
  }
  throw new CommandFailure(
    `${JSON.stringify(name)} is ambiguous; say one of ${found.candidates.join(', ')}`,
    EXIT.usage,
  );
}

/** `ann` of the only or the given provider; `staff:ann` says it all. @throws CommandFailure */
export function providerFor(
  { accounts }: OpenedServices,
  text: string,
  option: string | undefined,
): { readonly accounts: Accounts; readonly name: string } {
  const colon = text.indexOf(':');
  const name = text.slice(colon + 1);
  const prefix = colon < 0 ? undefined : text.slice(0, colon);
  if (prefix !== undefined && option !== undefined && prefix !== option)
    throw new CommandFailure(`${JSON.stringify(text)} and --provider ${option} contradict each other`, EXIT.usage);
  const ids = [...accounts.keys()];
  if (ids.length === 0) {
    throw new CommandFailure(
      'the configuration has no local accounts; add `{ id: staff, type: local }` to identity.providers',
    );
  }
  const wanted = prefix ?? option ?? (ids.length === 1 ? ids[0] : undefined);
  if (wanted === undefined)
    throw new CommandFailure(`say which provider with --provider: ${ids.join(', ')}`, EXIT.usage);
  const provider = accounts.get(wanted);
  if (provider !== undefined) return { accounts: provider, name };
  throw new CommandFailure(
    `there is no local provider ${JSON.stringify(wanted)}; there is ${ids.join(', ')}`,
    EXIT.usage,
  );
}

/** @throws CommandFailure 1 with the reason in words */
export function accountOf(outcome: AccountOutcome, name: string): Account {
  if (outcome.ok) return outcome.account;
  throw problem(outcome.reason, name);
}

export const problem = (reason: AccountProblem, name: string): CommandFailure =>
  new CommandFailure(PROBLEMS[reason].replace('NAME', () => JSON.stringify(name)));

const PROBLEMS: Readonly<Record<AccountProblem, string>> = {
  invalid_name:
    'NAME is no user name: lower-case letters, digits, dot, dash and underscore, at most 64, beginning with a letter or digit',
  invalid_email: 'that is no e-mail address',
  invalid_group: 'a group must be text of one line, at most 128 characters',
  invalid_role: 'a role must be text of one line, at most 128 characters',
  exists: 'NAME is taken; names are never given to somebody else',
  unknown: 'there is no user NAME',
  too_short: 'the password is too short: 8 characters at least',
  too_long: 'the password is too long: 1,024 bytes at most',
  busy: 'somebody else is changing NAME at the same moment; try again',
};
