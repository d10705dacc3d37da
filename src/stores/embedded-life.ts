import type { Clock, Random } from '../core/ports.ts';
import type { Cursor } from '../core/store.ts';
import { StoreUnavailable } from '../core/store.ts';
import { fileIdentity, openTables, readSeen, type Seen, type Tables, writeSeen } from './embedded-files.ts';
import { giveBirth, isRolledBack, mustBirth, readBirth, readCounters, readPosition } from './embedded-log.ts';
import { applySweep, isSweepDue } from './embedded-sweep.ts';

/** The open files of an embedded store through their whole life: opened, judged, swept, lost, opened again, closed. */
export interface Life {
  start(): Promise<void>;
  close(): Promise<void>;
  /** Runs a read on this turn's snapshot. Throws `StoreUnavailable`. */
  reading<T>(read: (tables: Tables) => T): T;
  /** Runs a write in a transaction of its own; resolves once it is on disk. Rejects with `StoreUnavailable`. */
  writing<T>(write: (tables: Tables) => T): Promise<T>;
  position(): Cursor;
}

/** Every second: are the files still ours, is something to be swept, has the position to be remembered on disk. */
const TICK_MS = 1000;
const SLICES_PER_TICK = 64;

export function openLife(
  deps: { readonly clock: Clock; readonly random: Random },
  options: { readonly path: string; readonly keepChanges: number },
): Life {
  const { clock, random } = deps;
  const { path, keepChanges } = options;
  let tables: Tables | undefined;
  let unavailableBecause = 'the store is not started';
  let started = false;
  let closing: Promise<void> | undefined;
  let recovering: Promise<void> | undefined;
  let ticking: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  // the memory half of "nodes remember the highest position they saw"; the other half is the file `seen`
  let memory: Seen | undefined;
  let lastNumber = -1;
  let lastCursor = '';
  let thisTurn = false;

  const turnIsOver = (): void => {
    thisTurn = false;
  };

  /** lmdb keeps a snapshot for at least a millisecond, which may be many turns: a new turn asks for a new one. */
  function use(): Tables {
    if (tables === undefined) throw new StoreUnavailable(unavailableBecause);
    if (!thisTurn) {
      thisTurn = true;
      tables.root.resetReadTxn();
      setImmediate(turnIsOver);
    }
    return tables;
  }

  function reading<T>(read: (tables: Tables) => T): T {
    try {
      return read(use());
    } catch (error) {
      throw unavailable(error);
    }
  }

  async function writing<T>(write: (tables: Tables) => T): Promise<T> {
    if (tables === undefined) throw new StoreUnavailable(unavailableBecause);
    const mine = tables;
    let result: T;
    try {
      // a child transaction: should a write fail half way, exactly this one is undone and not those it shares a flush with
      result = await mine.root.childTransaction(() => write(mine));
    } catch (error) {
      throw unavailable(await commitError(error));
    }
    if (fileIdentity(path) !== mine.identity) {
      recover('the files of the store were replaced');
      throw new StoreUnavailable('the files of the store were replaced while it was written');
    }
    // what we wrote ourselves counts as seen
    if (tables === mine) position();
    return result;
  }

  /** The position moved: by a change, or because another store lies there now. */
  function moved(now: Tables, number: number): Cursor {
    if (number < lastNumber) {
      recover('the store was rolled back');
      throw new StoreUnavailable('the store was rolled back');
    }
    const birth = mustBirth(now);
    lastNumber = number;
    lastCursor = `${birth.id}:${number}`;
    memory = { birth: birth.id, position: number, at: clock.now() };
    return lastCursor;
  }

  /** Opens the files and judges them: a store that is new here, or was rolled back, gets a new birth. */
  async function openAndJudge(): Promise<void> {
    const opened = openTables(path);
    try {
      await opened.root.childTransaction(() => {
        const birth = readBirth(opened);
        const position = readCounters(opened)?.position;
        const seen = readSeen(path);
        const fits =
          birth !== undefined &&
          position !== undefined &&
          !isRolledBack(memory, birth, position) &&
          !isRolledBack(seen, birth, position);
        if (fits) return;
        const highest = (memory?.position ?? 0) > (seen?.position ?? 0) ? memory : seen;
        giveBirth(opened, { id: random.id(), at: clock.now() }, highest);
      });
      lastNumber = -1;
      moved(opened, readPosition(opened));
      await remember();
    } catch (error) {
      await opened.root.close();
      throw error;
    }
    tables = opened;
  }

  function recover(because: string): void {
    const former = take(because);
    if (recovering !== undefined || closing !== undefined) return;
    recovering = (async () => {
      try {
        await former?.root.close();
        await openAndJudge();
      } catch (error) {
        // the next tick tries again; until then everything that needs the store is refused with this text
        unavailableBecause = `the store cannot be opened: ${messageOf(error)}`;
      } finally {
        recovering = undefined;
      }
    })();
  }

  async function remember(): Promise<void> {
    if (memory !== undefined) await writeSeen(path, memory, random.id());
  }

  async function tick(): Promise<void> {
    if (recovering !== undefined) return;
    if (tables === undefined) return recover(unavailableBecause);
    if (fileIdentity(path) !== tables.identity) return recover('the files of the store were replaced');
    const before = memory;
    position();
    if (memory !== before) await remember();
    for (let slice = 0; slice < SLICES_PER_TICK; slice += 1) {
      if (!reading((read) => isSweepDue(read, clock.now(), keepChanges))) return;
      await writing((write) => applySweep(write, clock.now(), keepChanges));
    }
  }

  function onTick(): void {
    if (ticking !== undefined) return;
    // a sweep that failed is repeated by the next tick; whoever needs the store learns of the failure by its own call
    ticking = tick()
      .catch(() => undefined)
      .finally(() => {
        ticking = undefined;
      });
  }

  function position(): Cursor {
    try {
      const now = use();
      const number = readPosition(now);
      return number === lastNumber ? lastCursor : moved(now, number);
    } catch (error) {
      throw unavailable(error);
    }
  }

  /** Takes the tables away from everybody, so that nothing is read or written from here on. */
  function take(because: string): Tables | undefined {
    const former = tables;
    tables = undefined;
    unavailableBecause = because;
    return former;
  }

  return {
    async start() {
      if (started) return;
      try {
        await openAndJudge();
      } catch (error) {
        throw unavailable(error);
      }
      started = true;
      timer = setInterval(onTick, TICK_MS);
      timer.unref();
    },

    close() {
      closing ??= (async () => {
        clearInterval(timer);
        const former = take('the store is closed');
        await ticking;
        await recovering;
        await remember().catch(() => undefined);
        // lmdb finishes what was handed to it before it closes
        await former?.root.close();
        await take('the store is closed')?.root.close();
      })();
      return closing;
    },

    reading,
    writing,
    position,
  };
}

/** Mistakes of the caller stay what they are; everything else means that the store does not answer. */
function unavailable(error: unknown): Error {
  if (error instanceof StoreUnavailable || error instanceof TypeError) return error;
  return new StoreUnavailable(`the store does not answer: ${messageOf(error)}`, { cause: error });
}

/** lmdb rejects with a placeholder that carries a promise of the true error; left alone it would be an unhandled rejection. */
async function commitError(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error;
  // it is settled in the same turn; should it never be, the placeholder has to do
  const settled = Promise.resolve(error.commitError).then(
    () => error,
    (cause: unknown) => cause,
  );
  return Promise.race([settled, new Promise<unknown>((resolve) => setImmediate(() => setImmediate(resolve, error)))]);
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
