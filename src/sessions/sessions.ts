import type { MaybePromise } from '../core/assert-never.ts';
import { readBlockChange } from '../core/block.ts';
import type { CredentialEntry } from '../core/credential.ts';
import type { Proof } from '../core/decision.ts';
import type { DeviceId } from '../core/device.ts';
import type { Clock, Log, Random, Service } from '../core/ports.ts';
import type { Session, SessionId } from '../core/session.ts';
import type { Store } from '../core/store.ts';
import type { Subject, UserId } from '../core/subject.ts';
import { type Coherence, openCoherence } from '../stores/coherence.ts';
import { createActivityWriter } from './activity.ts';
import { CachedCredential, createCache } from './cache.ts';
import { createSession, type SessionStart } from './create.ts';
import { elevateSession } from './elevate.ts';
import { endSession, endSessionsOf } from './end.ts';
import { createEndedCount } from './ended-count.ts';
import { checkLimits, isExpired, type SessionLimits, writeInterval } from './limits.ts';
import { createEndListeners, type EndListener } from './listeners.ts';
import { createListing } from './listing.ts';
import {
  type BlockOfSession,
  type CacheCounts,
  createLookup,
  type Refresh,
  type SessionLookup,
  type Standing,
} from './lookup.ts';
import { decodeSession, isCookie, isSessionId, partitionOfId, sessionName } from './record.ts';

export type { SessionStart } from './create.ts';
export { SessionRefused } from './fence.ts';
export type { SessionLimits } from './limits.ts';
export type { EndListener, SessionEnd } from './listeners.ts';

/** A session's life: create, look up, touch, list, end (S1 to S4). */
export interface Sessions extends Service {
  /** Other limits from now on; a lower absolute limit holds for sessions that exist already. Throws a TypeError. */
  configure(limits: SessionLimits): void;
  /** A new session and its secret, the cookie's value. Rejects with `SessionRefused` or `StoreUnavailable`. */
  create(subject: Subject, at: SessionStart): Promise<{ readonly session: Session; readonly cookie: string }>;
  /**
   * Who a cookie of `host` is at `now` (wall-clock ms). Synchronous with the embedded store. A secret of another host is
   * `unknown`. Throws or rejects with `StoreUnavailable`: fail closed.
   */
  lookup(cookie: string, host: string, now: number): MaybePromise<SessionLookup>;
  /** The same for somebody who has just brought this process in step with the store, and need not do it again. */
  find(cookie: string, host: string, now: number): MaybePromise<SessionLookup>;
  /**
   * Adds proofs to a session, each instead of an older one of its method, and gives it a new secret for `at.host`; the old one
   * of that host is void in the same step, and every process sees both from its next look-up on. Undefined when the session
   * is unknown or over.
   */
  elevate(
    id: SessionId,
    proofs: readonly Proof[],
    at: { readonly host: string },
  ): Promise<{ readonly session: Session; readonly cookie: string } | undefined>;
  /** Activity of a session that was just looked up; memory only, written behind. */
  touch(entry: CredentialEntry, now: number): void;
  /** Writes all pending activity now. */
  flush(): Promise<void>;
  /** A session, also one that is over and not forgotten yet. Any text may be asked for. */
  get(id: string): Promise<Session | undefined>;
  /**
   * The stored record of a session that is not over, with its name and version: for a commit that must not happen once the
   * session has ended, or is another than the one that was judged. Undefined when it is over.
   */
  alive(
    id: SessionId,
  ): Promise<{ readonly name: string; readonly version: number; readonly session: Session } | undefined>;
  /** Live sessions of a user, oldest first. */
  listUser(user: UserId): Promise<readonly Session[]>;
  /** The same by id, one after the other, from the one after `after` on: costs what is taken of it. */
  walkUser(user: UserId, after?: SessionId): AsyncIterable<Session>;
  /** Live sessions of everybody, by id, from the one after `after` on: costs what is taken of it, and what is over in between. */
  listAll(after?: SessionId): AsyncIterable<Session>;
  /** Ends a session everywhere; false when it is unknown or was ended before. Durable when it resolves. */
  revoke(id: string, by: string, reason: string): Promise<boolean>;
  /**
   * Ends every session of a user, except one on request. A session that is being created meanwhile is ended or refused
   * (`fence.ts`). Resolves to how many were live.
   */
  revokeUser(user: UserId, by: string, reason: string, options?: { readonly except?: SessionId }): Promise<number>;
  /** Live sessions, counted at most once in 15 seconds. */
  activeCount(): Promise<number>;
  /**
   * How many sessions were ended since the start of this process, in whatever process, as far as the store can still tell;
   * those that had expired before do not count. Without the store, those known so far.
   */
  endedCount(): Promise<number>;
  /** Tells of every session that was ended, in whatever process, within 25 ms; answers how to stop it. */
  onEnd(listener: EndListener): () => void;
  /** How many look-ups the cache answered since the start, and how many the store. */
  cacheFigures(): Readonly<CacheCounts>;
}

/** Between two looks at what activity is due. */
const FLUSH_TICK_MS = 5000;
/** Between two looks for changes while somebody waits for ends (architecture, State). */
const POLL_MS = 25;

/** Without anybody to ask, people are who they were at sign-in. */
const asSignedIn: Refresh = (subject) => subject;

/** Without anybody to ask, what was proved stands. */
const asProved: Standing = ({ proofs }) => proofs;
const notBlocked: BlockOfSession = () => undefined;

/**
 * `refresh` tells who somebody is now, `standing` which proofs are left, `blockOf` what blocks a session; `coherence` is shared
 * with whoever else remembers what lies in the store. `maxCached` bounds the cache of credentials (default 50,000, about 1 KB
 * each).
 */
export function openSessions(
  deps: {
    readonly store: Store;
    readonly clock: Clock;
    readonly random: Random;
    readonly log: Log;
    readonly refresh?: Refresh;
    readonly standing?: Standing;
    readonly blockOf?: BlockOfSession;
    readonly coherence?: Coherence;
  },
  options: SessionLimits & { readonly maxCached?: number },
): Sessions {
  const { store, clock, log, refresh = asSignedIn, standing = asProved, blockOf = notBlocked } = deps;
  const { coherence = openCoherence(store) } = deps;
  let limits = checkLimits(options);
  const counts: CacheCounts = { hits: 0, misses: 0 };
  const cache = createCache(options.maxCached ?? 50_000);
  const activity = createActivityWriter(deps);
  const listeners = createEndListeners(deps);
  const ended = createEndedCount({ store, limits: () => limits });
  coherence.follow({
    changed(change) {
      if (change.kind === 'user') return cache.dropUser(change.subject as UserId);
      if (change.kind === 'block') return blockChanged(change.subject);
      if (change.kind !== 'session' || !isSessionId(change.subject)) return;
      cache.dropSession(change.subject);
      ended.changed(change.subject);
      listeners.changed(change.subject);
    },
    forgotten() {
      cache.clear();
      listeners.forgotten();
    },
  });
  const listing = createListing({ store, clock, activity, limits: () => limits, notBefore: coherence.notBefore });
  const find = createLookup({
    ...{ store, log, cache, coherence, activity, counts, refresh, standing, blockOf },
    limits: () => limits,
  });
  let flushing: NodeJS.Timeout | undefined;
  let polling: NodeJS.Timeout | undefined;
  let running = false;
  let closed = false;

  /** Of a session as it is stored now, after `coherence.sync`. */
  function isOver(session: Session): boolean {
    const lastActivityAt = Math.max(session.lastActivityAt, activity.pending(session.id)?.at ?? 0);
    const isOld = !(session.createdAt >= coherence.notBefore());
    return session.ended !== undefined || isOld || isExpired(session, lastActivityAt, limits, clock.now());
  }

  /** What was remembered without the block is not remembered any more; the next look-up asks. */
  function blockChanged(subject: string): void {
    const change = readBlockChange(subject);
    if (change === undefined) cache.clear();
    const { kind, name } = change ?? { kind: undefined, name: '' };
    if (kind === 'user') cache.dropUser(name as UserId);
    if (kind === 'session' && isSessionId(name)) cache.dropSession(name);
    if (kind === 'device') cache.dropDevice(name as DeviceId);
  }

  async function poll(): Promise<void> {
    try {
      await coherence.sync();
    } catch {
      // requests are refused by their own look-ups; the next poll finds what was missed
    }
  }

  function arrange(): void {
    if (running && listeners.count() > 0 && polling === undefined) {
      polling = setInterval(() => void poll(), POLL_MS);
      polling.unref();
    } else if (!running || listeners.count() === 0) {
      clearInterval(polling);
      polling = undefined;
    }
  }

  /** Our own next look-up, and whoever waits for ends here, know before the caller does. */
  async function settled(): Promise<void> {
    await coherence.sync();
    await listeners.settled();
  }

  return {
    cacheFigures: () => counts,
    configure(next) {
      limits = checkLimits(next);
    },

    async start() {
      await coherence.sync();
      if (running || closed) return;
      running = true;
      flushing = setInterval(() => void activity.flush(writeInterval(limits)), FLUSH_TICK_MS);
      flushing.unref();
      arrange();
    },

    async close(deadlineMs) {
      if (closed) return;
      closed = true;
      running = false;
      clearInterval(flushing);
      arrange();
      await Promise.race([activity.flush('all'), patience(deadlineMs)]);
    },

    create: (subject, at) => createSession({ ...deps, limits }, subject, at),
    async elevate(id, proofs, at) {
      await coherence.sync();
      const elevated = await elevateSession({ ...deps, isOver }, id, proofs, at);
      await settled();
      return elevated;
    },
    find,
    lookup(cookie, host, now) {
      if (!isCookie(cookie)) return find(cookie, host, now);
      const syncing = coherence.sync();
      return syncing === undefined ? find(cookie, host, now) : syncing.then(() => find(cookie, host, now));
    },
    touch(entry, now) {
      // a token that comes with every request has no activity to remember
      if (entry instanceof CachedCredential) activity.touch(entry.activity, now);
    },
    flush: () => activity.flush('all'),

    async get(id) {
      await coherence.sync();
      return isSessionId(id) ? listing.get(id) : undefined;
    },
    async alive(id) {
      await coherence.sync();
      const name = sessionName(id);
      const entry = await store.get({ partition: partitionOfId(id), name });
      const session = entry && decodeSession(entry.value)?.session;
      if (entry === undefined || session === undefined || isOver(session)) return undefined;
      return { name, version: entry.version, session };
    },
    async listUser(user) {
      await coherence.sync();
      return listing.ofUser(user);
    },
    async *walkUser(user, after) {
      await coherence.sync();
      yield* listing.walkUser(user, after);
    },
    async *listAll(after) {
      await coherence.sync();
      yield* listing.all(after);
    },
    activeCount: listing.count,
    async endedCount() {
      await poll();
      return ended.total();
    },

    async revoke(id, by, reason) {
      if (!isSessionId(id)) return false;
      const former = await endSession(deps, id, { by, reason });
      await settled();
      return former !== undefined;
    },

    async revokeUser(user, by, reason, { except } = {}) {
      const count = await endSessionsOf({ store, clock, limits }, user, { by, reason }, except);
      await settled();
      return count;
    },

    onEnd(listener) {
      const remove = listeners.add(listener);
      arrange();
      return () => {
        remove();
        arrange();
      };
    },
  };
}

const patience = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());
