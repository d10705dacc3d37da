import type { Proof } from '../core/decision.ts';
import type { Clock, Random } from '../core/ports.ts';
import type { Session, SessionId } from '../core/session.ts';
import { type Store, StoreUnavailable } from '../core/store.ts';
import {
  decodeSession,
  encodeSecret,
  encodeSession,
  isSessionId,
  partitionOfId,
  REPLACED,
  secretName,
  sessionName,
  sha256,
  TOMBSTONE_MS,
} from './record.ts';

const ATTEMPTS = 32;

/**
 * Raises a session: the proofs are added, the secret of this host is replaced, and every process is told, in one step. So
 * whoever learned the old secret, before the person proved more, gains nothing from the proof (security rule 17).
 *
 * @param deps.isOver judges the session as it is stored now
 */
export async function elevateSession(
  deps: {
    readonly store: Store;
    readonly clock: Clock;
    readonly random: Random;
    readonly isOver: (session: Session) => boolean;
  },
  id: SessionId,
  proofs: readonly Proof[],
  at: { readonly host: string },
): Promise<{ readonly session: Session; readonly cookie: string } | undefined> {
  if (!isSessionId(id)) return undefined;
  const { store, clock, random, isOver } = deps;
  const partition = partitionOfId(id);
  const name = sessionName(id);
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const entry = await store.get({ partition, name });
    const record = entry === undefined ? undefined : decodeSession(entry.value);
    if (entry === undefined || record === undefined || isOver(record.session)) return undefined;
    const cookie = `${partition}.${Buffer.from(random.bytes(32)).toString('base64url')}`;
    const hash = sha256(cookie);
    const session = { ...record.session, proofs: withProofs(record.session.proofs, proofs) };
    const others = record.secrets.filter(({ host }) => host !== at.host);
    const old = record.secrets.filter(({ host }) => host === at.host);
    const expiry = entry.expiresAt === undefined ? {} : { expiresAt: entry.expiresAt };
    const done = await store.commit({
      partition,
      expect: [
        { name, version: entry.version },
        { name: secretName(hash), version: 0 },
      ],
      put: [
        {
          name,
          value: encodeSession({ ...record, session, secrets: [...others, { host: at.host, hash }] }),
          ...expiry,
        },
        { name: secretName(hash), value: encodeSecret(id, at.host), ...expiry },
        ...old.map((secret) => ({
          name: secretName(secret.hash),
          value: REPLACED,
          expiresAt: clock.now() + TOMBSTONE_MS,
        })),
      ],
      changes: [{ kind: 'session', subject: id }],
    });
    if (done) return { session, cookie };
    // its activity was written, it was ended or raised by somebody else: look again
  }
  throw new StoreUnavailable(`session ${id} could not be elevated: it changes all the time`);
}

/** One proof per method, the newest: what a session keeps is bounded by how many methods there are. */
const withProofs = (before: readonly Proof[], added: readonly Proof[]): readonly Proof[] => [
  ...before.filter((proof) => !added.some(({ method }) => method === proof.method)),
  ...added,
];
