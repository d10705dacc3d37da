import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { openRedisStore } from '../../src/stores/redis.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { describeStore } from './conformance.ts';
import { temporaryDirectory } from './directory.ts';
import { systemRandom } from './ports.ts';

const TIMEOUT_MS = 10_000;

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

describeStore('redis store', async () => {
  const directory = temporaryDirectory();
  const path = join(directory.path, 'data');
  await server.client.flushall();
  return {
    // what is slow on a busy machine is no fault here
    options: { path, redis: server.url, timeout: TIMEOUT_MS },
    async open(clock, keepChanges) {
      const store = openRedisStore(
        // hands turn the wall clock and nothing else: leases run by themselves
        { clock: { now: clock.now, monotonic: () => performance.now() }, random: systemRandom },
        {
          url: server.url,
          path,
          timeoutMs: TIMEOUT_MS,
          maxSkewMs: Number.POSITIVE_INFINITY,
          ...(keepChanges !== undefined && { keepChanges }),
        },
      );
      await store.start();
      return store;
    },
    empty: async () => void (await server.client.flushall()),
    dispose: async () => directory.remove(),
  };
});
