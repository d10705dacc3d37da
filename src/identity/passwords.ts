import { timingSafeEqual } from 'node:crypto';
import type { Random } from '../core/ports.ts';
import { openHashingThread } from './hashing-thread.ts';
import { type Argon2Hash, formatPhc, parsePhc } from './phc.ts';

/** A password that can be set: at least 8 characters (code points), at most 1,024 bytes of UTF-8, after NFC. */
export const PASSWORD_LIMITS = { minCharacters: 8, maxBytes: 1024 } as const;

export type HashOutcome =
  | { readonly ok: true; readonly phc: string }
  | { readonly ok: false; readonly reason: 'too_short' | 'too_long' | 'busy' };

/** `busy`: the queue is full and no work was done; the caller answers 503 and the person tries again. */
export type VerifyOutcome = 'match' | 'mismatch' | 'busy';

/**
 * Hashes passwords one after the other in a thread of low priority, so that a flood of sign-ins costs at most one core and
 * leaves the proxy alone even where there is only one (security rule 20).
 */
export interface PasswordHasher {
  /** Hashes a new password with the current parameters. */
  hash(password: string): Promise<HashOutcome>;
  /**
   * Compares a password with a stored hash, in constant time. Without one (no such user, no password) or with one that
   * cannot be read, the same work is done against a hash that nothing matches (security rule 20).
   */
  verify(phc: string | undefined, password: string): Promise<VerifyOutcome>;
}

/**
 * Argon2id with 19 MiB, two passes and one lane (OWASP's minimum; RFC 9106 for the function). At most `maxQueue` calls wait
 * or run; with some 20 to 70 ms each, the default bounds the wait to about two seconds, for those who are refused too (more
 * when the proxy needs the core).
 */
export function openPasswordHasher(
  deps: { readonly random: Random },
  options: { readonly maxQueue?: number } = {},
): PasswordHasher {
  const maxQueue = options.maxQueue ?? 32;
  const nobody: Argon2Hash = { ...CURRENT, salt: deps.random.bytes(SALT_BYTES), tag: deps.random.bytes(TAG_BYTES) };
  const deriveTag = openHashingThread();
  /** those that will be told that it is busy, longest waiting first */
  const refused: (() => void)[] = [];
  let queued = 0;
  let last: Promise<unknown> = Promise.resolve();

  /** Runs after everything before it; undefined when too many wait already. */
  async function enqueue<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (queued >= maxQueue) return refusal();
    queued++;
    const result = last.then(work).finally(() => {
      queued--;
      const due = queued === 0 ? refused.length : Math.ceil(refused.length / maxQueue);
      for (const tell of refused.splice(0, due)) tell();
    });
    // a failed derivation is its caller's error, not that of whoever comes next
    last = result.catch(() => undefined);
    return result;
  }

  /**
   * Told about as late as a place in the queue would have had its turn. Refusing at once would invite whoever floods to try
   * again at once, and reading and refusing their forms would then take the event loop that hashing leaves alone.
   */
  function refusal(): Promise<undefined> {
    if (queued === 0 || refused.length >= MAX_HELD) return Promise.resolve(undefined);
    return new Promise((resolve) => refused.push(() => resolve(undefined)));
  }

  const derive = (message: Uint8Array, { memory, passes, parallelism, salt, tag }: Argon2Hash): Promise<Uint8Array> =>
    deriveTag({ message, salt, memory, passes, parallelism, tagLength: tag.length });

  return {
    async hash(password) {
      const message = bytesOf(password);
      if (message.length > PASSWORD_LIMITS.maxBytes) return { ok: false, reason: 'too_long' };
      if (countCharacters(password) < PASSWORD_LIMITS.minCharacters) return { ok: false, reason: 'too_short' };
      const salt = deps.random.bytes(SALT_BYTES);
      const tag = await enqueue(() => derive(message, { ...CURRENT, salt, tag: nobody.tag }));
      if (tag === undefined) return { ok: false, reason: 'busy' };
      return { ok: true, phc: formatPhc({ ...CURRENT, salt, tag }) };
    },

    async verify(phc, password) {
      const stored = phc === undefined ? undefined : parsePhc(phc);
      const message = bytesOf(password);
      const usable = stored !== undefined && message.length <= PASSWORD_LIMITS.maxBytes;
      const against = usable ? stored : nobody;
      // one that is too long is not hashed whole: the work must not grow with what a stranger sends
      const tag = await enqueue(() => derive(message.subarray(0, PASSWORD_LIMITS.maxBytes), against));
      if (tag === undefined) return 'busy';
      return timingSafeEqual(tag, against.tag) && usable ? 'match' : 'mismatch';
    },
  };
}

// beyond, refusals come at once: waiting must not take memory without bound
const MAX_HELD = 1024;

const CURRENT = { memory: 19_456, passes: 2, parallelism: 1 } as const;
const SALT_BYTES = 16;
const TAG_BYTES = 32;

// one person's é may arrive composed or decomposed, by keyboard and system (NIST SP 800-63B-4, 3.1.1.2)
const bytesOf = (password: string): Uint8Array => Buffer.from(password.normalize('NFC'), 'utf8');
const countCharacters = (password: string): number => [...password.normalize('NFC')].length;
