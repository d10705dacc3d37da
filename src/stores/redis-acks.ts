import type { Clock } from '../core/ports.ts';
import type { AckMessage } from './redis-bus.ts';
import { SLOTS } from './redis-layout.ts';
import { LEASE_OVER_MS, type Listener, type Peers } from './redis-lease.ts';

/**
 * Waits until everybody knows of a change: every node that was in the registry in the step that wrote it has said that it has
 * the change in its log, or its trust in what it remembers has run out for certain (`redis-lease.ts` has the argument).
 */
export interface Acks {
  /** What some node says; our own too. */
  heard(message: AckMessage): void;
  /**
   * Resolves once all of them know. Call it in the turn in which the answer to the write came.
   *
   * @param quietUntil monotonic ms: until then nobody is taken for absent, in the registry or not
   */
  settled(slot: number, position: number, listeners: readonly Listener[], quietUntil: number): Promise<void>;
  /** There is a new birth: what was said of positions before is about another store. */
  forget(): void;
}

/** `overdue` is told of whoever let its time run out. */
export function createAcks(clock: Clock, peers: Peers, overdue: (listener: Listener) => void): Acks {
  /** the newest position of each slot that a node has said to have */
  const reached = new Map<string, number[]>();
  const waiting = new Set<(message?: AckMessage) => void>();

  function settled(slot: number, position: number, listeners: readonly Listener[], quietUntil: number): Promise<void> {
    const wroteBefore = clock.monotonic();
    const open = new Map(listeners.map(({ node, seq }) => [node, { seq, until: wroteBefore + LEASE_OVER_MS }]));
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined;

      /** Somebody heard this very ping of the node, so its trust ends that long after it, if it did not ping since. */
      function shorten(node: string, seq: number, heardAt: number): void {
        const awaited = open.get(node);
        if (awaited?.seq === seq) awaited.until = Math.min(awaited.until, heardAt + LEASE_OVER_MS);
      }

      function look(message?: AckMessage): void {
        const now = clock.monotonic();
        for (const { node, seq, agoMs } of message?.heard ?? []) shorten(node, seq, now - agoMs);
        let last = quietUntil;
        for (const [node, { seq, until }] of open) {
          const isTold = (reached.get(node)?.[slot] ?? 0) >= position;
          if (!isTold && until > now) last = Math.max(last, until);
          else open.delete(node);
          if (!isTold && until <= now) overdue({ node, seq });
        }
        clearTimeout(timer);
        if (last > now) {
          // timers may fire a little early
          timer = setTimeout(look, last - now + 1);
          return;
        }
        waiting.delete(look);
        resolve();
      }

      waiting.add(look);
      for (const { node, seq } of listeners) {
        const peer = peers.get(node);
        if (peer !== undefined && peer.seq === seq) shorten(node, seq, peer.at);
      }
      look();
    });
  }

  return {
    heard(message) {
      const known = reached.get(message.node) ?? new Array<number>(SLOTS).fill(0);
      for (const [slot, position] of message.reached) {
        if (position > (known[slot] ?? Number.POSITIVE_INFINITY)) known[slot] = position;
      }
      // nodes come and go: one that is forgotten here is waited for a little longer, once
      if (!reached.has(message.node) && reached.size >= MAX_NODES) reached.clear();
      reached.set(message.node, known);
      for (const look of [...waiting]) look(message);
    },
    settled,
    forget: () => reached.clear(),
  };
}

const MAX_NODES = 1024;
