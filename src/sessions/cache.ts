import type { SessionEntry } from '../core/credential.ts';
import type { Proof } from '../core/decision.ts';
import type { DeviceId } from '../core/device.ts';
import type { Session, SessionId } from '../core/session.ts';
import type { Subject, UserId } from '../core/subject.ts';

/** Newest activity of one session, shared by its secrets of all hosts and by the writer (`activity.ts`). */
export interface Activity {
  readonly id: SessionId;
  readonly partition: string;
  /** wall-clock ms */
  at: number;
  /** when this process last wrote it, or found it written */
  writtenAt: number;
  /** the writer has it on its list */
  pending: boolean;
}

/** The cache entry of one secret. A class, so that activity is one number for all hosts and reads stay monomorphic. */
export class CachedCredential implements SessionEntry {
  readonly state = 'valid';
  readonly subject: Subject;
  readonly session: Session;
  readonly proofs: readonly Proof[];
  readonly expiresAt: number;
  readonly host: string;
  readonly hash: string;
  readonly activity: Activity;
  memo: object | undefined = undefined;
  constructor(session: Session, host: string, hash: string, activity: Activity) {
    this.subject = session.subject;
    this.session = session;
    this.proofs = session.proofs;
    this.expiresAt = session.absoluteExpiryAt;
    this.host = host;
    this.hash = hash;
    this.activity = activity;
  }
  get lastActivityAt(): number {
    return this.activity.at;
  }
  set lastActivityAt(at: number) {
    this.activity.at = at;
  }
}

/** Entries by the hash of their secret, and the indexes that a change needs to find them. Bounded; oldest out first. */
export interface CredentialCache {
  get(hash: string): CachedCredential | undefined;
  add(entry: CachedCredential): void;
  /** activity of a session that has any entry here */
  activity(id: SessionId): Activity | undefined;
  dropSession(id: SessionId): void;
  dropUser(user: UserId): void;
  /** goes over all of them: devices are blocked one by one, by hand */
  dropDevice(device: DeviceId): void;
  clear(): void;
  readonly size: number;
}

export function createCache(maxEntries: number): CredentialCache {
  const byHash = new Map<string, CachedCredential>();
  const bySession = new Map<SessionId, Set<CachedCredential>>();
  const byUser = new Map<UserId, Set<SessionId>>();

  function remove(entry: CachedCredential): void {
    byHash.delete(entry.hash);
    const { id, subject } = entry.session;
    const siblings = bySession.get(id);
    siblings?.delete(entry);
    if (siblings === undefined || siblings.size > 0) return;
    bySession.delete(id);
    const sessions = byUser.get(subject.user);
    sessions?.delete(id);
    if (sessions?.size === 0) byUser.delete(subject.user);
  }

  function dropSession(id: SessionId): void {
    for (const entry of [...(bySession.get(id) ?? [])]) remove(entry);
  }

  return {
    get: (hash) => byHash.get(hash),
    add(entry) {
      const former = byHash.get(entry.hash);
      if (former !== undefined) remove(former);
      while (byHash.size >= maxEntries) {
        // insertion order: an entry that is in use comes back with its next request for two reads of the store
        const [oldest] = byHash.values();
        if (oldest === undefined) break;
        remove(oldest);
      }
      byHash.set(entry.hash, entry);
      setOf(bySession, entry.session.id).add(entry);
      setOf(byUser, entry.session.subject.user).add(entry.session.id);
    },
    activity(id) {
      for (const entry of bySession.get(id) ?? []) return entry.activity;
      return undefined;
    },
    dropSession,
    dropUser(user) {
      for (const id of [...(byUser.get(user) ?? [])]) dropSession(id);
    },
    dropDevice(device) {
      for (const entry of [...byHash.values()]) if (entry.session.device === device) remove(entry);
    },
    clear() {
      byHash.clear();
      bySession.clear();
      byUser.clear();
    },
    get size() {
      return byHash.size;
    },
  };
}

function setOf<K, V>(map: Map<K, Set<V>>, key: K): Set<V> {
  let set = map.get(key);
  if (set === undefined) {
    set = new Set();
    map.set(key, set);
  }
  return set;
}
