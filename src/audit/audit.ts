import type { AuditEvent } from '../core/event.ts';
import type { Clock, Log, Recorder, Service } from '../core/ports.ts';
import { openAppendFile } from './append-file.ts';
import { openLineWriter } from './line.ts';

export interface AuditDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** told of every event that did not reach the file */
  onDropped(count: number): void;
}

export interface AuditSettings {
  /** absolute path of the NDJSON file; its directory is created */
  readonly file: string;
  /** events that may wait for the disk; beyond, decisions are dropped and counted. Default 16,384 */
  readonly maxQueue?: number;
}

export interface Audit extends Recorder, Service {
  /** Looks at once whether the file was rotated (SIGHUP); it is noticed by itself within a second. */
  reopen(): void;
}

/** The event is not on disk, so whatever depended on it must not happen. */
export class AuditUnavailable extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'AuditUnavailable';
  }
}

/** An event whose recording somebody awaits. */
class Durable {
  readonly event: AuditEvent;
  readonly done = Promise.withResolvers<void>();
  constructor(event: AuditEvent) {
    this.event = event;
  }
}

interface Line {
  readonly bytes: Buffer;
  readonly durable: Durable | undefined;
}

const DEFAULT_MAX_QUEUE = 16_384;
// durable events get room of their own, so that a flood of decisions cannot shut the door on signing in
const DURABLE_ROOM = 1024;
// how many lines are made in one go: about half a millisecond of the event loop
const BATCH_LINES = 256;
const BATCH_DELAY_MS = 20;
const DROP_LOG_MS = 10_000;
const RETRY_MS = { first: 100, most: 5000 } as const;

/**
 * Opens the audit file: one JSON object a line, appended, never rewritten (D1; architecture, "record").
 *
 * `record` takes an event into memory and returns; lines are made and written in batches off the request's path. When the
 * disk cannot keep up, events beyond `maxQueue` are dropped and counted. `recordDurably` resolves once its line and all
 * before it are flushed (`fdatasync`), one flush for all that wait; it rejects with `AuditUnavailable` when the disk refuses, and
 * the caller denies. Several processes may append to the same file. Write errors are logged once, counted, retried.
 */
export function openAudit(deps: AuditDeps, settings: AuditSettings): Audit {
  const { clock, log } = deps;
  const maxQueue = settings.maxQueue ?? DEFAULT_MAX_QUEUE;
  const file = openAppendFile(clock, settings.file);
  const toLine = openLineWriter();
  let queue: (AuditEvent | Durable)[] = [];
  let held: Line[] = [];
  let phase: 'new' | 'open' | 'closing' | 'closed' = 'new';
  let running: Promise<void> | undefined;
  let kick: NodeJS.Timeout | NodeJS.Immediate | undefined;
  let kickedAt: 'soon' | 'next' | undefined;
  let failing = false;
  let dropped = 0;
  let dropLoggedAt = Number.NEGATIVE_INFINITY;
  let wake = () => {};
  let closing: Promise<void> | undefined;

  const waiting = () => queue.length + held.length;

  function drop(count: number): void {
    if (count === 0) return;
    deps.onDropped(count);
    dropped += count;
    // an overload drops thousands a second, and the log must not become the next victim
    if (clock.monotonic() - dropLoggedAt < DROP_LOG_MS) return;
    dropLoggedAt = clock.monotonic();
    log.error('audit events are lost', { file: settings.file, dropped, waiting: waiting() });
    dropped = 0;
  }

  function schedule(when: 'soon' | 'next'): void {
    if (phase === 'new' || running !== undefined || kickedAt === 'next' || kickedAt === when) return;
    if (kickedAt === 'soon') clearTimeout(kick as NodeJS.Timeout);
    kickedAt = when;
    const go = () => {
      kickedAt = undefined;
      run();
    };
    kick = when === 'soon' ? setTimeout(go, BATCH_DELAY_MS) : setImmediate(go);
  }

  function run(): void {
    running ??= pump().finally(() => {
      running = undefined;
      // whoever was just told that their event is on disk may have recorded the next one in the same breath
      if (waiting() > 0) schedule('next');
    });
  }

  async function pump(): Promise<void> {
    let delayMs: number = RETRY_MS.first;
    while (waiting() > 0 && phase !== 'closed') {
      if (await pass()) {
        delayMs = RETRY_MS.first;
      } else {
        await pause(phase === 'closing' ? RETRY_MS.first : delayMs);
        delayMs = Math.min(delayMs * 2, RETRY_MS.most);
      }
    }
  }

  /** Writes what waits now and flushes once for everybody who wants it; false when the disk refused something. */
  async function pass(): Promise<boolean> {
    let todo = waiting();
    const unflushed: Durable[] = [];
    let failure: unknown;
    try {
      while (todo > 0 && phase !== 'closed') {
        fill();
        const written = await writeHeld(unflushed);
        todo -= written;
      }
    } catch (error) {
      failure = error;
    }
    try {
      if (unflushed.length > 0) await file.sync();
      for (const durable of unflushed) durable.done.resolve();
    } catch (error) {
      failure ??= error;
      refuse(unflushed, error);
    }
    if (failure === undefined) recovered();
    else failed(failure);
    return failure === undefined;
  }

  function fill(): void {
    for (const item of queue.splice(0, Math.max(0, BATCH_LINES - held.length))) {
      const durable = item instanceof Durable ? item : undefined;
      try {
        held.push({ bytes: Buffer.from(toLine(durable?.event ?? (item as AuditEvent), clock.now())), durable });
      } catch (error) {
        // an event that is none by its type: a bug of ours, and no reason to lose the others
        durable?.done.reject(new AuditUnavailable('the event cannot be written', { cause: error }));
        drop(1);
      }
    }
  }

  /** One write; takes from `held` the lines that arrived whole, and says how many. */
  async function writeHeld(unflushed: Durable[]): Promise<number> {
    if (held.length === 0) return Number.POSITIVE_INFINITY;
    if (held.some((line) => line.durable !== undefined)) file.reopen();
    let arrived = await file.append(Buffer.concat(held.map((line) => line.bytes)));
    let count = 0;
    for (const line of held) {
      arrived -= line.bytes.length;
      if (arrived < 0) break;
      count++;
      if (line.durable !== undefined) unflushed.push(line.durable);
    }
    held = held.slice(count);
    if (count === 0) throw new Error('the disk takes no whole line');
    return count;
  }

  function failed(error: unknown): void {
    if (phase === 'closed') return;
    const message = error instanceof Error ? error.message : String(error);
    if (!failing) log.error('audit file cannot be written; retrying', { file: settings.file, error: message });
    failing = true;
    // those who wait get their answer now; decisions stay for the next attempt
    const durables = [
      ...held.map((line) => line.durable),
      ...queue.map((item) => (item instanceof Durable ? item : undefined)),
    ];
    held = held.filter((line) => line.durable === undefined);
    queue = queue.filter((item) => !(item instanceof Durable));
    refuse(
      durables.filter((durable) => durable !== undefined),
      error,
    );
  }

  function refuse(durables: readonly Durable[], cause: unknown): void {
    for (const { done } of durables) done.reject(new AuditUnavailable('the audit file cannot be written', { cause }));
    drop(durables.length);
  }

  function recovered(): void {
    if (failing) log.warn('audit file is written again', { file: settings.file });
    failing = false;
  }

  function pause(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, delayMs);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
    return promise;
  }

  async function drain(): Promise<void> {
    wake();
    do {
      run();
      await running;
    } while (waiting() > 0 && phase === 'closing');
    await file.sync();
    await file.close();
  }

  function abandon(): void {
    const durables = [...held.map((line) => line.durable), ...queue].filter((item) => item instanceof Durable);
    const decisions = waiting() - durables.length;
    queue = [];
    held = [];
    refuse(durables, new Error('closed before the event was written'));
    drop(decisions);
  }

  return {
    async start() {
      if (phase !== 'new') return;
      await file.open();
      phase = 'open';
      if (waiting() > 0) schedule('next');
    },
    record(event) {
      if (phase === 'closed' || phase === 'closing' || waiting() >= maxQueue) return drop(1);
      queue.push(event);
      schedule(queue.length >= BATCH_LINES ? 'next' : 'soon');
    },
    recordDurably(event) {
      const durable = new Durable(event);
      if (phase !== 'open' || waiting() >= maxQueue + DURABLE_ROOM) {
        refuse(
          [durable],
          new Error(phase === 'open' ? 'too many events wait for the disk' : `the audit file is ${phase}`),
        );
      } else {
        queue.push(durable);
        // through the event loop once, so that calls of the same turn share a flush
        schedule('next');
        wake();
      }
      return durable.done.promise;
    },
    reopen: () => file.reopen(),
    close(deadlineMs) {
      closing ??= (async () => {
        if (phase === 'open') {
          phase = 'closing';
          const { promise: late, resolve } = Promise.withResolvers<void>();
          const timer = setTimeout(resolve, deadlineMs);
          const drained = drain().catch((error) => log.error('audit file cannot be closed', { error: String(error) }));
          await Promise.race([drained, late]);
          clearTimeout(timer);
        }
        phase = 'closed';
        wake();
        abandon();
      })();
      return closing;
    },
  };
}
