/** Something that must go on before an instant; a class of its own for each kind, so that nothing is made to watch it. */
export interface Waiting {
  /** monotonic ms; infinity while it waits for us */
  dueAt: number;
  /** where it stands among those that are watched; the watch's own, -1: nowhere */
  place: number;
  /** It is late: called once, and it is watched no more. Must not throw. */
  expire(): void;
}

/** Watches many with one timer. */
export interface Deadlines {
  add(waiting: Waiting): void;
  /** Again, or of one that was never added: nothing happens. */
  remove(waiting: Waiting): void;
  close(): void;
}

/** From one look to the next: whoever is late is told so much later at most. */
const LOOK_MS = 250;

/**
 * One look at all that wait, four times a second, instead of a timer for each: a timer that is made and put off with every
 * request lives just long enough to get into the old heap, and was most of what full collections had to be made for. Adding
 * and removing allocate nothing.
 */
export function openDeadlines(monotonic: () => number): Deadlines {
  const watched: Waiting[] = [];
  const timer = setInterval(look, LOOK_MS);
  timer.unref();

  function remove(waiting: Waiting): void {
    const { place } = waiting;
    if (place < 0) return;
    waiting.place = -1;
    const last = watched.pop();
    if (last === undefined || last === waiting) return;
    watched[place] = last;
    last.place = place;
  }

  function look(): void {
    const now = monotonic();
    // from the end: whoever takes the place of one that is removed was looked at already
    for (let i = watched.length - 1; i >= 0; i--) {
      const waiting = watched[i];
      if (waiting === undefined || now < waiting.dueAt) continue;
      remove(waiting);
      waiting.expire();
    }
  }

  return {
    add(waiting) {
      if (waiting.place >= 0) return;
      waiting.place = watched.length;
      watched.push(waiting);
    },
    remove,
    close: () => clearInterval(timer),
  };
}
