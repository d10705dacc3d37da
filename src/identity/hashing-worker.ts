import { argon2Sync } from 'node:crypto';
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import type { Derivation } from './hashing-thread.ts';

/**
 * Low enough that the event loop gets a core whenever it wants it, and not the lowest (19): behind a proxy that is busy all
 * the time a tenth of a core still signs people in, where a seventieth would not.
 */
const NICE = 10;

/**
 * Derives one Argon2id tag for each message, in a thread of its own. Answers with the tag, or with the text of an error.
 */
try {
  // there 0 is the calling thread, elsewhere the whole process, which must keep its own
  if (process.platform === 'linux') setPriority(0, NICE);
} catch {
  // a sandbox that forbids it: the hashing is right at any priority
}

parentPort?.on('message', ({ message, memory, passes, parallelism, salt: nonce, tagLength }: Derivation) => {
  try {
    const tag = argon2Sync('argon2id', { message, nonce, parallelism, tagLength, memory, passes });
    parentPort?.postMessage(new Uint8Array(tag));
  } catch (error) {
    parentPort?.postMessage(String(error));
  }
});
