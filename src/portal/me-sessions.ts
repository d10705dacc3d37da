import type { AuditEvent } from '../core/event.ts';
import type { Answer, Handler } from '../core/handler.ts';
import type { SessionId } from '../core/session.ts';
import { ME_PATH, SIGN_OUT_PATH } from '../pages/paths.ts';
import { clearedSession, refuse, seeOther } from './answers.ts';
import type { PortalDeps } from './deps.ts';
import { deviceWord } from './device-word.ts';
import { authenticationEvent } from './events.ts';
import { asOwner, isFields, iso, json, type Own, readMeForm } from './me.ts';

/**
 * The person's own sessions (S3), nobody else's: GET lists them as JSON; POST ends one (`action=end` with `id`), all others
 * (`end_others`) or all (`end_all`).
 */
export function mySessionsHandler(deps: PortalDeps): Handler {
  return asOwner(deps, (own) => (own.request.facts.method === 'POST' ? post(deps, own) : list(deps, own)));
}

async function list(deps: PortalDeps, { session }: Own): Promise<Answer> {
  const sessions = await deps.sessions.listUser(session.subject.user);
  return json({
    sessions: sessions.map((each) => ({
      id: each.id,
      current: each.id === session.id,
      device: deviceWord(each.userAgent),
      user_agent: each.userAgent,
      address: each.address,
      created_at: iso(each.createdAt),
      last_activity_at: iso(each.lastActivityAt),
      expires_at: iso(each.absoluteExpiryAt),
    })),
  });
}

async function post(deps: PortalDeps, own: Own): Promise<Answer> {
  const { request, session } = own;
  const fields = await readMeForm(deps, own);
  if (!isFields(fields)) return fields;
  const { facts } = request;
  const { user } = session.subject;
  const record = (what: Pick<AuditEvent, 'action'> & Partial<Pick<AuditEvent, 'session' | 'detail'>>) =>
    deps.recorder.recordDurably(
      authenticationEvent(facts, { result: 'success', time: deps.clock.now(), user, status: 303, ...what }),
    );
  const signedOut = (): Answer => seeOther(SIGN_OUT_PATH, clearedSession(facts.scheme === 'https'));
  switch (fields.get('action')) {
    case 'end': {
      const id = fields.get('id') as SessionId | undefined;
      const owned = (await deps.sessions.listUser(user)).find((each) => each.id === id);
      if (owned === undefined) return refuse(request, 'no_route');
      await deps.sessions.revoke(owned.id, user, 'ended_by_user');
      await record({ action: 'session_revoke', session: owned.id });
      return owned.id === session.id ? signedOut() : seeOther(ME_PATH);
    }
    case 'end_others': {
      const count = await deps.sessions.revokeUser(user, user, 'ended_by_user', { except: session.id });
      await record({ action: 'session_revoke_others', session: session.id, detail: `${count} sessions` });
      return seeOther(ME_PATH);
    }
    case 'end_all': {
      const count = await deps.sessions.revokeUser(user, user, 'ended_by_user');
      await record({ action: 'session_revoke_all', session: session.id, detail: `${count} sessions` });
      return signedOut();
    }
    default:
      return refuse(request, 'ambiguous_request');
  }
}
