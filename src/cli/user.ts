import type { Command } from 'commander';
import { type Account, type AccountOutcome, foldName, NAME_PATTERN } from '../identity/accounts.ts';
import { resetFactors } from '../identity/factors/reset.ts';
import { CONFIG_OPTION } from './config-file.ts';
import { type OpenedServices, withServices } from './open-services.ts';
import { complain, JSON_OPTION, say, sayJson, tableText } from './output.ts';
import { readPassword } from './password.ts';
import { accountOf, find, problem, providerFor } from './user-account.ts';

interface UserOptions {
  readonly config?: string;
  readonly json?: boolean;
  readonly email?: string;
  readonly groups?: string;
  readonly roles?: string;
  readonly provider?: string;
  readonly passwordStdin?: boolean;
}

const PASSWORD_OPTION = ['--password-stdin', 'read the password from standard input instead of the terminal'] as const;
const NAME = ['<name>', 'ann, or staff:ann where several providers have one'] as const;

export function addUser(program: Command): void {
  const user = program.command('user').description('Local accounts: add, list, reset, reset-factors, disable.');
  user
    .command('add')
    .description('Add an account. Its password is asked for on the terminal, or read from standard input.')
    .argument('<name>', 'lower-case letters, digits, dot, dash and underscore; staff:ann names the provider too')
    .option('--email <address>', 'e-mail address, told to applications')
    .option('--groups <list>', 'groups that policies ask about, comma-separated')
    .option('--roles <list>', 'roles, comma-separated')
    .option('--provider <id>', 'which local provider, when the configuration has several')
    .option(...PASSWORD_OPTION)
    .option(...JSON_OPTION)
    .option(...CONFIG_OPTION)
    .addHelpText(
      'after',
      '\nExamples:\n  sallyport user add ann --email ann@example.com --groups staff,leads\n  pass show ann | sallyport user add ann --groups staff --password-stdin',
    )
    .action((name: string, options: UserOptions) =>
      withServices(options.config, (services) => add(services, name, options)),
    );
  user
    .command('list')
    .description('All accounts of the local providers.')
    .option(...JSON_OPTION)
    .option(...CONFIG_OPTION)
    .action((options: UserOptions) => withServices(options.config, (services) => list(services, options)));
  user
    .command('reset')
    .description('Set a new password and end all sessions of the user.')
    .argument(...NAME)
    .option(...PASSWORD_OPTION)
    .option(...JSON_OPTION)
    .option(...CONFIG_OPTION)
    .action((name: string, options: UserOptions) =>
      withServices(options.config, async (services) => {
        const { accounts, account } = await find(services, name);
        const password = await readPassword(options.passwordStdin === true);
        const done = account.disabled ? 'has a new password and stays disabled' : 'has a new password';
        await change(services, options, 'user_reset', done, account, () =>
          accounts.setPassword(account.name, password),
        );
      }),
    );
  user
    .command('reset-factors')
    .description(
      'Take all second factors of the user away (a lost phone), and end all sessions. Verify first who is asking.',
    )
    .argument(...NAME)
    .option(...JSON_OPTION)
    .option(...CONFIG_OPTION)
    .action((name: string, options: UserOptions) =>
      withServices(options.config, async (services) => {
        const { account } = await find(services, name);
        const had = await resetFactors(services, account.user);
        const done = had ? 'has no second factor any more' : 'had no second factor';
        await change(services, options, 'user_reset_factors', done, account, async () => ({ ok: true, account }));
      }),
    );
  user
    .command('disable')
    .description('Let nobody sign in with the account any more, and end all sessions of the user.')
    .argument(...NAME)
    .option(...JSON_OPTION)
    .option(...CONFIG_OPTION)
    .action((name: string, options: UserOptions) =>
      withServices(options.config, async (services) => {
        const { accounts, account } = await find(services, name);
        await change(services, options, 'user_disable', 'is disabled', account, () => accounts.disable(account.name));
      }),
    );
}

async function add(services: OpenedServices, text: string, options: UserOptions): Promise<void> {
  const { accounts, name } = providerFor(services, text, options.provider);
  // told before a password is typed in vain; `add` itself looks again
  if (!NAME_PATTERN.test(foldName(name))) throw problem('invalid_name', name);
  if ((await accounts.find(name)) !== undefined) throw problem('exists', name);
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
  if (all.length === 0) return complain('there are no accounts yet; `sallyport user add NAME` makes one');
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
  done: string,
  account: Account,
  apply: () => Promise<AccountOutcome>,
): Promise<void> {
  accountOf(await apply(), account.name);
  const ended = await services.sessions.revokeUser(account.user, services.by, action);
  await services.administered({ action, result: 'success', user: account.user, detail: `${ended} session(s) ended` });
  if (options.json) sayJson({ user: account.user, action, sessions_ended: ended });
  else say(`${account.user} ${done}; ended ${ended} session(s)`);
}

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
