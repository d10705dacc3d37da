import type { Command } from 'commander';
import { publicSession } from '../admin/shapes.ts';
import type { SessionId } from '../core/session.ts';
import { CONFIG_OPTION } from './config-file.ts';
import { type OpenedServices, withServices } from './open-services.ts';
import { CommandFailure, complain, EXIT, JSON_OPTION, say, sayJson, tableText } from './output.ts';
import { fieldsOf, openRemote, type Remote, urlOption } from './remote.ts';
import { ownerOf } from './session-owner.ts';

interface SessionCommandOptions {
  readonly config?: string;
  readonly url?: string;
  readonly json?: boolean;
  readonly user?: string;
}

export function addSession(program: Command): void {
  const session = program.command('session').description('Who is signed in: list, revoke.');
  session
    .command('list')
    .description('Live sessions, newest activity first.')
    .option('--user <name>', 'of this user only: ann, or staff:ann')
    .option(...JSON_OPTION)
    .option(...CONFIG_OPTION)
    .addOption(urlOption())
    .action(list);
  session
    .command('revoke')
    .argument('[id]', 'ses_… as `session list` shows it')
    .description('End one session (ses_…), or all of a user; the next request with it is refused, on every process.')
    .option('--user <name>', 'all sessions of this user: ann, or staff:ann')
    .option(...JSON_OPTION)
    .option(...CONFIG_OPTION)
    .addHelpText('after', '\nExamples:\n  sallyport session revoke ses_…\n  sallyport session revoke --user ann')
    .addOption(urlOption())
    .action(revoke);
}

/** A session as both ways of asking give it; only the device may be none. */
type Shown = Readonly<Record<Exclude<keyof ReturnType<typeof publicSession>, 'device'>, string>> & {
  readonly device: string | null;
};

async function list(options: SessionCommandOptions): Promise<void> {
  const live = await (options.url === undefined
    ? withServices(options.config, (services) => sessionsHere(services, options.user))
    : sessionsThere(openRemote(options.url), options.user));
  live.sort((a, b) => (a.last_activity < b.last_activity ? 1 : -1));
  if (options.json) return sayJson(live);
  if (live.length === 0) return complain('nobody is signed in');
  const rows = live.map((each) => [
    each.id,
    each.user,
    each.created,
    each.last_activity,
    each.address,
    each.device ?? '',
    each.user_agent.slice(0, 60),
  ]);
  say(tableText(['SESSION', 'USER', 'SINCE', 'LAST ACTIVITY', 'ADDRESS', 'DEVICE', 'USER AGENT'], rows));
}

async function sessionsHere(services: OpenedServices, user: string | undefined): Promise<Shown[]> {
  const { sessions } = services;
  if (user !== undefined) return (await sessions.listUser(await ownerOf(services, user))).map(publicSession);
  const all: Shown[] = [];
  for await (const session of sessions.listAll()) all.push(publicSession(session));
  return all;
}

async function sessionsThere(remote: Remote, user: string | undefined): Promise<Shown[]> {
  const query = user === undefined ? '' : `?user=${encodeURIComponent(user)}`;
  return (await remote.all(`/sessions${query}`, 'sessions')).map((item) => {
    const fields = fieldsOf(item);
    // what a gateway of another version leaves out is shown as nothing
    const text = (key: keyof Shown): string => (typeof fields[key] === 'string' ? fields[key] : '');
    return {
      id: text('id'),
      user: text('user'),
      created: text('created'),
      last_activity: text('last_activity'),
      expires: text('expires'),
      address: text('address'),
      user_agent: text('user_agent'),
      device: text('device') || null,
    };
  });
}

async function revoke(id: string | undefined, options: SessionCommandOptions): Promise<void> {
  if ((id === undefined) === (options.user === undefined))
    throw new CommandFailure('say either a session id or --user NAME', EXIT.usage);
  if (id !== undefined && !/^ses_[A-Za-z0-9_-]{1,64}$/.test(id))
    throw new CommandFailure(`${JSON.stringify(id)} is no session id (ses_…)`, EXIT.usage);
  const { url, user = '' } = options;
  if (id !== undefined) {
    if (url === undefined) await withServices(options.config, (services) => revokeHere(services, id as SessionId));
    else await openRemote(url).ask('DELETE', `/sessions/${id}`);
    return options.json ? sayJson({ revoked: 1, session: id }) : say(`ended ${id}`);
  }
  const done = await (url === undefined
    ? withServices(options.config, (services) => revokeUserHere(services, user))
    : openRemote(url).ask('DELETE', `/sessions?user=${encodeURIComponent(user)}`));
  const { revoked, user: owner } = fieldsOf(done);
  if (options.json) sayJson({ revoked, user: owner });
  else say(`ended ${revoked} session(s) of ${owner}`);
}

async function revokeHere({ sessions, by, administered }: OpenedServices, id: SessionId): Promise<void> {
  const session = await sessions.get(id);
  if (!(await sessions.revoke(id, by, 'revoked')))
    throw new CommandFailure(`there is no live session ${id}; \`sallyport session list\` shows all`);
  await administered({
    action: 'session_revoke',
    result: 'success',
    session: id,
    ...(session && { user: session.subject.user }),
  });
}

async function revokeUserHere(services: OpenedServices, name: string): Promise<object> {
  const { sessions, by, administered } = services;
  const user = await ownerOf(services, name);
  const revoked = await sessions.revokeUser(user, by, 'revoked');
  await administered({ action: 'session_revoke', result: 'success', user, detail: `${revoked} session(s) ended` });
  return { revoked, user };
}
