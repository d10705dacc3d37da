import type { MaybePromise } from '../core/assert-never.ts';
import type { CredentialLookup, CredentialRefusal, SessionEntry } from '../core/credential.ts';
import type { Proof } from '../core/decision.ts';
import type { Log } from '../core/ports.ts';
import type { Session } from '../core/session.ts';
import type { Entry, Store } from '../core/store.ts';
import type { Subject } from '../core/subject.ts';
import type { Coherence } from '../stores/coherence.ts';
import { type ActivityWriter, activityOf } from './activity.ts';
import { CachedCredential, type CredentialCache } from './cache.ts';
import { isExpired, type SessionLimits } from './limits.ts';
import { decodeSecret, decodeSession, isCookie, partitionOfCookie, secretName, sessionName, sha256 } from './record.ts';

/** What a cookie turns out to be. */
export type SessionLookup = CredentialLookup<SessionEntry>;

const UNKNOWN: CredentialRefusal = { state: 'unknown' };
const ENDED: CredentialRefusal = { state: 'ended' };
const REPLACED: CredentialRefusal = { state: 'replaced' };
const EXPIRED: CredentialRefusal = { state: 'expired' };

/** Who somebody is now; undefined: nobody any more. Synchronous where the answer is in memory or in the embedded store. */
export type Refresh = (subject: Subject) => MaybePromise<Subject | undefined>;
/** Those of a session's proofs that still count as given: what gave them is still there. As synchronous as `Refresh`. */
export type Standing = (session: Session) => MaybePromise<readonly Proof[]>;

/** The id of what blocks a session: it, its user or its device; undefined: nothing does. Synchronous like `Refresh`. */
export type BlockOfSession = (session: Session) => MaybePromise<string | undefined>;

/** Where the answers of look-ups came from; read by metrics at scrape. */
export interface CacheCounts {
  hits: number;
  misses: number;
}

/**
 * The hot path: cookie → entry. Shape, one hash, one map; nothing is allocated but the hash's text. Whoever asks has brought
 * this process in step with the store just before. What is not valid is never remembered: garbage costs a read of the store and no memory.
 */
export function createLookup(deps: {
  readonly store: Store;
  readonly log: Log;
  readonly cache: CredentialCache;
  readonly coherence: Coherence;
  readonly activity: ActivityWriter;
  readonly limits: () => SessionLimits;
  readonly counts: CacheCounts;
  /** who the session's person is now; undefined: nobody any more */
  readonly refresh: Refresh;
  readonly standing: Standing;
  readonly blockOf: BlockOfSession;
}): (cookie: string, host: string, now: number) => MaybePromise<SessionLookup> {
  const { store, log, cache, coherence, activity, limits, counts, refresh, standing, blockOf } = deps;

  function find(cookie: string, host: string, now: number): MaybePromise<SessionLookup> {
    const hash = sha256(cookie);
    const cached = cache.get(hash);
    if (cached !== undefined) {
      if (cached.host !== host) return UNKNOWN;
      if (!isExpired(cached.session, cached.activity.at, limits(), now)) {
        counts.hits += 1;
        return cached;
      }
      // perhaps idle only here: another process may have written newer activity
    }
    counts.misses += 1;
    return load(partitionOfCookie(cookie), hash, host, now);
  }

  function load(partition: string, hash: string, host: string, now: number): MaybePromise<SessionLookup> {
    const generation = coherence.generation();
    return after(store.get({ partition, name: secretName(hash) }), (entry) => {
      const secret = entry === undefined ? undefined : decodeSecret(entry.value);
      if (secret === 'replaced') return REPLACED;
      if (secret === undefined || secret.host !== host) return UNKNOWN;
      const key = { partition, name: sessionName(secret.id) };
      return after(store.get(key), (found) => admit(found, hash, host, now, generation));
    });
  }

  function admit(
    found: Entry | undefined,
    hash: string,
    host: string,
    now: number,
    generation: number,
  ): MaybePromise<SessionLookup> {
    if (found === undefined) return UNKNOWN;
    const session = decodeSession(found.value)?.session;
    if (session === undefined) {
      log.error('a session in the store cannot be read and is refused', { hash });
      return UNKNOWN;
    }
    if (session.ended !== undefined || !(session.createdAt >= coherence.notBefore())) return ENDED;
    const known =
      cache.activity(session.id) ?? activity.pending(session.id) ?? activityOf(session.id, session.lastActivityAt);
    if (session.lastActivityAt > known.at) known.at = session.lastActivityAt;
    if (isExpired(session, known.at, limits(), now)) return EXPIRED;
    // a change of the account or of its factors drops the entry, so this is asked once for each change and not for each request
    return after(refresh(session.subject), (subject) => {
      if (subject === undefined) return ENDED;
      // likewise with a block; a session that has one is not remembered, so that lifting it or its end need not be told
      return after(blockOf(session), (block): MaybePromise<SessionLookup> => {
        if (block !== undefined) return { state: 'blocked', detail: block };
        return after(standing(session), (proofs) => {
          const entry = new CachedCredential({ ...session, subject, proofs }, host, hash, known);
          if (generation === coherence.generation()) cache.add(entry);
          return entry;
        });
      });
    });
  }

  return (cookie, host, now) => (isCookie(cookie) ? find(cookie, host, now) : UNKNOWN);
}

/** Goes on at once when the value is there, and makes a promise only when it is not. */
function after<T, U>(value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}
