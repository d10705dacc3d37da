import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * HMAC-SHA-256 over a purpose and any number of parts, as 43 characters of base64url. Every part goes in with its length, so
 * that no two lists of parts run together into the same bytes.
 */
export function mac(key: Uint8Array, purpose: string, parts: readonly string[]): string {
  const hmac = createHmac('sha256', key);
  for (const part of [purpose, ...parts]) {
    const bytes = Buffer.from(part, 'utf8');
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(bytes.length);
    hmac.update(length).update(bytes);
  }
  return hmac.digest('base64url');
}

/** Whether a token was made with any key of the ring. Takes the same time wherever it differs. Never throws. */
export function verifyMac(
  token: string,
  keys: readonly Uint8Array[],
  purpose: string,
  parts: readonly string[],
): boolean {
  const given = Buffer.from(token, 'utf8');
  let good = false;
  for (const key of keys) {
    const wanted = Buffer.from(mac(key, purpose, parts), 'utf8');
    // no early end: which key of the ring it was is nobody's business either
    if (given.length === wanted.length && timingSafeEqual(given, wanted)) good = true;
  }
  return good;
}
