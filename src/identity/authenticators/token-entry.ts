import type { CredentialEntry } from '../../core/credential.ts';
import type { Proof } from '../../core/decision.ts';
import type { Cursor } from '../../core/store.ts';
import type { Subject } from '../../core/subject.ts';
import type { KeySource } from './key-source.ts';

/** A token whose signature and claims were found good. Instants are wall-clock ms. */
export interface VerifiedToken {
  readonly subject: Subject;
  readonly jti: string | undefined;
  /** what it proves of how its user signed in */
  readonly proof: Proof;
  readonly issuedAt: number;
  /** leeway included */
  readonly expiresAt: number;
  /** id of the key that its signature was verified with */
  readonly keyId: string;
  /** version of the set that the key was in */
  readonly keysVersion: number;
}

/** The cache entry of a token. A class, so that reads stay monomorphic. */
export class TokenEntry implements CredentialEntry {
  readonly state = 'valid';
  readonly session = undefined;
  readonly subject: Subject;
  readonly proofs: readonly Proof[];
  readonly expiresAt: number;
  readonly hash: string;
  readonly jti: string | undefined;
  readonly issuedAt: number;
  lastActivityAt = 0;
  memo: object | undefined = undefined;
  /** the store's position up to which nothing speaks against the token */
  position: Cursor;
  readonly #keys: KeySource;
  readonly #keyId: string;
  /** keys that were never confirmed again are trusted only so long */
  readonly #trustedUntil: number;
  #keysVersion: number;

  constructor(keys: KeySource, hash: string, position: Cursor, verified: VerifiedToken) {
    this.subject = verified.subject;
    this.proofs = Object.freeze([verified.proof]);
    this.expiresAt = verified.expiresAt;
    this.hash = hash;
    this.jti = verified.jti;
    this.issuedAt = verified.issuedAt;
    this.position = position;
    this.#keys = keys;
    this.#keyId = verified.keyId;
    this.#trustedUntil = keys.goodUntil();
    this.#keysVersion = verified.keysVersion;
  }

  /** Whether the token still counts at `now`, as far as its own time and its key go. A NaN instant is never in time. */
  holds(now: number): boolean {
    if (!(now < this.expiresAt && now < this.#trustedUntil)) return false;
    const version = this.#keys.version();
    if (version === this.#keysVersion) return true;
    // a key that was taken out of the set has been given up, perhaps because it was stolen
    if (!this.#keys.holds(this.#keyId)) return false;
    this.#keysVersion = version;
    return true;
  }
}
