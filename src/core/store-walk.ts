import type { Entry, Store, StoreKey } from './store.ts';
import { USER_PARTITIONS } from './subject.ts';

/**
 * What lies under `prefix` in the partitions of all users, by partition and name, after the key `after` if it is given. What
 * lies before costs nothing, and neither does what the caller does not take.
 */
export async function* walkUsers(
  store: Pick<Store, 'list'>,
  prefix: string,
  after?: StoreKey,
): AsyncIterable<{ readonly name: string; readonly entry: Entry }> {
  for (const partition of USER_PARTITIONS) {
    if (after === undefined || partition > after.partition) yield* store.list(partition, prefix);
    else if (partition === after.partition) yield* store.list(partition, prefix, after.name);
  }
}

/** How many partitions are read at the same time: few round trips, and never so much in one that it outlasts a command's time. */
const AT_ONCE = 16;

/** Gives all that lies under `prefix` in the partitions of all users to `take`, in no order. Rejects with `StoreUnavailable`. */
export async function readUsers(
  store: Pick<Store, 'list'>,
  prefix: string,
  take: (entry: Entry) => void,
): Promise<void> {
  const partitions = USER_PARTITIONS.values();
  async function readOn(): Promise<void> {
    // one iterator for all of them: each takes the next partition that nobody has taken
    for (const partition of partitions) for await (const { entry } of store.list(partition, prefix)) take(entry);
  }
  await Promise.all(Array.from({ length: AT_ONCE }, readOn));
}
