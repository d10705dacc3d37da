import type { Clock } from '../core/ports.ts';
import type { PingMessage } from './redis-bus.ts';

/** A node in the registry, and the number of its newest ping. */
export interface Listener {
  readonly node: string;
  readonly seq: number;
}

/**
 * Why nobody acts on what was revoked, once the revocation has returned (S4).
 *
 * A *ping* is one script: it enters the node in the registry, and publishes the node's name, the number of the ping and the
 * positions of all slots. The node trusts what it remembers until 1 s after the moment at which it **sent** the newest ping
 * that it has **heard** on its own subscription, and only if its log had all positions that the ping names. A *commit* with
 * changes is one script too: it writes, publishes the changes and reads the registry. Let it run at T, and let p be the ping
 * by which some node trusts at a moment after the commit has returned.
 *
 * 1. p ran after T. Its positions include the change, so the node has it in its log. It asks the log at every request.
 * 2. p ran before T. Then the node was in the registry at T: a node is taken out only by itself, or by `REAP` when no ping of
 *    it had run for longer than a trust lasts. So the committer waited for it, and did not return before one of these:
 *    the node said that the change is in its log (then as above); or so much time went by on the committer's clock since a
 *    moment at or after p ran (the answer to the commit, or somebody hearing p) that the trust has ended: it counts from when p
 *    was sent, which was earlier.
 *
 * No wall clock takes part. Two monotonic clocks have to run alike to within `MARGIN_MS` in a second, and not to stand still
 * while the machine is suspended. A registry that was lost with the server's memory is covered by waiting out a whole trust
 * after every reconnection and every new birth. A cut of either connection of a node, in either direction, ends its pings.
 */
export interface Lease {
  /** Whether what is remembered may be used without asking the store. */
  readonly trusted: boolean;
  /** Begins to ping, `PING_MS` from now: a command at the shell is mostly over by then, and is nobody to wait for. */
  begin(): void;
  /** whether it may be in the registry, so that others wait for it */
  readonly entered: boolean;
  /** Trusts nothing until a ping that is sent from now on is heard. */
  end(): void;
  heard(message: PingMessage): void;
  /** The log has moved on. */
  advanced(): void;
  /** Stops for good; resolves once it is out of the registry, or that failed. */
  close(): Promise<void>;
}

/** When a ping of another node was first known of, monotonic ms: at or after the moment at which it ran. */
export type Peers = ReadonlyMap<string, { readonly seq: number; readonly at: number }>;

const PING_MS = 250;
const TRUST_MS = 1000;
const MARGIN_MS = 50;
/** So long after a ping ran at the latest, nobody trusts by it any more. */
export const LEASE_OVER_MS = TRUST_MS + MARGIN_MS;
const MAX_SENT = 16;

export function createLease(
  clock: Clock,
  node: string,
  peers: Map<string, { readonly seq: number; readonly at: number }>,
  store: {
    /** Runs the ping script. Undefined: the births are others. Rejects when there is no answer. */
    ping(seq: number): Promise<readonly Listener[] | undefined>;
    /** Takes a node out of the registry if its newest ping is still this one. */
    reap(listener: Listener): Promise<void>;
    covers(positions: readonly number[]): boolean;
    /** Something is missing in the log, or nothing is heard: reads what the store has. */
    catchUp(): void;
    otherBirth(): void;
    /** The subscription hears nothing although the store answers. */
    deaf(): void;
  },
): Lease {
  let until = Number.NEGATIVE_INFINITY;
  let seq = 0;
  let sent: { readonly seq: number; readonly at: number }[] = [];
  /** the newest ping of ours that was heard and that the log does not cover yet */
  let claim: { readonly sentAt: number; readonly positions: readonly number[] } | undefined;
  let entered = false;
  let heardAt = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  function settle(): void {
    if (claim === undefined || !store.covers(claim.positions)) return;
    until = Math.max(until, claim.sentAt + TRUST_MS);
    claim = undefined;
  }

  async function ping(): Promise<void> {
    seq += 1;
    const own = seq;
    entered = true;
    sent.push({ seq: own, at: clock.monotonic() });
    if (sent.length > MAX_SENT) sent.shift();
    const registry = await store.ping(own);
    if (registry === undefined) return store.otherBirth();
    const now = clock.monotonic();
    for (const listener of registry) if (listener.node !== node) notice(listener.node, listener.seq, now);
    if (now < until) return;
    // the store answers and we do not trust: either the subscription is deaf or the log is behind
    store.catchUp();
    if (now - heardAt > TRUST_MS) {
      heardAt = now;
      store.deaf();
    }
  }

  function notice(other: string, newest: number, now: number): void {
    if ((peers.get(other)?.seq ?? -1) < newest) peers.set(other, { seq: newest, at: now });
  }

  /** Whoever does not ping any more is dead, cut off or gone without a word: commits shall not wait for it for ever. */
  function reapDead(now: number): void {
    for (const [other, { seq: newest, at }] of peers) {
      if (now - at < LEASE_OVER_MS) continue;
      peers.delete(other);
      store.reap({ node: other, seq: newest }).catch(ignore);
    }
  }

  function tick(): void {
    ping().catch(ignore);
    reapDead(clock.monotonic());
  }

  return {
    get trusted() {
      return clock.monotonic() < until;
    },
    get entered() {
      return entered;
    },
    begin() {
      if (timer !== undefined || closed) return;
      heardAt = clock.monotonic();
      timer = setInterval(tick, PING_MS);
      timer.unref();
    },
    end() {
      until = Number.NEGATIVE_INFINITY;
      claim = undefined;
      sent = [];
    },
    heard(message) {
      const now = clock.monotonic();
      if (message.node !== node) return notice(message.node, message.seq, now);
      heardAt = now;
      const own = sent.find((each) => each.seq === message.seq);
      if (own === undefined) return;
      sent = sent.filter((each) => each.seq > message.seq);
      claim = { sentAt: own.at, positions: message.positions };
      settle();
      if (claim !== undefined) store.catchUp();
    },
    advanced: settle,
    async close() {
      closed = true;
      clearInterval(timer);
      until = Number.NEGATIVE_INFINITY;
      if (entered) await store.reap({ node, seq }).catch(ignore);
    },
  };
}

/** The next tick tries again; whoever needs the store learns of the failure by its own call. */
const ignore = (): void => {};
