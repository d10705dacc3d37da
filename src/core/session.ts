import type { Proof } from './decision.ts';
import type { DeviceId } from './device.ts';
import type { Subject } from './subject.ts';

/** Public name of a session, `ses_…`: not a secret (interfaces, "Who is who"). */
export type SessionId = `ses_${string}`;

/** A session keeps at most this many characters of a User-Agent; who compares one cuts it to the same length. */
export const MAX_USER_AGENT = 512;

/** A session as the store knows it (S1). Instants are wall-clock ms. */
export interface Session {
  readonly id: SessionId;
  readonly partition: string;
  readonly subject: Subject;
  readonly createdAt: number;
  readonly lastActivityAt: number;
  /** the session is over at this instant whatever happens */
  readonly absoluteExpiryAt: number;
  readonly proofs: readonly Proof[];
  readonly address: string;
  readonly userAgent: string;
  /** the browser it was made on; undefined: made before that was kept, or not by a browser */
  readonly device?: DeviceId | undefined;
  /** set once, never cleared: revoked or signed out */
  readonly ended: { readonly at: number; readonly by: string; readonly reason: string } | undefined;
}
