import type { MaybePromise } from '../core/assert-never.ts';
import type { Change, Cursor, Store } from '../core/store.ts';

/** Keeps what this process remembers in step with what all processes change. */
export interface Coherence {
  /**
   * One comparison of positions. Undefined when nothing changed, or when what changed was applied at once (the embedded
   * store); otherwise a promise of it. Rejects or throws with `StoreUnavailable`.
   */
  sync(): Promise<void> | undefined;
  /** Rises with every change that was applied: what was read before a rise may be stale and must not be remembered. */
  generation(): number;
  /** Nothing from before this instant counts (birth of the store), wall-clock ms. */
  notBefore(): number;
}

type Answer = Awaited<ReturnType<Store['changes']>>;

/** `changes` says so when it gives fewer than it could: then there are no more (core/store). */
const FULL = 1000;

export function createCoherence(
  store: Store,
  on: {
    changed(change: Change): void;
    /** everything that was remembered is void */
    forgotten(): void;
  },
): Coherence {
  // no store has this position: the first comparison asks for changes, is told "incomplete" and reads the birth
  let applied: Cursor = '';
  let generation = 0;
  let notBefore = Number.POSITIVE_INFINITY;
  let catching: Promise<void> | undefined;

  function apply(answer: Answer): boolean {
    generation += 1;
    for (const change of answer.changes) on.changed(change);
    applied = answer.cursor;
    return answer.complete && answer.changes.length >= FULL;
  }

  function forget(answer: Answer, birth: { readonly at: number }): void {
    notBefore = birth.at;
    on.forgotten();
    apply(answer);
  }

  /** Synchronous as long as the store is. */
  function catchUp(): Promise<void> | undefined {
    if (catching !== undefined) return catching;
    for (;;) {
      const answer = store.changes(applied);
      if (answer instanceof Promise) return waitFor(answer);
      if (!answer.complete) {
        const birth = store.birth();
        if (birth instanceof Promise) return waitFor(answer);
        forget(answer, birth);
        return undefined;
      }
      if (!apply(answer)) return undefined;
    }
  }

  function waitFor(first: MaybePromise<Answer>): Promise<void> {
    catching = (async () => {
      try {
        let next = first;
        for (;;) {
          const answer = await next;
          if (!answer.complete) return forget(answer, await store.birth());
          if (!apply(answer)) return;
          next = store.changes(applied);
        }
      } finally {
        catching = undefined;
      }
    })();
    return catching;
  }

  return {
    sync() {
      const position = store.position();
      if (typeof position === 'string') return position === applied ? undefined : catchUp();
      return position.then((reached) => (reached === applied ? undefined : catchUp()));
    },
    generation: () => generation,
    notBefore: () => notBefore,
  };
}
