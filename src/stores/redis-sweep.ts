import type { Redis } from 'ioredis';
import type { Layout } from './redis-layout.ts';
import { runScript, SWEEP } from './redis-scripts.ts';

/** Entries that one step removes at most: a script holds up everybody. */
const SWEEP_SLICE = 256;
/** An entry stays that long after it expired: a clock that is a little ahead here frees nothing that still counts elsewhere. */
const GRACE_MS = 10_000;

/** Frees what expired in one slot, one slice of it; answers whether there is more. Two processes may do the same at once. */
export async function sweepSlot(redis: Redis, layout: Layout, slot: number, now: number): Promise<boolean> {
  const until = now - GRACE_MS;
  const due = await redis.zrangebyscore(layout.expiry(slot), '-inf', until, 'LIMIT', 0, SWEEP_SLICE);
  if (due.length === 0) return false;
  const keys = [layout.expiry(slot), layout.partitions(slot)];
  const args: (string | number)[] = [until];
  for (const member of due) {
    const space = member.indexOf(' ');
    const [partition, name] = [member.slice(0, space), member.slice(space + 1)];
    keys.push(layout.value(slot, partition, name), layout.index(slot, partition));
    args.push(name, partition);
  }
  await runScript(redis, SWEEP, keys, args);
  return due.length === SWEEP_SLICE;
}
