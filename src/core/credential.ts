import type { Session } from './session.ts';

/**
 * The one cache entry of a credential, found by the SHA-256 of its cookie (hot path, rule 1). The entry is dropped, with
 * everything remembered in it, when the session changes on any node.
 */
export interface CredentialEntry {
  readonly state: 'valid';
  readonly session: Session;
  /** the host this secret was made for; it is refused on any other */
  readonly host: string;
  /** base64url SHA-256 of the secret; safe to log, useless to a thief */
  readonly hash: string;
  /** newest activity this node has seen, wall-clock ms; written behind */
  lastActivityAt: number;
  /** whatever the data plane remembers for this credential: identity headers, assertions, decisions */
  memo: object | undefined;
}

/**
 * Why a credential is not valid. `unknown`: never was, or was forgotten since. `replaced`: its session goes on with a newer one
 * (an elevation); a browser that has that one already must not be told to throw it away. All of them deny.
 */
export interface CredentialRefusal {
  readonly state: 'unknown' | 'ended' | 'expired' | 'replaced';
}
export type CredentialLookup = CredentialEntry | CredentialRefusal;
