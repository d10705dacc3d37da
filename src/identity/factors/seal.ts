import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Random } from '../../core/ports.ts';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Seals a secret under AES-256-GCM: base64url of nonce (96 random bits), ciphertext and tag. `context` says whose it is and is
 * checked when it is opened, so that what was copied to somebody else's record does not open there.
 */
export function seal(key: Uint8Array, random: Random, context: string, secret: Uint8Array): string {
  const nonce = random.bytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(context, 'utf8'));
  return Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]).toString('base64url');
}

/** Opens it with whichever key of the ring sealed it; undefined when none did, or when the context is another. */
export function unseal(keys: readonly Uint8Array[], context: string, sealed: string): Uint8Array | undefined {
  const bytes = Buffer.from(sealed, 'base64url');
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined;
  for (const key of keys) {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(context, 'utf8'));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    try {
      return new Uint8Array(
        Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]),
      );
    } catch {
      // another key of the ring, or none: the caller is told by undefined
    }
  }
  return undefined;
}

/**
 * The same secret under the first key of the ring. As it is when it lies under that one already, or under none of them: what
 * cannot be opened is left for whoever has the key.
 */
export function resealed(
  keys: readonly [Uint8Array, ...Uint8Array[]],
  random: Random,
  context: string,
  sealed: string,
): string {
  const [first, ...former] = keys;
  if (unseal([first], context, sealed) !== undefined) return sealed;
  const secret = unseal(former, context, sealed);
  return secret === undefined ? sealed : seal(first, random, context, secret);
}
