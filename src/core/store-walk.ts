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
