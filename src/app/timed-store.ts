import type { Clock } from '../core/ports.ts';
import type { Store } from '../core/store.ts';

/** What is timed of a store. `position` is not: every request asks for it, and two looks at the clock cost more than it does. */
export type StoreOperation = 'get' | 'commit' | 'increment' | 'list' | 'partitions' | 'changes' | 'birth';

/**
 * A store that tells how long each of its answers took, failures included. What the store answers at once is answered at
 * once. A listing is one operation: the time that the store took for it, without what was done with the entries in between.
 *
 * @param observe asked once for each operation; what it gives is told milliseconds
 */
export function timedStore(
  store: Store,
  clock: Clock,
  observe: (operation: StoreOperation) => (durationMs: number) => void,
): Store {
  function timed<A extends unknown[], T>(operation: StoreOperation, call: (...given: A) => T): (...given: A) => T {
    const tell = observe(operation);
    return (...given) => {
      const from = clock.monotonic();
      let answer: T | undefined;
      try {
        answer = call(...given);
        return answer instanceof Promise ? (told(tell, from, answer) as T) : answer;
      } finally {
        if (!(answer instanceof Promise)) tell(clock.monotonic() - from);
      }
    };
  }

  async function told<T>(tell: (durationMs: number) => void, from: number, answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } finally {
      tell(clock.monotonic() - from);
    }
  }

  function timedList<A extends unknown[], T>(
    operation: StoreOperation,
    call: (...given: A) => AsyncIterable<T>,
  ): (...given: A) => AsyncIterable<T> {
    const tell = observe(operation);
    return async function* (...given) {
      let spent = 0;
      let asked = clock.monotonic();
      let waits = true;
      try {
        for await (const item of call(...given)) {
          spent += clock.monotonic() - asked;
          waits = false;
          yield item;
          asked = clock.monotonic();
          waits = true;
        }
      } finally {
        tell(waits ? spent + clock.monotonic() - asked : spent);
      }
    };
  }

  return {
    start: () => store.start(),
    close: (deadlineMs) => store.close(deadlineMs),
    position: () => store.position(),
    get: timed('get', (key) => store.get(key)),
    commit: timed('commit', (commit) => store.commit(commit)),
    increment: timed('increment', (key, by, windowMs) => store.increment(key, by, windowMs)),
    list: timedList('list', (partition, prefix, after) => store.list(partition, prefix, after)),
    partitions: timedList('partitions', () => store.partitions()),
    changes: timed('changes', (cursor) => store.changes(cursor)),
    birth: timed('birth', () => store.birth()),
  };
}
