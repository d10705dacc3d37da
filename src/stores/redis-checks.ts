import type { Redis } from 'ioredis';
import type { Clock } from '../core/ports.ts';

/** More than this between our clock and the server's, ms, and instants in the store mean something else here and there. */
export const MAX_SKEW_MS = 2000;
const OLDEST: readonly [number, number] = [6, 2];

/** What was found out about a server: `refusals` forbid to start, `warnings` are for whoever runs it. */
export interface ServerReport {
  readonly refusals: readonly string[];
  readonly warnings: readonly string[];
}

export interface CheckOptions {
  /** accounts are kept in the store: then it has to be durable */
  readonly localAccounts: boolean;
  /** largest difference of the clocks, ms */
  readonly maxSkewMs: number;
}

/** Looks at a server before it is trusted with anything. Rejects when it does not answer. */
export async function checkServer(redis: Redis, clock: Clock, options: CheckOptions): Promise<ServerReport> {
  const before = clock.now();
  const [seconds = Number.NaN, micros = Number.NaN] = await redis.time();
  const skew = skewOf([seconds, micros], before, clock.now());
  const text = await readInfo(redis);
  if (text === undefined)
    return { refusals: ['the user may not use INFO, so the server cannot be checked'], warnings: [] };
  const info = parseInfo(text);
  const refusals: string[] = [];
  const warnings: string[] = [];

  const version = info.get('redis_version') ?? '';
  if (!isAtLeast(version, OLDEST))
    refusals.push(`version ${version || 'unknown'} is too old: Redis 6.2 is needed, 7 is better`);
  if (info.get('redis_mode') !== 'standalone') {
    refusals.push(
      `its mode is ${info.get('redis_mode') ?? 'unknown'}: this version works with a standalone server only`,
    );
  }
  if (info.get('role') !== 'master') refusals.push('it is a replica: name the server that takes writes');
  const policy = info.get('maxmemory_policy') ?? 'unknown';
  if (policy !== 'noeviction') {
    refusals.push(
      `maxmemory-policy is ${policy}, so it may drop sessions and revocations when memory is short: say \`maxmemory-policy noeviction\` in redis.conf, and CONFIG SET maxmemory-policy noeviction`,
    );
  }
  if (skew > options.maxSkewMs) refusals.push(skewText(skew));

  if (info.get('aof_enabled') === '1') {
    const fsync = await appendFsync(redis);
    if (fsync !== 'always') warnings.push(fsyncText(fsync));
  } else {
    const why = 'without an append-only file it forgets what was acknowledged when it ends';
    const advice = 'say `appendonly yes` in redis.conf, and CONFIG SET appendonly yes';
    if (options.localAccounts) refusals.push(`${why}, local accounts too: ${advice}`);
    else warnings.push(`${why}, and everybody has to sign in again: ${advice}`);
  }
  return { refusals, warnings };
}

function fsyncText(fsync: string | undefined): string {
  const advice = 'say `appendfsync always` in redis.conf where that matters';
  if (fsync === undefined) return `appendfsync cannot be read (the user may not use CONFIG GET): ${advice}`;
  const window = fsync === 'everysec' ? 'the last second' : 'the last half minute';
  return `appendfsync is ${fsync}: when the machine fails, ${window} of what was acknowledged is lost; everybody is signed out then, since a revocation may be among it; ${advice}`;
}

/** How far the clocks are apart at least, ms; 0 when they may be alike. `before` and `after` lie around the question. */
export function skewOf(
  [seconds, micros]: readonly [string | number, string | number],
  before: number,
  after: number,
): number {
  const server = Number(seconds) * 1000 + Number(micros) / 1000;
  return Math.max(0, server - after, before - server);
}

export const skewText = (skew: number): string =>
  `the clocks of this machine and of the store are ${(skew / 1000).toFixed(1)} s apart: set them (NTP)`;

/** Undefined: the user may not ask. */
const readInfo = (redis: Redis): Promise<string | undefined> => allowed(redis.info());
const appendFsync = (redis: Redis): Promise<string | undefined> =>
  allowed(redis.config('GET', 'appendfsync').then((answer) => (answer as string[])[1]));

async function allowed<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('NOPERM')) return undefined;
    throw error;
  }
}

/** How many replicas a server has, by its INFO. */
export async function countReplicas(redis: Redis): Promise<number> {
  return Number(parseInfo(await redis.info('replication')).get('connected_slaves') ?? 0);
}

const parseInfo = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text.split('\r\n').flatMap((line) => {
      const colon = line.indexOf(':');
      return colon > 0 ? [[line.slice(0, colon), line.slice(colon + 1)] as const] : [];
    }),
  );

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [own = Number.NaN, ownMinor = Number.NaN] = version.split('.').map(Number);
  return own > major || (own === major && ownMinor >= minor);
}
