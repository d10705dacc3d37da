import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Random } from '../../core/ports.ts';
import type { UserId } from '../../core/subject.ts';

export const BACKUP_CODES = 10;
export const BACKUP_CODE_LENGTH = 8;
/** 32 characters, five bits each: no 0 and O, no 1 and I, since these codes are read from paper. */
const ALPHABET = '23456789ABCDEFGHJKLMNPQRSTUVWXYZ';
const CODE = new RegExp(`^[${ALPHABET}]{${BACKUP_CODE_LENGTH}}$`);

/** Ten different codes of 40 random bits. */
export function newBackupCodes(random: Random): readonly string[] {
  const codes = new Set<string>();
  while (codes.size < BACKUP_CODES) {
    codes.add(Array.from(random.bytes(BACKUP_CODE_LENGTH), (byte) => ALPHABET[byte & 31]).join(''));
  }
  return [...codes];
}

/** What was typed, in capitals and without spaces and hyphens; undefined when it cannot be a code of ours. */
export function backupCode(typed: string): string | undefined {
  const code = typed.length > 32 ? '' : typed.replace(/[\s-]/g, '').toUpperCase();
  return CODE.test(code) ? code : undefined;
}

/**
 * What is kept of a code: HMAC-SHA-256 under a key of its set, over the code and whose it is. The key is random and lies sealed
 * beside the hashes, so a new root secret needs no new codes. A slow hash is for secrets that people choose. These are random,
 * whoever has only the store cannot try a single one without the root secret, and online the count of wrong codes
 * (attempts.ts) leaves 2^40 far out of reach.
 */
export const backupCodeHash = (key: Uint8Array, user: UserId, set: string, code: string): string =>
  // the code and the set's id have fixed lengths, so no two lists of parts run together
  createHmac('sha256', key).update(`${code}/${set}/${user}`).digest('base64url');

/** Which of the hashes is this one; −1: none. Looks at all of them, wherever it is found. */
export function findBackupCode(wanted: string, hashes: readonly string[]): number {
  const bytes = Buffer.from(wanted);
  let found = -1;
  for (const [at, hash] of hashes.entries()) {
    const known = Buffer.from(hash);
    if (known.length === bytes.length && timingSafeEqual(known, bytes)) found = at;
  }
  return found;
}
