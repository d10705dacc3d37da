/** A stored Argon2id hash, taken apart. `memory` in KiB. */
export interface Argon2Hash {
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
  readonly salt: Uint8Array;
  readonly tag: Uint8Array;
}

/** `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, base64 without padding (PHC string format; version 19 is RFC 9106's 0x13). */
export function formatPhc(hash: Argon2Hash): string {
  const { memory, passes, parallelism } = hash;
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(hash.salt)}$${base64(hash.tag)}`;
}

/**
 * Reads a PHC string of Argon2id version 19; undefined when it is anything else, is not canonical base64, or asks for work
 * beyond LIMITS: a record that somebody slipped into the store must not be able to exhaust memory.
 */
export function parsePhc(text: string): Argon2Hash | undefined {
  if (text.length > 512) return undefined;
  const match = PHC.exec(text);
  if (match === null) return undefined;
  const [, m, t, p, saltText, tagText] = match as unknown as readonly [string, string, string, string, string, string];
  const [memory, passes, parallelism] = [Number(m), Number(t), Number(p)];
  const salt = unbase64(saltText);
  const tag = unbase64(tagText);
  if (salt === undefined || tag === undefined) return undefined;
  const fits =
    memory >= 8 * parallelism &&
    memory <= LIMITS.memory &&
    passes >= 1 &&
    passes <= LIMITS.passes &&
    parallelism >= 1 &&
    parallelism <= LIMITS.parallelism &&
    within(salt.length, 8, 64) &&
    within(tag.length, 16, 64);
  return fits ? { memory, passes, parallelism, salt, tag } : undefined;
}

/** The most work that a stored hash may ask for: 64 MiB, ten passes, four lanes. */
export const LIMITS = { memory: 65_536, passes: 10, parallelism: 4 } as const;

const PHC =
  /^\$argon2id\$v=19\$m=([1-9][0-9]{0,6}),t=([1-9][0-9]{0,2}),p=([1-9][0-9]?)\$([A-Za-z0-9+/]{1,128})\$([A-Za-z0-9+/]{1,128})$/;
const within = (value: number, low: number, high: number): boolean => value >= low && value <= high;
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replaceAll('=', '');

function unbase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  return base64(bytes) === text ? bytes : undefined;
}
