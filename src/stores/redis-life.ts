import { mkdirSync } from 'node:fs';
import type { Redis } from 'ioredis';
import type { Clock, Log, Random } from '../core/ports.ts';
import { type Cursor, StoreUnavailable } from '../core/store.ts';
import { type Acks, createAcks } from './redis-acks.ts';
import { type AckMessage, ackText, type ChangeMessage, openBus } from './redis-bus.ts';
import { checkServer, MAX_SKEW_MS, skewOf, skewText } from './redis-checks.ts';
import { bringInStep, type Remembered } from './redis-judge.ts';
import { ALL_SLOTS, type Layout, SLOTS } from './redis-layout.ts';
import { createLease, LEASE_OVER_MS, type Listener } from './redis-lease.ts';
import { openLink } from './redis-link.ts';
import { type ChangeLog, createChangeLog } from './redis-log.ts';
import { type Replicas, watchReplicas } from './redis-replicas.ts';
import { OTHER_BIRTH, PING, REAP, runScript } from './redis-scripts.ts';
import { readSeen, writeSeen } from './redis-seen.ts';
import { sweepSlot } from './redis-sweep.ts';
import type { RedisTarget } from './redis-target.ts';

/** The connections of a Redis store through their whole life, and what this process knows of the store by them. */
export interface RedisLife {
  start(): Promise<void>;
  close(deadlineMs: number): Promise<void>;
  /** Of what is known here. @throws StoreUnavailable before the start and after the end */
  opened(): ChangeLog;
  readonly acks: Acks;
  readonly replicas: Replicas;
  /** Runs commands that only read. Rejects with `StoreUnavailable`, at once when the store is not there. */
  reading<T>(work: (redis: Redis) => Promise<T>): Promise<T>;
  /** The same for what writes, on a connection of its own: there a write may wait for a replica. */
  writing<T>(work: (redis: Redis) => Promise<T>): Promise<T>;
  /** The position: at once while what is remembered may be trusted, else by asking the store. */
  position(): Cursor | Promise<Cursor>;
  /** Changes that became known in whatever way. */
  learned(message: ChangeMessage): void;
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
  const node = random.id();
  const name = `${target.name} ${layout.channel}`;
  const changes = createChangeLog(keepChanges);
  const peers = new Map<string, { readonly seq: number; readonly at: number }>();
  const births = (): string[] => changes.states.map(({ birth }) => birth);
  const slotKeys = ALL_SLOTS.flatMap((slot) => [layout.birth(slot), layout.meta(slot)]);

  let unavailableBecause = 'the store is not started';
  let usable = false;
  let started = false;
  let closing: Promise<void> | undefined;
  let quietUntil = Number.NEGATIVE_INFINITY;
  let warnings: readonly string[] = [];
  let skew = 0;
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
  const acks = createAcks(clock, peers, (listener) => void reap(listener).catch(() => undefined));
  const bus = openBus({ target, name: 'changes', timeoutMs, channel: layout.channel }, random, {
    ping: (message) => lease.heard(message),
    ack: (message) => acks.heard(message),
    birth: () => void catchUp(),
    change: learned,
  });
  const lease = createLease(clock, node, peers, {
    ping,
    reap,
    covers: changes.covers,
    catchUp: () => void catchUp(),
    otherBirth: () => void otherBirth(),
    deaf: () => bus.drop('nothing is heard from the store'),
  });

  function learned({ slot, first, nonce, changes: told }: ChangeMessage): void {
    const before = changes.states[slot]?.position;
    if (!changes.append(slot, first, nonce, told)) void catchUp();
    else if (changes.states[slot]?.position !== before) advanced([slot]);
  }

  /** The log has moved on: whoever waits for us is told, all of a turn at once. */
  let movedSlots: Set<number> | undefined;
  function advanced(slots: readonly number[]): void {
    lease.advanced();
    if (movedSlots === undefined) {
      movedSlots = new Set();
      setImmediate(acknowledge);
    }
    for (const slot of slots) movedSlots.add(slot);
  }

  function acknowledge(): void {
    const reached = [...(movedSlots ?? [])].map((slot) => [slot, changes.states[slot]?.position ?? 0] as const);
    movedSlots = undefined;
    const now = clock.monotonic();
    const heard = [...peers].map(([other, { seq, at }]) => ({ node: other, seq, agoMs: now - at }));
    const message: AckMessage = { node, reached, heard };
    acks.heard(message);
    if (!lease.entered) return;
    // whoever does not get it waits until our trust has run out
    commands.run((redis) => redis.publish(layout.channel, ackText(message))).catch(() => undefined);
  }

  async function ping(seq: number): Promise<readonly Listener[] | undefined> {
    if (!usable) throw new StoreUnavailable(unavailableBecause);
    const before = clock.now();
    const keys = [layout.nodes, ...slotKeys];
    const answer = await commands.run((redis) =>
      runScript(redis, PING, keys, [node, seq, layout.channel, ...births()]),
    );
    if (answer === OTHER_BIRTH) return undefined;
    const [time, registry] = answer as [[string, string], string[]];
    lookedAt = Math.max(lookedAt, before);
    skew = skewOf(time, before, clock.now());
    return listenersOf(registry);
  }

  async function reap({ node: other, seq }: Listener): Promise<void> {
    await commands.run((redis) => runScript(redis, REAP, [layout.nodes], [other, seq]));
  }

  const remembered = (): Remembered | undefined =>
    changes.cursor === '' ? fromFile : { states: [...changes.states], at: lookedAt };

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
    const positions = changes.states.map(({ position }) => position);
    const deps = {
      layout,
      clock,
      random,
      log: changes,
      peers: () => [...peers].map(([id, { seq }]) => ({ node: id, seq })),
    };
    const isFirst = changes.cursor === '';
    if (await bringInStep(redis, deps, remembered)) {
      lease.end();
      acks.forget();
      if (!isFirst) quiet();
    }
    lookedAt = Math.max(lookedAt, before);
    const moved = ALL_SLOTS.filter((slot) => changes.states[slot]?.position !== positions[slot]);
    if (moved.length > 0) advanced(moved);
  }

  /** Whatever fails here is found again with the next ping, and by whoever needs the store. */
  const catchUp = (): Promise<void> => (usable ? commands.run(inStep, IN_STEP_MS).catch(() => undefined) : running);

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
    lease.end();
    if (usable) {
      lost(why);
      void recover();
    }
    return new StoreUnavailable(why);
  }

  async function fresh(): Promise<Cursor> {
    if (!usable) throw new StoreUnavailable(unavailableBecause);
    lease.begin();
    await commands.run(inStep);
    return changes.cursor;
  }

  async function remember(): Promise<void> {
    const seen = remembered();
    if (seen === undefined || changes.cursor === written) return;
    const { cursor } = changes;
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
      return changes;
    },
    acks,
    replicas,
    learned,
    get quietUntil() {
      return quietUntil;
    },
    get warnings() {
      return warnings;
    },
    problem: () => (skew > maxSkewMs ? skewText(skew) : undefined),
    otherBirth,

    async start() {
      if (started) return;
      mkdirSync(path, { recursive: true, mode: 0o700 });
      fromFile = readSeen(path, name);
      await Promise.all([commands.start(), writes.start(), bus.start()]);
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
        await lease.close();
        usable = false;
        unavailableBecause = 'the store is closed';
        await remember().catch(() => undefined);
        await Promise.all([writes.close(deadlineMs), commands.close(deadlineMs), bus.close()]);
      })();
      return closing;
    },

    async reading(work) {
      if (!usable) throw new StoreUnavailable(unavailableBecause);
      return commands.run(work);
    },
    async writing(work) {
      if (!usable) throw new StoreUnavailable(unavailableBecause);
      return writes.run(work);
    },
    position: () => (lease.trusted ? changes.cursor : fresh()),
  };
}

/** `node, ping, node, ping, …` as HGETALL answers. */
export const listenersOf = (flat: readonly string[]): Listener[] =>
  Array.from({ length: flat.length / 2 }, (_, i) => ({ node: flat[i * 2] as string, seq: Number(flat[i * 2 + 1]) }));
