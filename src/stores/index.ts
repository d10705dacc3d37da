import type { Clock, Log, Random } from '../core/ports.ts';
import type { Store } from '../core/store.ts';
import { openEmbeddedStore } from './embedded.ts';
import { openRedisStore } from './redis.ts';

export interface OpenStoreOptions {
  /** directory of what stays on this machine: the embedded store, or what is remembered of the one on Redis */
  readonly path: string;
  /** address of a Redis server; left out: the embedded store */
  readonly redis?: string | undefined;
  /** the rest is for Redis only (`RedisStoreOptions`) */
  readonly ca?: string | undefined;
  /** ms */
  readonly timeout?: number | undefined;
  readonly prefix?: string | undefined;
  readonly localAccounts?: boolean;
}

export interface OpenedStore extends Store {
  /** after `start`: what whoever runs the store should know; the embedded one has nothing to say */
  readonly warnings?: readonly string[];
  /** what is wrong although the store answers, in words that may be shown to anybody */
  problem?(): string | undefined;
}

/** Chooses the store that the configuration names. No I/O before `start`. `log` takes alarms of a store on Redis. */
export function openStore(
  deps: { readonly clock: Clock; readonly random: Random; readonly log?: Log },
  { path, redis, ca, timeout, prefix, localAccounts }: OpenStoreOptions,
): OpenedStore {
  if (redis === undefined) return openEmbeddedStore(deps, { path });
  return openRedisStore(deps, {
    url: redis,
    path,
    ...(ca !== undefined && { ca }),
    ...(timeout !== undefined && { timeoutMs: timeout }),
    ...(prefix !== undefined && { prefix }),
    ...(localAccounts !== undefined && { localAccounts }),
  });
}
