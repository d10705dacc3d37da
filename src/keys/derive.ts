import { hkdfSync } from 'node:crypto';

/** Sets our keys apart from those of any other program that was given the same secret. */
const SALT = 'sallyport/1';

/**
 * A symmetric key for one purpose: HKDF-SHA-256 (RFC 5869) of a root secret with the purpose as `info`, so that no key
 * says anything about another. `length` in bytes, at most 8,160.
 */
export function deriveKey(root: Uint8Array, label: string, length = 32): Uint8Array {
  if (label === '') throw new TypeError('a key needs a purpose');
  return new Uint8Array(hkdfSync('sha256', root, SALT, label, length));
}
