import { type Store, StoreUnavailable } from '../../core/store.ts';
import { partitionOf, type UserId } from '../../core/subject.ts';
import { codeCounterNames } from './attempts.ts';
import { factorsName } from './keys.ts';

const ATTEMPTS = 64;

/**
 * Takes all second factors of a user away, and what was counted of their codes, for administration; resolves to whether there
 * were any. Needs no key, so it works on factors that nobody can open any more. Sessions are the caller's to end, after this
 * has resolved.
 * @throws StoreUnavailable
 */
export async function resetFactors({ store }: { readonly store: Store }, user: UserId): Promise<boolean> {
  const partition = partitionOf(user);
  const name = factorsName(user);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const entry = await store.get({ partition, name });
    if (entry === undefined) return false;
    const done = await store.commit({
      partition,
      expect: [{ name, version: entry.version }],
      remove: [name, ...(await codeCounterNames(store, user))],
      changes: [{ kind: 'user', subject: user }],
    });
    if (done) return true;
  }
  throw new StoreUnavailable('the factors of a user change all the time');
}
