import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto';
import type { Random } from '../core/ports.ts';
import type { Json } from '../core/store.ts';
import { deriveKey } from './derive.ts';

/** `next` is published before it signs, `previous` after it did: whoever fetched the keys a while ago knows the right one. */
export type KeyState = 'next' | 'current' | 'previous';

/** A signing key as it is stored: the private half sealed, everything else open. */
export interface StoredKey {
  readonly kid: string;
  readonly state: KeyState;
  /** wall-clock ms of the last change of state */
  readonly since: number;
  /** which root secret sealed it: a fingerprint that says nothing about the secret */
  readonly root: string;
  /** base64url of nonce (12 bytes), ciphertext and tag (16 bytes) of the PKCS #8 key under AES-256-GCM */
  readonly sealed: string;
}

/** A signing key ready for use. */
export interface SigningKey {
  readonly kid: string;
  readonly alg: 'ES256';
  readonly privateKey: KeyObject;
}

export interface OpenKey extends SigningKey {
  readonly state: KeyState;
  readonly since: number;
  readonly publicJwk: JsonWebKey;
}

/** The signing keys in the store were sealed with a root secret that is not among the configured ones. */
export class RootSecretMismatch extends Error {
  constructor(options?: ErrorOptions) {
    super(
      'the signing keys in the store were sealed with another root secret: list the former secret after the new one in secrets.cookie (or put back the file `secret` of the data directory)',
      options,
    );
    this.name = 'RootSecretMismatch';
  }
}

const WRAP = 'signing-key/wrap';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Tells root secrets apart in the store. */
export const rootFingerprint = (root: Uint8Array): string =>
  Buffer.from(deriveKey(root, 'signing-key/root', 9)).toString('base64url');

/**
 * ES256: any library, proxy and older JVM knows it, and node:crypto is quick with it (sign 23 to 43 µs, verify 61 to 81 µs;
 * Ed25519 28 to 37 and 80 to 91 on the same machine).
 */
export function makeKey(root: Uint8Array, random: Random, state: KeyState, now: number): StoredKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return seal(privateKey, thumbprint(publicKey.export({ format: 'jwk' })), root, random, state, now);
}

function seal(
  key: KeyObject,
  kid: string,
  root: Uint8Array,
  random: Random,
  state: KeyState,
  since: number,
): StoredKey {
  const nonce = random.bytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', deriveKey(root, WRAP), nonce);
  cipher.setAAD(Buffer.from(kid, 'ascii'));
  const text = Buffer.concat([cipher.update(key.export({ format: 'der', type: 'pkcs8' })), cipher.final()]);
  const sealed = Buffer.concat([nonce, text, cipher.getAuthTag()]).toString('base64url');
  return { kid, state, since, root: rootFingerprint(root), sealed };
}

/** Whether one of the roots sealed it, as it says itself. */
export const isOurs = (stored: StoredKey, roots: readonly Uint8Array[]): boolean =>
  roots.some((root) => rootFingerprint(root) === stored.root);

/** @throws RootSecretMismatch when no root opens it, or when what it holds is not the key that it is called */
export function openKey(stored: StoredKey, roots: readonly Uint8Array[]): OpenKey {
  const root = roots.find((each) => rootFingerprint(each) === stored.root);
  if (root === undefined) throw new RootSecretMismatch();
  try {
    const bytes = Buffer.from(stored.sealed, 'base64url');
    const decipher = createDecipheriv('aes-256-gcm', deriveKey(root, WRAP), bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(stored.kid, 'ascii'));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    const der = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    const { kty, crv, x, y } = createPublicKey(privateKey).export({ format: 'jwk' });
    // member by member, so that a private one can never be among them
    const publicJwk = { kty, crv, x, y } as JsonWebKey;
    if (thumbprint(publicJwk) !== stored.kid) throw new Error('the key is not the one that it is called');
    const { kid, state, since } = stored;
    return { kid, state, since, alg: 'ES256', privateKey, publicJwk: { ...publicJwk, kid, alg: 'ES256', use: 'sig' } };
  } catch (error) {
    throw new RootSecretMismatch({ cause: error });
  }
}

/** The same key under another root secret. */
export function resealed(stored: StoredKey, roots: readonly Uint8Array[], root: Uint8Array, random: Random): StoredKey {
  if (stored.root === rootFingerprint(root)) return stored;
  return seal(openKey(stored, roots).privateKey, stored.kid, root, random, stored.state, stored.since);
}

/** JWK thumbprint (RFC 7638): the key's name follows from the key. */
const thumbprint = ({ crv, kty, x, y }: JsonWebKey): string =>
  hash('sha256', JSON.stringify({ crv, kty, x, y }), 'base64url');

export const encodeKeys = (keys: readonly StoredKey[]): Json => ({ keys: keys.map((key) => ({ ...key })) });

/** @throws Error when the record is damaged: nothing is ever signed with what cannot be read */
export function decodeKeys(value: Json): readonly StoredKey[] {
  const keys = typeof value === 'object' && value !== null && 'keys' in value ? value.keys : undefined;
  if (!Array.isArray(keys)) throw new Error('the signing keys in the store are damaged');
  return (keys as readonly { readonly [key: string]: Json }[]).map(({ kid, state, since, root, sealed }) => {
    const isState = state === 'next' || state === 'current' || state === 'previous';
    if (
      typeof kid !== 'string' ||
      !isState ||
      typeof since !== 'number' ||
      typeof root !== 'string' ||
      typeof sealed !== 'string'
    ) {
      throw new Error('the signing keys in the store are damaged');
    }
    return { kid, state, since, root, sealed };
  });
}
