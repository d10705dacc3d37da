import type { Session } from '../core/session.ts';
import { isTokenId } from '../identity/authenticators/claims.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { type BlockRequest, type Issuers, type Refused, refused } from './block-request.ts';
import { type People, usersNamed } from './who.ts';

interface Known extends People {
  readonly sessions: People['sessions'] & Pick<Sessions, 'get' | 'listUser'>;
  readonly issuers: Issuers;
}

/**
 * The same request with the user's whole name, when there is somebody whom it can block: a block of a name that nobody has, or
 * of a session that is over, would look like one and be none.
 */
export async function findTarget<Request extends Pick<BlockRequest, 'kind' | 'user' | 'session'>>(
  request: Request,
  known: Known,
): Promise<{ readonly ok: true; readonly request: Request } | Refused> {
  const { kind, user, session: id } = request;
  if (kind === 'session' && id !== undefined) {
    const session = await known.sessions.get(id);
    if (!(await isLive(known, session))) return refused('session', 'There is no live session of that id.');
  }
  if (kind !== 'user' || user === undefined || isOfIssuer(user, known.issuers)) return { ok: true, request };
  const [found, ...others] = await usersNamed(known, user);
  if (found === undefined)
    return refused('user', 'Nobody is called so. People whose provider is elsewhere are named with it: provider:sub.');
  if (others.length > 0)
    return refused('user', `The name is ambiguous; say one of ${[found, ...others].sort().join(', ')}.`);
  return { ok: true, request: { ...request, user: found } };
}

/** Whoever comes with tokens alone is known to their issuer, and here not before they come. */
function isOfIssuer(user: string, issuers: Issuers): boolean {
  const colon = user.indexOf(':');
  return issuers.some(({ provider }) => provider === user.slice(0, colon)) && isTokenId(user.slice(colon + 1));
}

async function isLive({ sessions }: Known, session: Session | undefined): Promise<boolean> {
  if (session === undefined || session.ended !== undefined) return false;
  return (await sessions.listUser(session.subject.user)).some(({ id }) => id === session.id);
}
