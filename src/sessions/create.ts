import type { Proof } from '../core/decision.ts';
import type { DeviceId } from '../core/device.ts';
import type { Clock, Random } from '../core/ports.ts';
import type { Session, SessionId } from '../core/session.ts';
import { type Store, StoreUnavailable } from '../core/store.ts';
import type { Subject } from '../core/subject.ts';
import { partitionOf } from '../core/subject.ts';
import { fenceKey, fenceOf, SessionRefused } from './fence.ts';
import type { SessionLimits } from './limits.ts';
import {
  encodeSecret,
  encodeSession,
  secretName,
  sessionName,
  sha256,
  TOMBSTONE_MS,
  userSessionName,
} from './record.ts';

/** The request that begins a session. */
export interface SessionStart {
  /** the only host its secret will be good for */
  readonly host: string;
  readonly proofs: readonly Proof[];
  readonly address: string;
  readonly userAgent: string;
  /** the browser, where there is one */
  readonly device?: DeviceId;
  /**
   * When the account was read to verify this sign-in, wall-clock ms. Given, the session is refused (`SessionRefused`) when
   * all of the user's sessions were ended at or after this instant: who was locked out meanwhile does not slip in.
   */
  readonly checkedAt?: number;
}

const ATTEMPTS = 8;
const MAX_TEXT = 1024;

/** Makes a session and its first secret. The secret is returned once and is nowhere else: the store holds its SHA-256. */
export async function createSession(
  deps: { readonly store: Store; readonly clock: Clock; readonly random: Random; readonly limits: SessionLimits },
  subject: Subject,
  at: SessionStart,
): Promise<{ readonly session: Session; readonly cookie: string }> {
  const { store, clock, random, limits } = deps;
  const partition = partitionOf(subject.user);
  const gate = fenceKey(subject.user);
  const birth = await store.birth();
  let fence: number | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const entry = await store.get(gate);
    fence ??= fenceOf(entry);
    if (fenceOf(entry) !== fence || (at.checkedAt !== undefined && fence >= at.checkedAt)) throw new SessionRefused();

    // a clock that was set back since the store's birth must not make a session that counts as older than the store
    const now = Math.max(clock.now(), birth.at);
    const session: Session = {
      id: `ses_${partition}${random.id()}` as SessionId,
      partition,
      subject,
      createdAt: now,
      lastActivityAt: now,
      absoluteExpiryAt: now + limits.absoluteMs,
      proofs: at.proofs,
      address: at.address.slice(0, MAX_TEXT),
      userAgent: at.userAgent.slice(0, MAX_TEXT),
      ended: undefined,
      ...(at.device !== undefined && { device: at.device }),
    };
    const cookie = `${partition}.${Buffer.from(random.bytes(32)).toString('base64url')}`;
    const hash = sha256(cookie);
    const secret = secretName(hash);
    const name = sessionName(session.id);
    const expiresAt = session.absoluteExpiryAt + TOMBSTONE_MS;
    const created = await store.commit({
      partition,
      expect: [
        { name: gate.name, version: entry?.version ?? 0 },
        { name, version: 0 },
        { name: secret, version: 0 },
      ],
      put: [
        { name, value: encodeSession({ session, fence, secrets: [{ host: at.host, hash }] }), expiresAt },
        { name: secret, value: encodeSecret(session.id, at.host), expiresAt },
        { name: userSessionName(subject.user, session.id), value: 1, expiresAt },
      ],
    });
    if (created) return { session, cookie };
  }
  throw new StoreUnavailable('a session could not be created');
}
