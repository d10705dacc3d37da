import type { MaybePromise } from '../core/assert-never.ts';
import type { Change, Cursor, Store } from '../core/store.ts';

/** Somebody in this process who remembers what lies in the store. */
export interface Follower {
  changed(change: Change): void;
  /** Everything that was remembered is void. What it returns is awaited before anybody is in step; rejecting, it is told again. */
  forgotten(): MaybePromise<void>;
}

/** Keeps what this process remembers in step with what all processes change. One for all who remember: one look per request. */
export interface Coherence {
  /** From now on. To be called before the first `sync`, which tells everybody to begin afresh. */
  follow(follower: Follower): void;
  /**
   * One comparison of positions. Undefined when nothing changed, or when what changed was applied at once (the embedded
   * store); otherwise a promise of it. Rejects or throws with `StoreUnavailable`.
   */
  sync(): Promise<void> | undefined;
  /** The position up to which everybody was told. Never ahead of the store; as new as the last `sync`. */
  position(): Cursor;
  /** Rises with every change that was applied: what was read before a rise may be stale and must not be remembered. */
  generation(): number;
  /** Nothing from before this instant counts (birth of the store), wall-clock ms. */
  notBefore(): number;
}

type Answer = Awaited<ReturnType<Store['changes']>>;

/** `changes` says so when it gives fewer than it could: then there are no more (core/store). */
const FULL = 1000;

export function openCoherence(store: Store): Coherence {
  const followers: Follower[] = [];
  // no store has this position: the first comparison asks for changes, is told "incomplete" and reads the birth
  let applied: Cursor = '';
  let generation = 0;
  let notBefore = Number.POSITIVE_INFINITY;
  let catching: Promise<void> | undefined;

  function apply(answer: Answer): boolean {
    generation += 1;
    for (const change of answer.changes) for (const each of followers) each.changed(change);
    applied = answer.cursor;
    return answer.complete && answer.changes.length >= FULL;
  }

  function forget(answer: Answer, birth: { readonly at: number }): Promise<void> | undefined {
    notBefore = birth.at;
    generation += 1;
    const begun = followers.map((each) => each.forgotten()).filter((each) => each instanceof Promise);
    if (begun.length > 0) return Promise.all(begun).then(() => void apply(answer));
    apply(answer);
    return undefined;
  }

  /** Synchronous as long as the store and all who follow are. */
  function catchUp(): Promise<void> | undefined {
    for (;;) {
      const answer = store.changes(applied);
      if (answer instanceof Promise) return hold(waitFor(answer));
      if (!answer.complete) {
        const birth = store.birth();
        if (birth instanceof Promise) return hold(waitFor(answer));
        const forgetting = forget(answer, birth);
        return forgetting && hold(forgetting);
      }
      if (!apply(answer)) return undefined;
    }
  }

  async function waitFor(first: MaybePromise<Answer>): Promise<void> {
    let next = first;
    for (;;) {
      const answer = await next;
      if (!answer.complete) return forget(answer, await store.birth());
      if (!apply(answer)) return;
      next = store.changes(applied);
    }
  }

  function hold(work: Promise<void>): Promise<void> {
    catching = work.finally(() => {
      catching = undefined;
    });
    return catching;
  }

  function reach(): Promise<void> | undefined {
    // what began before us may have missed what we came for; the one after it cannot
    return catching === undefined ? catchUp() : catching.then(() => catching ?? catchUp());
  }

  return {
    follow: (follower) => void followers.push(follower),
    sync() {
      const position = store.position();
      if (typeof position === 'string') return position === applied ? undefined : reach();
      return position.then((reached) => (reached === applied ? undefined : reach()));
    },
    position: () => applied,
    generation: () => generation,
    notBefore: () => notBefore,
  };
}
