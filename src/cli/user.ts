import type { Command } from 'commander';
import type { Account, AccountOutcome, AccountProblem, Accounts } from '../identity/accounts.ts';
import { resolveUser } from '../identity/resolve-user.ts';
import { CONFIG_OPTION } from './config-file.ts';
import { type OpenedServices, withServices } from './open-services.ts';
import { CommandFailure, EXIT, say, sayJson, tableText } from './output.ts';
import { readPassword } from './password.ts';

interface UserOptions {
  readonly config?: string;
  readonly json?: boolean;
  readonly email?: string;
  readonly groups?: string;
  readonly roles?: string;
  readonly provider?: string;
  readonly passwordStdin?: boolean;
}

export function addUser(program: Command): void {
  const user = program.command('user').description('Local accounts.');
  user
    .command('add <name>')
    .description('Add an account; its password is asked for, or read from standard input.')
    .option('--email <address>')
    .option('--groups <list>', 'comma-separated')
    .option('--roles <list>', 'comma-separated')
    .option('--provider <id>', 'which local provider, when there are several')
    .option('--password-stdin', 'read the password from standard input')
    .option('--json')
    .option(...CONFIG_OPTION)
    .action((name: string, options: UserOptions) =>
      withServices(options.config, (services) => add(services, name, options)),
    );
  user
    .command('list')
    .description('All accounts.')
    .option('--json')
    .option(...CONFIG_OPTION)
    .action((options: UserOptions) => withServices(options.config, (services) => list(services, options)));
  user
    .command('reset <name>')
    .description('Set a new password; ends all sessions of the user.')
    .option('--password-stdin', 'read the password from standard input')
    .option('--json')
    .option(...CONFIG_OPTION)
    .action((name: string, options: UserOptions) =>
      withServices(options.config, async (services) => {
        const { accounts, account } = await find(services, name);
        const password = await readPassword(options.passwordStdin === true);
        await change(services, options, 'user_reset', account, () => accounts.setPassword(account.name, password));
      }),
    );
  user
    .command('disable <name>')
    .description('Nobody signs in with the account any more; ends all sessions of the user.')
    .option('--json')
    .option(...CONFIG_OPTION)
    .action((name: string, options: UserOptions) =>
      withServices(options.config, async (services) => {
        const { accounts, account } = await find(services, name);
        await change(services, options, 'user_disable', account, () => accounts.disable(account.name));
      }),
    );
}

async function add(services: OpenedServices, name: string, options: UserOptions): Promise<void> {
  const accounts = providerFor(services, options.provider);
  const password = await readPassword(options.passwordStdin === true);
  const outcome = await accounts.add(name, {
    email: options.email,
    groups: listOf(options.groups),
    roles: listOf(options.roles),
    password,
  });
  const account = accountOf(outcome, name);
  await services.administered({ action: 'user_add', result: 'success', user: account.user });
  if (options.json) sayJson(publicAccount(account));
  else say(`added ${account.user}`);
}

async function list({ accounts }: OpenedServices, options: UserOptions): Promise<void> {
  const all = (await Promise.all([...accounts.values()].map((each) => each.list()))).flat();
  if (options.json) return sayJson(all.map(publicAccount));
  const rows = all.map((each) => [
    each.user,
    each.email ?? '',
    each.groups.join(','),
    each.roles.join(','),
    stateOf(each),
  ]);
  say(tableText(['USER', 'EMAIL', 'GROUPS', 'ROLES', 'STATE'], rows));
}

/** Changes an account, then ends its sessions: the other way round one could be made in between. */
async function change(
  services: OpenedServices,
  options: UserOptions,
  action: string,
  account: Account,
  apply: () => Promise<AccountOutcome>,
): Promise<void> {
  accountOf(await apply(), account.name);
  const ended = await services.sessions.revokeUser(account.user, services.by, action);
  await services.administered({ action, result: 'success', user: account.user, detail: `${ended} session(s) ended` });
  if (options.json) sayJson({ user: account.user, action, sessions_ended: ended });
  else say(`${account.user}: ${action.replace('user_', '')} done, ${ended} session(s) ended`);
}

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

function providerFor({ accounts }: OpenedServices, wanted: string | undefined): Accounts {
  const ids = [...accounts.keys()];
  const chosen = wanted === undefined ? (ids.length === 1 ? ids[0] : undefined) : ids.find((id) => id === wanted);
  const provider = chosen === undefined ? undefined : accounts.get(chosen);
  if (provider !== undefined) return provider;
  if (ids.length === 0) throw new CommandFailure('the configuration has no provider of `type: local`', EXIT.failure);
  throw new CommandFailure(`say which provider with --provider: ${ids.join(', ')}`, EXIT.usage);
}

function accountOf(outcome: AccountOutcome, name: string): Account {
  if (outcome.ok) return outcome.account;
  throw new CommandFailure(PROBLEMS[outcome.reason].replace('NAME', JSON.stringify(name)));
}

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

const listOf = (text: string | undefined): string[] =>
  (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
const stateOf = (account: Account): string =>
  account.disabled ? 'disabled' : account.hasPassword ? 'active' : 'no password';
const publicAccount = ({ user, provider, name, email, groups, roles, disabled, createdAt }: Account) => ({
  user,
  provider,
  name,
  email: email ?? null,
  groups,
  roles,
  disabled,
  created: new Date(createdAt).toISOString(),
});
