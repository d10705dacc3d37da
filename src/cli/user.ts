import type { Command } from 'commander';
import { publicAccount } from '../admin/shapes.ts';
import { type Account, type AccountOutcome, foldName, NAME_PATTERN } from '../identity/accounts.ts';
import { resetFactors } from '../identity/factors/reset.ts';
import { openLockout } from '../identity/lockout.ts';
import { CONFIG_OPTION } from './config-file.ts';
import { type OpenedServices, withServices } from './open-services.ts';
import { CommandFailure, complain, EXIT, JSON_OPTION, say, sayJson, tableText } from './output.ts';
import { readPassword } from './password.ts';
import { fieldsOf, openRemote, urlOption } from './remote.ts';
import { accountOf, find, problem, providerFor } from './user-account.ts';

interface UserOptions {
  readonly config?: string;
  readonly url?: string;
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
  const user = program
    .command('user')
    .description('Local accounts: add, list, set, reset, reset-factors, disable, enable, unlock.');
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
    .description('All accounts of the local providers, by user.')
    .option(...JSON_OPTION)
    .option(...CONFIG_OPTION)
    .addOption(urlOption())
    .action(list);
  user
    .command('reset')
    .description('Set a new password, end all sessions of the user and forget on which devices they signed in.')
    .argument(...NAME)
    .option(...PASSWORD_OPTION)
    .option(...JSON_OPTION)
    .option(...CONFIG_OPTION)
    .action((name: string, options: UserOptions) =>
      withServices(options.config, async (services) => {
        const { accounts, account } = await find(services, name);
        const password = await readPassword(options.passwordStdin === true);
        const done = account.disabled ? 'has a new password and stays disabled' : 'has a new password';
        const result = await changed(services, 'user_reset', account, () =>
          accounts.setPassword(account.name, password),
        );
        if (options.json) sayJson(result);
        else say(`${result.user} ${done}; ended ${result.sessions_ended} session(s)`);
      }),
    );
  user
    .command('set')
    .description('Change e-mail, groups or roles; in force with the next request of the user, on every process.')
    .argument(...NAME)
    .option('--email <address>', 'e-mail address, told to applications')
    .option('--groups <list>', 'all groups from now on, comma-separated')
    .option('--roles <list>', 'all roles from now on, comma-separated')
    .option(...JSON_OPTION)
    .option(...CONFIG_OPTION)
    .action((name: string, options: UserOptions) =>
      withServices(options.config, (services) => set(services, name, options)),
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
        let had = false;
        const result = await changed(services, 'user_reset_factors', account, async () => {
          had = await resetFactors(services, account.user);
          return { ok: true, account };
        });
        const done = had ? 'has no second factor any more' : 'had no second factor';
        if (options.json) sayJson(result);
        else say(`${result.user} ${done}; ended ${result.sessions_ended} session(s)`);
      }),
    );
  user
    .command('disable')
    .description('Let nobody sign in with the account any more, and end all sessions of the user.')
    .argument(...NAME)
    .option(...JSON_OPTION)
    .option(...CONFIG_OPTION)
    .addOption(urlOption())
    .action((name: string, options: UserOptions) => administer('disable', name, options));
  user
    .command('enable')
    .description('Let a disabled user sign in again.')
    .argument(...NAME)
    .option(...JSON_OPTION)
    .option(...CONFIG_OPTION)
    .addOption(urlOption())
    .action((name: string, options: UserOptions) => administer('enable', name, options));
  user
    .command('unlock')
    .description('Forget the wrong passwords and codes of the user, from whatever network or device.')
    .argument(...NAME)
    .option(...JSON_OPTION)
    .option(...CONFIG_OPTION)
    .addOption(urlOption())
    .action((name: string, options: UserOptions) => administer('unlock', name, options));
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

async function list(options: UserOptions): Promise<void> {
  const all = await (options.url === undefined
    ? withServices(options.config, async ({ accounts }) =>
        (await Promise.all([...accounts.values()].map((each) => each.list()))).flat().map(shownHere),
      )
    : openRemote(options.url)
        .all('/users', 'users')
        .then((users) => users.map(shownThere)));
  all.sort(({ row: [a = ''] }, { row: [b = ''] }) => (a < b ? -1 : 1));
  if (options.json) return sayJson(all.map(({ json }) => json));
  if (all.length === 0) return complain('there are no accounts yet; `sallyport user add NAME` makes one');
  say(
    tableText(
      ['USER', 'EMAIL', 'GROUPS', 'ROLES', 'STATE'],
      all.map(({ row }) => row),
    ),
  );
}

interface ShownAccount {
  readonly json: unknown;
  readonly row: readonly string[];
}

const shownHere = (account: Account): ShownAccount => ({
  json: publicAccount(account),
  row: [account.user, account.email ?? '', account.groups.join(','), account.roles.join(','), stateOf(account)],
});

function shownThere(item: unknown): ShownAccount {
  const { user, email, groups, roles, disabled } = fieldsOf(item);
  const text = (value: unknown): string => (Array.isArray(value) ? value.join(',') : String(value ?? ''));
  return { json: item, row: [text(user), text(email), text(groups), text(roles), disabled === true ? 'disabled' : ''] };
}

const DONE = {
  disable: 'is disabled',
  enable: 'may sign in again',
  unlock: 'is unlocked',
} as const;

/** Disables, enables or unlocks, here or there, with one output for both. */
async function administer(verb: keyof typeof DONE, name: string, options: UserOptions): Promise<void> {
  const done = await (options.url === undefined
    ? withServices(options.config, (services) => administerHere(services, verb, name))
    : openRemote(options.url).ask('POST', `/users/${encodeURIComponent(name)}/${verb}`));
  if (options.json) return sayJson(done);
  const { user, sessions_ended: ended, counters_cleared: cleared } = fieldsOf(done);
  const more = verb === 'unlock' ? `cleared ${cleared} counter(s) of attempts` : `ended ${ended} session(s)`;
  say(`${user} ${DONE[verb]}; ${more}`);
}

async function administerHere(services: OpenedServices, verb: keyof typeof DONE, name: string): Promise<object> {
  const { store, clock, sessions, by, administered } = services;
  const { accounts, account } = await find(services, name);
  const { user } = account;
  const action = `user_${verb}`;
  if (verb === 'disable') return changed(services, action, account, () => accounts.disable(account.name));
  // what gives rights is recorded before it happens: without a record nobody gets them
  await administered({ action, result: 'success', user }, 'to_be_done');
  if (verb === 'unlock') return { user, action, counters_cleared: await openLockout({ store, clock }).clear(user) };
  const ended = account.disabled ? await sessions.revokeUser(user, by, action) : 0;
  accountOf(await accounts.enable(account.name), account.name);
  return { user, action, sessions_ended: ended };
}

/** What gives rights is on record before it happens. */
async function set(services: OpenedServices, text: string, options: UserOptions): Promise<void> {
  const { email, groups, roles } = options;
  if (email === undefined && groups === undefined && roles === undefined) {
    throw new CommandFailure('say what to change: --email, --groups or --roles', EXIT.usage);
  }
  const { accounts, account } = await find(services, text);
  const to = {
    ...(email !== undefined && { email }),
    ...(groups !== undefined && { groups: listOf(groups) }),
    ...(roles !== undefined && { roles: listOf(roles) }),
  };
  const detail = Object.entries(to)
    .map(([key, value]) => `${key}: ${[value].flat().join(',')}`)
    .join('; ');
  await services.administered({ action: 'user_set', result: 'success', user: account.user, detail }, 'to_be_done');
  const changed = accountOf(await accounts.change(account.name, to), account.name);
  if (options.json) sayJson(publicAccount(changed));
  else say(`changed ${changed.user}; in force with the next request`);
}

/** Changes an account, then ends its sessions: the other way round one could be made in between. */
async function changed(
  services: OpenedServices,
  action: string,
  account: Account,
  apply: () => Promise<AccountOutcome>,
): Promise<{ readonly user: string; readonly action: string; readonly sessions_ended: number }> {
  accountOf(await apply(), account.name);
  const ended = await services.sessions.revokeUser(account.user, services.by, action);
  const { user } = account;
  await services.administered({ action, result: 'success', user, detail: `${ended} session(s) ended` });
  return { user, action, sessions_ended: ended };
}

const listOf = (text: string | undefined): string[] =>
  (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
const stateOf = (account: Account): string =>
  account.disabled ? 'disabled' : account.hasPassword ? 'active' : 'no password';
