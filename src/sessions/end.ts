import type { Clock } from '../core/ports.ts';
import type { Session, SessionId } from '../core/session.ts';
import { type Store, StoreUnavailable } from '../core/store.ts';
import { partitionOf, type UserId } from '../core/subject.ts';
import { fenceKey, fenceOf, raisedFence } from './fence.ts';
import { isExpired, type SessionLimits } from './limits.ts';
import {
  decodeSession,
  encodeSession,
  isSessionId,
  partitionOfId,
  type SessionRecord,
  sessionName,
  TOMBSTONE_MS,
  userPrefix,
  userSessionName,
} from './record.ts';

interface Ending {
  readonly by: string;
  readonly reason: string;
}

const ATTEMPTS = 32;
const ENDS_AT_ONCE = 64;

/**
 * Ends one session: marks it, takes it out of its user's index and tells every process, in one step. Answers the session as
 * it was, or undefined when it is unknown, over already, or `spare` says so.
 */
export async function endSession(
  deps: { readonly store: Store; readonly clock: Clock },
  id: SessionId,
  { by, reason }: Ending,
  spare: (record: SessionRecord) => boolean = () => false,
): Promise<Session | undefined> {
  const partition = partitionOfId(id);
  const name = sessionName(id);
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const entry = await deps.store.get({ partition, name });
    const record = entry === undefined ? undefined : decodeSession(entry.value);
    if (entry === undefined || record === undefined || record.session.ended !== undefined || spare(record))
      return undefined;
    const ended = { ...record, session: { ...record.session, ended: { at: deps.clock.now(), by, reason } } };
    const expiry = entry.expiresAt === undefined ? {} : { expiresAt: entry.expiresAt };
    const done = await deps.store.commit({
      partition,
      expect: [{ name, version: entry.version }],
      put: [{ name, value: encodeSession(ended), ...expiry }],
      remove: [userSessionName(record.session.subject.user, id)],
      changes: [{ kind: 'session', subject: id }],
    });
    if (done) return record.session;
    // somebody wrote its activity, or ended it: look again
  }
  throw new StoreUnavailable(`session ${id} could not be ended: it changes all the time`);
}

/**
 * Ends all sessions of a user but one. Once it resolves, no session that was created before it began is left, and none that
 * was being created then (`fence.ts`). Answers how many were live.
 */
export async function endSessionsOf(
  deps: { readonly store: Store; readonly clock: Clock; readonly limits: SessionLimits },
  user: UserId,
  ending: Ending,
  except: SessionId | undefined,
): Promise<number> {
  const fence = await raiseFence(deps, user);
  const ids: SessionId[] = [];
  const prefix = userPrefix(user);
  for await (const { name } of deps.store.list(partitionOf(user), prefix)) {
    const id = name.slice(prefix.length);
    if (isSessionId(id) && id !== except) ids.push(id);
  }
  let count = 0;
  for (let start = 0; start < ids.length; start += ENDS_AT_ONCE) {
    const some = ids.slice(start, start + ENDS_AT_ONCE);
    // a session that was created after the fence was raised is none of our business
    const ended = await Promise.all(some.map((id) => endSession(deps, id, ending, (record) => record.fence >= fence)));
    const now = deps.clock.now();
    for (const session of ended) {
      if (session !== undefined && !isExpired(session, session.lastActivityAt, deps.limits, now)) count += 1;
    }
  }
  return count;
}

async function raiseFence(
  deps: { readonly store: Store; readonly clock: Clock; readonly limits: SessionLimits },
  user: UserId,
): Promise<number> {
  const key = fenceKey(user);
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const entry = await deps.store.get(key);
    const now = deps.clock.now();
    const fence = raisedFence(fenceOf(entry), now);
    const done = await deps.store.commit({
      partition: key.partition,
      expect: [{ name: key.name, version: entry?.version ?? 0 }],
      put: [{ name: key.name, value: fence, expiresAt: now + deps.limits.absoluteMs + TOMBSTONE_MS }],
    });
    if (done) return fence;
  }
  throw new StoreUnavailable('sessions could not be ended: others end them all the time');
}
