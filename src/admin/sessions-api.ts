import type { Session, SessionId } from '../core/session.ts';
import type { UserId } from '../core/subject.ts';
import { isSessionId } from '../sessions/record.ts';
import { type ApiDeps, BY, type Handlers, type Outcome } from './api-deps.ts';
import { pageOf } from './paging.ts';
import { publicSession } from './shapes.ts';
import { usersNamed } from './who.ts';

/** Sessions: list, look at, end. */
export function sessionHandlers({
  sessions,
  accounts,
  providers,
}: ApiDeps): Handlers<'listSessions' | 'getSession' | 'revokeSession' | 'revokeSessions'> {
  const owner = async (name: string): Promise<UserId | Outcome> => {
    const [user, ...others] = await usersNamed({ providers: providers(), accounts: accounts(), sessions }, name);
    if (user === undefined) return { ok: false, reason: 'unknown_user' };
    return others.length === 0
      ? user
      : { ok: false, reason: 'ambiguous_user', extra: { candidates: [user, ...others].sort() } };
  };

  /** A session that somebody could use now; the store remembers those that are over for a while. */
  async function liveSession(id: string): Promise<Session | undefined> {
    const session = await sessions.get(id);
    if (session === undefined || session.ended !== undefined) return undefined;
    return (await sessions.listUser(session.subject.user)).find((each) => each.id === id);
  }

  return {
    async listSessions({ query: { user: name, ...page } }) {
      const user = name === undefined ? undefined : await owner(name);
      if (typeof user === 'object') return user;
      const after = user === undefined ? sessions.listAll : (id?: SessionId) => sessions.walkUser(user, id);
      const found = await pageOf({ after, idOf: ({ id }) => id, isId: isSessionId }, page);
      if (found === undefined) return WRONG_CURSOR;
      return { ok: true, body: { sessions: found.items.map(publicSession), next_cursor: found.next ?? null } };
    },

    async getSession({ params: { id } }) {
      const session = await liveSession(id);
      return session === undefined
        ? { ok: false, reason: 'unknown_session' }
        : { ok: true, body: publicSession(session) };
    },

    async revokeSession({ params: { id } }, call) {
      const action = 'session_revoke';
      const session = await sessions.get(id);
      const user = session && { user: session.subject.user };
      if (!(await sessions.revoke(id, BY, 'revoked'))) {
        await call.administered({ action, result: 'failure', reason: 'unknown_session', session: id, ...user });
        return { ok: false, reason: 'unknown_session' };
      }
      await call.administered({ action, result: 'success', session: id, ...user });
      return { ok: true };
    },

    async revokeSessions({ query }, call) {
      const action = 'session_revoke';
      const user = await owner(query.user);
      if (typeof user === 'object') {
        await call.administered({
          action,
          result: 'failure',
          user: query.user,
          ...(!user.ok && { reason: user.reason }),
        });
        return user;
      }
      const revoked = await sessions.revokeUser(user, BY, 'revoked');
      await call.administered({ action, result: 'success', user, detail: `${revoked} session(s) ended` });
      return { ok: true, body: { revoked, user } };
    },
  };
}

/** Answered to a cursor that we did not make. */
export const WRONG_CURSOR: Outcome = {
  ok: false,
  reason: 'invalid_request',
  extra: { errors: [{ pointer: '?cursor', detail: 'This is no cursor of this list.' }] },
};
