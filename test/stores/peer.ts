import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Store } from '../../src/core/store.ts';
import type { OpenStoreOptions } from '../../src/stores/index.ts';

/** Methods of a store that a peer runs on request. */
type Call = 'commit' | 'increment' | 'get' | 'position' | 'changes' | 'birth';

/** Another process with the same store open. */
export interface Peer {
  call<M extends Call>(method: M, ...args: Parameters<Store[M]>): Promise<Awaited<ReturnType<Store[M]>>>;
  /** SIGKILL; resolves once the process is gone. */
  kill(): Promise<void>;
}

export async function startPeer(options: OpenStoreOptions): Promise<Peer> {
  const child = fork(fileURLToPath(new URL('./peer-process.ts', import.meta.url)), [JSON.stringify(options)], {
    serialization: 'advanced',
    stdio: 'inherit',
  });
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let next = 0;
  await once(child, 'message');
  child.on('message', (message: { id: number; value?: unknown; error?: string }) => {
    const call = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error === undefined) call?.resolve(message.value);
    else call?.reject(new Error(message.error));
  });
  return {
    call: (method, ...args) =>
      new Promise((resolve, reject) => {
        next += 1;
        waiting.set(next, { resolve: resolve as (value: unknown) => void, reject });
        child.send({ id: next, method, args });
      }),
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}
