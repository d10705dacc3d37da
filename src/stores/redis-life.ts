import { mkdirSync } from 'node:fs';
import type { Redis } from 'ioredis';
import type { Clock, Log, Random } from '../core/ports.ts';
import { type Cursor, StoreUnavailable } from '../core/store.ts';
import { checkServer, MAX_SKEW_MS, skewText } from './redis-checks.ts';
import { bringInStep, type Remembered } from './redis-judge.ts';
import { ALL_SLOTS, type Layout, SLOTS } from './redis-layout.ts';
import { LEASE_OVER_MS } from './redis-lease.ts';
import { openLink } from './redis-link.ts';
import { type ChangeLog, createChangeLog } from './redis-log.ts';
import { type Nodes, openNodes } from './redis-nodes.ts';
import { type Replicas, watchReplicas } from './redis-replicas.ts';
import { readSeen, writeSeen } from './redis-seen.ts';
import { sweepSlot } from './redis-sweep.ts';
import type { RedisTarget } from './redis-target.ts';

/** The connections of a Redis store through their whole life, and what this process knows of the store by them. */
export interface RedisLife {
  start(): Promise<void>;
  close(deadlineMs: number): Promise<void>;
  /** Of what is known here. @throws StoreUnavailable before the start and after the end */
  opened(): ChangeLog;
  readonly nodes: Nodes;
  readonly replicas: Replicas;
  /** Runs commands that only read. Rejects with `StoreUnavailable`, at once when the store is not there. */
  reading<T>(work: (redis: Redis) => Promise<T>): Promise<T>;
  /** The same for what writes, on a connection of its own: there a write may wait for a replica. */
  writing<T>(work: (redis: Redis) => Promise<T>): Promise<T>;
  /** The position: at once while what is remembered may be trusted, else by asking the store. */
  position(): Cursor | Promise<Cursor>;
  /** Somebody met another birth than the one that is known here: nothing is read or written until that is settled. */
  otherBirth(): StoreUnavailable;
  /** monotonic ms: until then the registry of nodes may be incomplete */
  readonly quietUntil: number;
  /** What whoever runs the server should know; complete after `start`. */
  readonly warnings: readonly string[];
  /** What is wrong although the store answers. */
  problem(): string | undefined;
}

export interface RedisLifeOptions {
  readonly target: RedisTarget;
  readonly layout: Layout;
  /** directory of what this machine remembers of the store */
  readonly path: string;
  readonly timeoutMs: number;
  readonly keepChanges: number;
  readonly localAccounts: boolean;
  readonly maxSkewMs: number | undefined;
}

/** Every second: what is to be swept, and what this machine remembers on disk. */
const TICK_MS = 1000;
const TICKS_PER_COUNT = 5;
const SLOTS_PER_TICK = 4;
const SLICES_PER_SLOT = 16;
/** After a failure to bring everything in step although the server answers (it loads, or is busy). */
const RETRY_MS = 100;
/** Reading what was missed may take more than one command's time; each of them still has its limit. */
const IN_STEP_MS = 10_000;

export function openRedisLife(
  { clock, random, log: alarms }: { readonly clock: Clock; readonly random: Random; readonly log?: Log },
  { target, layout, path, timeoutMs, keepChanges, localAccounts, maxSkewMs = MAX_SKEW_MS }: RedisLifeOptions,
): RedisLife {
  const name = `${target.name} ${layout.channel}`;
  const log = createChangeLog(keepChanges);

  let unavailableBecause = 'the store is not started';
  let usable = false;
  let started = false;
  let closing: Promise<void> | undefined;
  let quietUntil = Number.NEGATIVE_INFINITY;
  let warnings: readonly string[] = [];
  let timer: NodeJS.Timeout | undefined;
  let ticks = 0;
  // the memory half of "nodes remember the highest position they saw"; the other half is the file `seen-redis`
  let fromFile: Remembered | undefined;
  let lookedAt = 0;
  let written: Cursor = '';

  const events = { up: () => linkUp(), down: () => lost('the connection to the store is lost') };
  const link = (kind: string) => openLink({ target, name: kind, timeoutMs }, random, events);
  const commands = link('commands');
  const writes = link('writes');
  const replicas = watchReplicas(writes, clock, alarms);
  const nodes = openNodes(
    { clock, random },
    { target, timeoutMs, layout },
    { reading, log, looked, catchUp, otherBirth },
  );

  async function reading<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    if (!usable) throw new StoreUnavailable(unavailableBecause);
    return commands.run(work);
  }

  function looked(at: number): void {
    lookedAt = Math.max(lookedAt, at);
  }

  const remembered = (): Remembered | undefined =>
    log.cursor === '' ? fromFile : { states: [...log.states], at: lookedAt };

  /** One at a time; whoever asks while one runs gets the next, which begins after the question. */
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  function inStep(redis: Redis): Promise<void> {
    next ??= running
      .catch(() => undefined)
      .then(() => {
        running = next as Promise<void>;
        next = undefined;
        return bring(redis);
      });
    return next;
  }

  async function bring(redis: Redis): Promise<void> {
    const before = clock.now();
    const positions = log.states.map(({ position }) => position);
    const isFirst = log.cursor === '';
    const deps = { layout, clock, random, log, others: nodes.others, lost: nodes.lease.end };
    if (await bringInStep(redis, deps, remembered)) {
      nodes.lease.end();
      nodes.acks.forget();
      if (!isFirst) quiet();
    }
    looked(before);
    const moved = ALL_SLOTS.filter((slot) => log.states[slot]?.position !== positions[slot]);
    if (moved.length > 0) nodes.advanced(moved);
  }

  /** Whatever fails here is found again with the next ping, and by whoever needs the store. */
  function catchUp(): void {
    if (usable) commands.run(inStep, IN_STEP_MS).catch(() => undefined);
  }

  /** What was entered in the registry may be lost. */
  function quiet(): void {
    quietUntil = clock.monotonic() + LEASE_OVER_MS;
  }

  let recoveries = 0;
  async function recover(): Promise<void> {
    recoveries += 1;
    const own = recoveries;
    try {
      await commands.run(inStep, IN_STEP_MS);
      if (own === recoveries && closing === undefined) usable = commands.up && writes.up;
    } catch (error) {
      unavailableBecause = error instanceof Error ? error.message : String(error);
      if (own === recoveries && commands.up) setTimeout(() => void recover(), RETRY_MS).unref();
      if (!started) throw error;
    }
  }

  function linkUp(): void {
    if (!started || !commands.up || !writes.up) return;
    quiet();
    void recover();
  }

  function lost(why: string): void {
    if (closing === undefined) unavailableBecause = why;
    usable = false;
  }

  function otherBirth(): StoreUnavailable {
    const why = 'the store was emptied, or put back to an earlier state';
    nodes.lease.end();
    if (usable) {
      lost(why);
      void recover();
    }
    return new StoreUnavailable(why);
  }

  async function fresh(): Promise<Cursor> {
    nodes.lease.begin();
    await reading(inStep);
    return log.cursor;
  }

  async function remember(): Promise<void> {
    const seen = remembered();
    if (seen === undefined || log.cursor === written) return;
    const { cursor } = log;
    await writeSeen(path, name, seen, random.id());
    written = cursor;
  }

  async function tick(): Promise<void> {
    if (!usable) return;
    ticks += 1;
    await remember();
    if (ticks % TICKS_PER_COUNT === 0) await replicas.count();
    for (let each = 0; each < SLOTS_PER_TICK; each += 1) {
      const slot = (ticks * SLOTS_PER_TICK + each) % SLOTS;
      for (let more = true, slice = 0; more && slice < SLICES_PER_SLOT; slice += 1) {
        more = await writes.run((redis) => sweepSlot(redis, layout, slot, clock.now()));
      }
    }
  }

  return {
    opened() {
      if (!started || closing !== undefined) throw new StoreUnavailable(unavailableBecause);
      return log;
    },
    nodes,
    replicas,
    get quietUntil() {
      return quietUntil;
    },
    get warnings() {
      return warnings;
    },
    problem: () => (nodes.skew > maxSkewMs ? skewText(nodes.skew) : undefined),
    otherBirth,

    async start() {
      if (started) return;
      mkdirSync(path, { recursive: true, mode: 0o700 });
      fromFile = readSeen(path, name);
      await Promise.all([commands.start(), writes.start(), nodes.start()]);
      const report = await commands.run((redis) => checkServer(redis, clock, { localAccounts, maxSkewMs }));
      if (report.refusals.length > 0) throw new Error(`the server at ${target.name}: ${report.refusals.join('; ')}`);
      warnings = report.warnings;
      await replicas.count();
      await recover();
      started = true;
      await remember();
      timer = setInterval(() => void tick().catch(() => undefined), TICK_MS);
      timer.unref();
    },

    close(deadlineMs) {
      closing ??= (async () => {
        clearInterval(timer);
        await nodes.close();
        usable = false;
        unavailableBecause = 'the store is closed';
        await remember().catch(() => undefined);
        await Promise.all([writes.close(deadlineMs), commands.close(deadlineMs)]);
      })();
      return closing;
    },

    reading,
    async writing(work) {
      if (!usable) throw new StoreUnavailable(unavailableBecause);
      return writes.run(work);
    },
    position: () => (nodes.lease.trusted ? log.cursor : fresh()),
  };
}
