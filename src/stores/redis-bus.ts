import type { Random } from '../core/ports.ts';
import type { Change } from '../core/store.ts';
import { ALL_SLOTS, SLOTS } from './redis-layout.ts';
import { type LinkOptions, openLink } from './redis-link.ts';

/** A node has sign of life number `seq`; `positions` of all slots as they were when it was published. */
export interface PingMessage {
  readonly node: string;
  readonly seq: number;
  readonly positions: readonly number[];
}

/** Changes of one slot, written by one commit: positions `first`, `first + 1`, … */
export interface ChangeMessage {
  readonly slot: number;
  readonly first: number;
  readonly nonce: string;
  readonly changes: readonly Change[];
}

/** What a node has in its log by now, and of which ping of the others it heard last, so many ms ago. */
export interface AckMessage {
  readonly node: string;
  readonly reached: readonly (readonly [slot: number, position: number])[];
  readonly heard: readonly { readonly node: string; readonly seq: number; readonly agoMs: number }[];
}

export interface BusEvents {
  ping(message: PingMessage): void;
  change(message: ChangeMessage): void;
  ack(message: AckMessage): void;
  /** some slot has a new birth */
  birth(): void;
}

/**
 * What is told to all processes: one channel, heard on a connection of its own. Everything about channels is here. One server
 * tells messages in the order in which it executed them, on every connection; a message that is lost is lost together with
 * the connection, and `redis-lease.ts` finds what was missed.
 */
export interface Bus {
  /** Resolves once it hears. */
  start(): Promise<void>;
  /** Dials anew: nothing was heard although something was said. */
  drop(why: string): void;
  close(): Promise<void>;
}

export function openBus(options: LinkOptions & { readonly channel: string }, random: Random, events: BusEvents): Bus {
  const first = Promise.withResolvers<void>();
  // whoever starts the bus learns of it; later failures are only dialled anew
  first.promise.catch(() => undefined);
  let hears = false;

  const link = openLink(options, random, {
    up(redis) {
      if (!hears) redis.on('message', (_: string, text: string) => dispatch(text, events));
      hears = true;
      redis.subscribe(options.channel).then(
        () => first.resolve(),
        (error: unknown) => {
          first.reject(error);
          link.drop('the store takes no subscription');
        },
      );
    },
  });
  return {
    async start() {
      await link.start();
      await link.run(() => first.promise);
    },
    drop: link.drop,
    close: () => link.close(0),
  };
}

/** What is no message of ours is nothing to us: if one was lost by it, the positions in the next ping show that. */
function dispatch(text: string, events: BusEvents): void {
  const [kind, a = '', b = '', c = ''] = text.split(' ', 4);
  if (kind === 'ping') {
    const positions = c.split(',').map(Number);
    if (positions.length === SLOTS) events.ping({ node: a, seq: Number(b), positions });
  } else if (kind === 'change') {
    const slot = Number(a);
    const changes = changesIn(text);
    if (ALL_SLOTS.includes(slot) && changes !== undefined) events.change({ slot, first: Number(b), nonce: c, changes });
  } else if (kind === 'ack') {
    events.ack({ node: a, reached: pairs(b), heard: triples(c) });
  } else if (kind === 'birth') {
    events.birth();
  }
}

/** JSON follows the fourth space; a text in it may hold spaces itself. */
function changesIn(text: string): Change[] | undefined {
  let at = -1;
  for (let space = 0; space < 4; space += 1) at = text.indexOf(' ', at + 1);
  try {
    const list = JSON.parse(text.slice(at + 1)) as readonly (readonly [Change['kind'], string])[];
    return list.map(([kind, subject]) => ({ kind, subject }));
  } catch {
    return undefined;
  }
}

export const ackText = ({ node, reached, heard }: AckMessage): string =>
  `ack ${node} ${reached.map((pair) => pair.join(':')).join(',')} ${heard
    .map(({ node: other, seq, agoMs }) => `${other}:${seq}:${Math.floor(agoMs)}`)
    .join(',')}`;

const pairs = (text: string): (readonly [number, number])[] =>
  parts(text).map(([slot, position]) => [Number(slot), Number(position)]);

const triples = (text: string): AckMessage['heard'] =>
  parts(text).map(([node = '', seq, ago]) => ({ node, seq: Number(seq), agoMs: Number(ago) }));

const parts = (text: string): string[][] => (text === '' ? [] : text.split(',').map((each) => each.split(':')));
