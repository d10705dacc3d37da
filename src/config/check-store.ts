import { isLoopback } from '../core/address.ts';
import { parseRedisUrl } from '../stores/redis-target.ts';
import type { Reports } from './check-routes.ts';
import type { Settings } from './schema.ts';

const MIN_TIMEOUT_MS = 50;
const MAX_TIMEOUT_MS = 5000;

/** What a store on Redis needs beside its address. Nothing that is said here repeats the address: a password may be in it. */
export function checkStore({ store, secrets }: Settings, { error, warning, known }: Reports): void {
  const { redis, ca, timeout } = store;
  if (known(['store', 'timeout']) && !(timeout >= MIN_TIMEOUT_MS && timeout <= MAX_TIMEOUT_MS)) {
    error(['store', 'timeout'], 'value', 'out-of-range', 'store.timeout must be 50ms to 5s.');
  }
  if (!known(['store', 'redis'])) return;
  if (redis === undefined) {
    if (ca !== undefined)
      error(['store', 'ca'], 'key', 'bad-value', 'store.ca is for store.redis, which is not there.');
    return;
  }
  checkAddress(redis, ca, { error, warning, known });
  if (secrets.cookie === undefined && known(['secrets'], ['secrets', 'cookie'])) {
    const message = 'With a store on Redis all gateways need the same root secret, and secrets.cookie is not set.';
    const suggestion = 'Add secrets.cookie with at least 32 random characters, from the environment or a file.';
    error(['store', 'redis'], 'key', 'no-root-secret', message, suggestion);
  }
}

function checkAddress(redis: string, ca: string | undefined, { error, warning }: Reports): void {
  try {
    const { host, tls } = parseRedisUrl(redis, ca);
    if (tls !== undefined || isLoopback(host)) return;
    const message = 'The connection to Redis is not encrypted: who can read it reads sessions, and may change them.';
    warning(['store', 'redis'], 'value', 'plain-redis', message, 'Use rediss://, or a network that nobody else is on.');
  } catch (problem) {
    const why = problem instanceof Error ? problem.message : String(problem);
    error(['store', 'redis'], 'value', 'bad-value', `store.redis: ${why}.`);
  }
}
