import type { Redis } from 'ioredis';
import type { Clock, Random } from '../core/ports.ts';
import { type Acks, createAcks } from './redis-acks.ts';
import { type AckMessage, ackText, type ChangeMessage, openBus } from './redis-bus.ts';
import { skewOf } from './redis-checks.ts';
import { ALL_SLOTS, type Layout } from './redis-layout.ts';
import { createLease, type Lease, type Listener } from './redis-lease.ts';
import type { LinkOptions } from './redis-link.ts';
import type { ChangeLog } from './redis-log.ts';
import { OTHER_BIRTH, PING, REAP, runScript } from './redis-scripts.ts';

/** This process among the others on the same store: what it hears, how long it trusts that, and what it tells them. */
export interface Nodes {
  /** Resolves once it hears what is told. */
  start(): Promise<void>;
  close(): Promise<void>;
  readonly lease: Lease;
  readonly acks: Acks;
  /** Changes that became known, by being heard or by having been written here. */
  learned(message: ChangeMessage): void;
  /** The log has moved on in these slots, in whatever way: whoever waits for us is told, all of a turn at once. */
  advanced(slots: readonly number[]): void;
  /** Nodes that may trust what they remember. */
  others(): readonly Listener[];
  /** How far the clocks here and of the store were apart at the newest ping, ms. */
  readonly skew: number;
}

/** What it needs of the life of the store. */
export interface NodesStore {
  /** Runs commands; rejects at once while it is not known what the store is. */
  reading<T>(work: (redis: Redis) => Promise<T>): Promise<T>;
  readonly log: ChangeLog;
  /** The store had the births that we know, at an instant that is at or after this one (wall-clock ms). */
  looked(at: number): void;
  /** Reads what the log lacks, and judges the store. */
  catchUp(): void;
  otherBirth(): void;
}

export function openNodes(
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  options: Omit<LinkOptions, 'name'> & { readonly layout: Layout },
  { reading, log, looked, catchUp, otherBirth }: NodesStore,
): Nodes {
  const { layout } = options;
  const node = random.id();
  const peers = new Map<string, { readonly seq: number; readonly at: number }>();
  const pingKeys = [layout.nodes, ...ALL_SLOTS.flatMap((slot) => [layout.birth(slot), layout.meta(slot)])];
  let skew = 0;
  let moved: Set<number> | undefined;

  const acks = createAcks(clock, peers, (listener) => void reap(listener).catch(() => undefined));
  const bus = openBus({ ...options, name: 'changes', channel: layout.channel }, random, {
    ping: (message) => lease.heard(message),
    ack: (message) => acks.heard(message),
    birth: catchUp,
    change: learned,
  });
  const deaf = (): void => bus.drop('nothing is heard from the store');
  const lease = createLease(clock, node, peers, { ping, reap, covers: log.covers, catchUp, otherBirth, deaf });

  async function ping(seq: number): Promise<readonly Listener[] | undefined> {
    const before = clock.now();
    const births = log.states.map(({ birth }) => birth);
    const args = [node, seq, layout.channel, ...births];
    const answer = await reading((redis) => runScript(redis, PING, pingKeys, args));
    if (answer === OTHER_BIRTH) return undefined;
    const [time, registry] = answer as [[string, string], string[]];
    looked(before);
    skew = skewOf(time, before, clock.now());
    return listenersOf(registry);
  }

  async function reap({ node: other, seq }: Listener): Promise<void> {
    await reading((redis) => runScript(redis, REAP, [layout.nodes], [other, seq]));
  }

  function learned({ slot, first, nonce, changes }: ChangeMessage): void {
    const before = log.states[slot]?.position;
    if (!log.append(slot, first, nonce, changes)) catchUp();
    else if (log.states[slot]?.position !== before) advanced([slot]);
  }

  function advanced(slots: readonly number[]): void {
    lease.advanced();
    if (moved === undefined) {
      moved = new Set();
      setImmediate(acknowledge);
    }
    for (const slot of slots) moved.add(slot);
  }

  function acknowledge(): void {
    const reached = [...(moved ?? [])].map((slot) => [slot, log.states[slot]?.position ?? 0] as const);
    moved = undefined;
    const now = clock.monotonic();
    const heard = [...peers].map(([other, { seq, at }]) => ({ node: other, seq, agoMs: now - at }));
    const message: AckMessage = { node, reached, heard };
    acks.heard(message);
    if (!lease.entered) return;
    // whoever does not get it waits until our trust has run out
    reading((redis) => redis.publish(layout.channel, ackText(message))).catch(() => undefined);
  }

  return {
    start: bus.start,
    async close() {
      await lease.close();
      await bus.close();
    },
    lease,
    acks,
    learned,
    advanced,
    others: () => [...peers].map(([other, { seq }]) => ({ node: other, seq })),
    get skew() {
      return skew;
    },
  };
}

/** `node, ping, node, ping, …` as HGETALL answers. */
export const listenersOf = (flat: readonly string[]): Listener[] =>
  Array.from({ length: flat.length / 2 }, (_, i) => ({ node: flat[i * 2] as string, seq: Number(flat[i * 2 + 1]) }));
