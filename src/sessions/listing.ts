import type { Clock } from '../core/ports.ts';
import type { Session, SessionId } from '../core/session.ts';
import type { Entry, Store } from '../core/store.ts';
import { walkUsers } from '../core/store-walk.ts';
import { partitionOf, type UserId } from '../core/subject.ts';
import type { ActivityWriter } from './activity.ts';
import { isExpired, type SessionLimits } from './limits.ts';
import { decodeSession, isSessionId, partitionOfId, sessionName, userPrefix, userSessionName } from './record.ts';

/** Sessions as people see them: off the request path, read from the store, with this process's unwritten activity. */
export interface Listing {
  get(id: SessionId): Promise<Session | undefined>;
  /** oldest first */
  ofUser(user: UserId): Promise<readonly Session[]>;
  /** by id */
  walkUser(user: UserId, after?: SessionId): AsyncIterable<Session>;
  /** by id */
  all(after?: SessionId): AsyncIterable<Session>;
  count(): Promise<number>;
}

const COUNT_AGE_MS = 15_000;

export function createListing(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly activity: ActivityWriter;
  readonly limits: () => SessionLimits;
  readonly notBefore: () => number;
}): Listing {
  const { store, clock, activity, limits, notBefore } = deps;
  let counted: { readonly at: number; readonly count: Promise<number> } | undefined;

  function read(entry: Entry | undefined): Session | undefined {
    const session = entry === undefined ? undefined : decodeSession(entry.value)?.session;
    if (session === undefined || !(session.createdAt >= notBefore())) return undefined;
    const unwritten = activity.pending(session.id)?.at ?? 0;
    return unwritten > session.lastActivityAt ? { ...session, lastActivityAt: unwritten } : session;
  }

  function isLive(session: Session | undefined): session is Session {
    if (session === undefined || session.ended !== undefined) return false;
    return !isExpired(session, session.lastActivityAt, limits(), clock.now());
  }

  const get = async (id: SessionId): Promise<Session | undefined> =>
    read(await store.get({ partition: partitionOfId(id), name: sessionName(id) }));

  // a partition is the first part of an id, so the order of keys is that of ids
  async function* all(after?: SessionId): AsyncIterable<Session> {
    const from = after && { partition: partitionOfId(after), name: sessionName(after) };
    for await (const { entry } of walkUsers(store, 'session/', from)) {
      const session = read(entry);
      if (isLive(session)) yield session;
    }
  }

  async function* walkUser(user: UserId, after?: SessionId): AsyncIterable<Session> {
    const prefix = userPrefix(user);
    for await (const { name } of store.list(partitionOf(user), prefix, after && userSessionName(user, after))) {
      const id = name.slice(prefix.length);
      const session = isSessionId(id) ? await get(id) : undefined;
      if (isLive(session)) yield session;
    }
  }

  async function count(): Promise<number> {
    let number = 0;
    for await (const _ of all()) number += 1;
    return number;
  }

  return {
    get,
    async ofUser(user) {
      const found: Session[] = [];
      for await (const session of walkUser(user)) found.push(session);
      return found.sort((a, b) => a.createdAt - b.createdAt);
    },
    walkUser,
    all,
    count() {
      const now = clock.monotonic();
      if (counted === undefined || now - counted.at >= COUNT_AGE_MS) {
        const fresh = { at: now, count: count() };
        counted = fresh;
        fresh.count.catch(() => {
          if (counted === fresh) counted = undefined;
        });
      }
      return counted.count;
    },
  };
}
