import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { Store } from '../../src/core/store.ts';
import { openRedisStore, type RedisStore, type RedisStoreOptions } from '../../src/stores/redis.ts';
import { type BlackHole, openBlackHole } from '../support/black-hole.ts';
import { temporaryDirectory } from './directory.ts';
import { systemClock, systemRandom } from './ports.ts';

export type NodeOptions = Partial<RedisStoreOptions> & { readonly port: number };

/** A store on the server at a port, started, with a directory of its own unless it is told one; closed with the test. */
export async function openStoreAt({ port, ...options }: NodeOptions): Promise<RedisStore> {
  const directory = options.path === undefined ? temporaryDirectory() : { path: options.path, remove() {} };
  const deps = { clock: systemClock, random: systemRandom };
  const store = openRedisStore(deps, { url: `redis://127.0.0.1:${port}`, ...options, path: directory.path });
  onTestFinished(async () => {
    await store.close(1000);
    directory.remove();
  });
  await store.start();
  return store;
}

/** The same as a gateway is: it may trust what it remembers. */
export async function openNodeAt(options: NodeOptions): Promise<RedisStore> {
  const node = await openStoreAt(options);
  await until(() => isTrusted(node));
  return node;
}

export async function holeBefore(port: number): Promise<BlackHole> {
  const hole = await openBlackHole(port);
  onTestFinished(() => hole.close());
  return hole;
}

/** Whether a request would be answered out of what is remembered. */
export function isTrusted(store: Store): boolean {
  const position = store.position();
  if (typeof position === 'string') return true;
  position.catch(() => undefined);
  return false;
}

/** Asks until it holds; the test's time limit is the only one. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await delay(5);
}

export const key = (name: string) => ({ partition: '00', name });

export const put = (store: Store, name: string): Promise<boolean> =>
  store.commit({ partition: '00', put: [{ name, value: name }] });

/** Writes something that every node has to know at once. */
export const revoke = (store: Store, subject: string, partition = '00'): Promise<boolean> =>
  store.commit({
    partition,
    put: [{ name: `revoked/${subject}`, value: 1 }],
    changes: [{ kind: 'session', subject }],
  });

export async function elapsed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

export async function namesIn(store: Store, partition = '00', prefix = ''): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of store.list(partition, prefix)) names.push(name);
  return names;
}
