import { randomBytes, randomFillSync } from 'node:crypto';
import type { Random } from '../core/ports.ts';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const POOL_BYTES = 8192;
const ID_BYTES = 16;

/** The operating system's randomness; ids come out of a pool that is filled 512 at a time. */
export function systemRandom(): Random {
  const pool = new Uint8Array(POOL_BYTES);
  let used = POOL_BYTES;
  return {
    bytes: (length) => randomBytes(length),
    id: () => {
      if (used === POOL_BYTES) {
        randomFillSync(pool);
        used = 0;
      }
      const id = base32(pool, used);
      used += ID_BYTES;
      return id;
    },
  };
}

/** 128 bits as 26 characters, most significant first (RFC 4648 §6 in lower case, without padding). */
function base32(bytes: Uint8Array, from: number): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (let i = from; i < from + ID_BYTES; i++) {
    bits = ((bits << 8) | (bytes[i] as number)) & 0xfff;
    held += 8;
    while (held >= 5) {
      held -= 5;
      text += ALPHABET[(bits >> held) & 31];
    }
  }
  return text + ALPHABET[(bits << (5 - held)) & 31];
}
