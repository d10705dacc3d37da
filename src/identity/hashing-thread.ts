import { Worker } from 'node:worker_threads';

/** What to derive. `memory` in KiB, `tagLength` in bytes. */
export interface Derivation {
  readonly message: Uint8Array;
  readonly salt: Uint8Array;
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
  readonly tagLength: number;
}

/** Derives one tag after the other; the caller waits for one before it asks for the next. Rejects when it cannot be done. */
export type DeriveTag = (what: Derivation) => Promise<Uint8Array>;

/**
 * A thread that hashes at a low priority, so that a core which the proxy needs is the proxy's: libuv's own threads have the
 * priority of the event loop, and store and files wait in their queue. Started with the first derivation, anew after it died,
 * and never a reason for a process to live on.
 */
export function openHashingThread(): DeriveTag {
  let worker: Worker | undefined;
  let waiting: { readonly resolve: (tag: Uint8Array) => void; readonly reject: (error: Error) => void } | undefined;

  function start(): Worker {
    const started = new Worker(WORKER, { name: 'passwords' });
    const died = (cause?: unknown): void => {
      if (worker !== started) return;
      worker = undefined;
      waiting?.reject(new Error('the thread that hashes passwords ended', { cause }));
    };
    started.on('error', died).on('exit', died);
    started.on('message', (answer: Uint8Array | string) => {
      if (typeof answer === 'string') waiting?.reject(new Error(`a password could not be hashed: ${answer}`));
      else waiting?.resolve(answer);
    });
    return started;
  }

  return async (what) => {
    worker ??= start();
    const used = worker;
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    waiting = { resolve, reject };
    // only while somebody waits
    used.ref();
    used.postMessage(what);
    try {
      return await promise;
    } finally {
      waiting = undefined;
      used.unref();
    }
  };
}

const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './hashing-worker.ts' : './hashing-worker.js',
  import.meta.url,
);
