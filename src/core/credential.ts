import type { Proof } from './decision.ts';
import type { Session } from './session.ts';
import type { Subject } from './subject.ts';

/**
 * The one cache entry of a credential, found by the SHA-256 of its cookie or token (hot path, rule 1). The entry is dropped,
 * with everything remembered in it, when what it stands for changes on any node.
 */
export interface CredentialEntry {
  readonly state: 'valid';
  readonly subject: Subject;
  /** undefined: a token that comes with every request */
  readonly session: Session | undefined;
  /** the session's proofs, or the one that a token is: level `none` and no method unless its `acr` is mapped */
  readonly proofs: readonly Proof[];
  /** wall-clock ms; from this instant on the credential is over whatever happens, and so is all that is remembered of it */
  readonly expiresAt: number;
  /** base64url SHA-256 of the secret; safe to log, useless to a thief */
  readonly hash: string;
  /** newest activity this node has seen, wall-clock ms; written behind. Means nothing without a session */
  lastActivityAt: number;
  /** whatever the data plane remembers for this credential: identity headers, assertions, decisions */
  memo: object | undefined;
}

/** The entry of a session's cookie. */
export interface SessionEntry extends CredentialEntry {
  readonly session: Session;
  /** the host this secret was made for; it is refused on any other */
  readonly host: string;
}

/**
 * Why a credential is not valid. `unknown`: never was, or was forgotten since. `replaced`: its session goes on with a newer one
 * (an elevation); a browser that has that one already must not be told to throw it away. `unverifiable`: whoever issued it
 * cannot be asked for keys just now, so nothing is known of it. `blocked`: it would be valid, but somebody blocked it, its user
 * or its device; it is good again when the block is lifted. All of them deny.
 */
export interface CredentialRefusal {
  readonly state: 'unknown' | 'ended' | 'expired' | 'replaced' | 'unverifiable' | 'blocked';
  /** for the record alone: which check failed, or the id of the block; never what was presented */
  readonly detail?: string;
}
export type CredentialLookup<Entry extends CredentialEntry = CredentialEntry> = Entry | CredentialRefusal;
