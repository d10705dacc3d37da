import type { Command } from 'commander';
import { publicSession } from '../admin/shapes.ts';
import type { Session, SessionId } from '../core/session.ts';
import { CONFIG_OPTION } from './config-file.ts';
import { type OpenedServices, withServices } from './open-services.ts';
import { CommandFailure, complain, EXIT, JSON_OPTION, say, sayJson, tableText } from './output.ts';
import { ownerOf } from './session-owner.ts';

interface SessionCommandOptions {
  readonly config?: string;
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
    .action((options: SessionCommandOptions) => withServices(options.config, (services) => list(services, options)));
  session
    .command('revoke')
    .argument('[id]', 'ses_… as `session list` shows it')
    .description('End one session (ses_…), or all of a user; the next request with it is refused, on every process.')
    .option('--user <name>', 'all sessions of this user: ann, or staff:ann')
    .option(...JSON_OPTION)
    .option(...CONFIG_OPTION)
    .addHelpText('after', '\nExamples:\n  sallyport session revoke ses_…\n  sallyport session revoke --user ann')
    .action((id: string | undefined, options: SessionCommandOptions) => {
      if ((id === undefined) === (options.user === undefined)) {
        throw new CommandFailure('say either a session id or --user NAME', EXIT.usage);
      }
      return withServices(options.config, (services) => revoke(services, id, options));
    });
}

async function list(services: OpenedServices, options: SessionCommandOptions): Promise<void> {
  const { sessions, clock } = services;
  const all: Session[] = [];
  if (options.user === undefined) for await (const session of sessions.listAll()) all.push(session);
  else all.push(...(await sessions.listUser(await ownerOf(services, options.user))));
  const live = all
    .filter((session) => session.ended === undefined && session.absoluteExpiryAt > clock.now())
    .sort((a, b) => b.lastActivityAt - a.lastActivityAt);
  if (options.json) return sayJson(live.map(publicSession));
  if (live.length === 0) return complain('nobody is signed in');
  const rows = live.map((each) => [
    each.id,
    each.subject.user,
    iso(each.createdAt),
    iso(each.lastActivityAt),
    each.address,
    each.userAgent.slice(0, 60),
  ]);
  say(tableText(['SESSION', 'USER', 'SINCE', 'LAST ACTIVITY', 'ADDRESS', 'USER AGENT'], rows));
}

async function revoke(services: OpenedServices, id: string | undefined, options: SessionCommandOptions): Promise<void> {
  const { sessions, by, administered } = services;
  if (id !== undefined) {
    if (!/^ses_[A-Za-z0-9_-]{1,64}$/.test(id))
      throw new CommandFailure(`${JSON.stringify(id)} is no session id (ses_…)`, EXIT.usage);
    const session = await sessions.get(id as SessionId);
    if (!(await sessions.revoke(id as SessionId, by, 'revoked'))) {
      throw new CommandFailure(`there is no live session ${id}; \`sallyport session list\` shows all`);
    }
    await administered({
      action: 'session_revoke',
      result: 'success',
      session: id,
      ...(session && { user: session.subject.user }),
    });
    return options.json ? sayJson({ revoked: 1, session: id }) : say(`ended ${id}`);
  }
  const user = await ownerOf(services, options.user ?? '');
  const count = await sessions.revokeUser(user, by, 'revoked');
  await administered({ action: 'session_revoke', result: 'success', user, detail: `${count} session(s) ended` });
  if (options.json) sayJson({ revoked: count, user });
  else say(`ended ${count} session(s) of ${user}`);
}

const iso = (ms: number): string => new Date(ms).toISOString();
