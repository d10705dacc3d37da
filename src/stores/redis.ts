import type { Clock, Log, Random } from '../core/ports.ts';
import type { Entry, Store } from '../core/store.ts';
import { ALL_SLOTS, entryOf, layoutOf, slotOf } from './redis-layout.ts';
import { openRedisLife } from './redis-life.ts';
import { listenersOf } from './redis-nodes.ts';
import { COMMIT, INCREMENT, OTHER_BIRTH, runScript } from './redis-scripts.ts';
import { parseRedisUrl } from './redis-target.ts';
import { commitCall, incrementCall } from './redis-write.ts';
import { checkName, checkPartition, checkPrefix } from './shape.ts';

export interface RedisStoreOptions {
  /** `redis://[user:password@]host[:port][/database]`, `rediss://` for TLS */
  readonly url: string;
  /** PEM file of the authorities that may sign the server's certificate; default: those that Node trusts */
  readonly ca?: string;
  /** directory of what this machine remembers of the store; several processes may share it */
  readonly path: string;
  /** time limit of a command, ms; every call has settled 50 ms later. Default 500 */
  readonly timeoutMs?: number;
  /** what all keys begin with. Default `sallyport` */
  readonly prefix?: string;
  /** accounts are kept in the store, so it has to be durable. Default false */
  readonly localAccounts?: boolean;
  /** changes that are kept, in each slot of the server and in this process. Default 10,000 */
  readonly keepChanges?: number;
  /** largest difference between the clocks here and of the server, ms. Default 2,000 */
  readonly maxSkewMs?: number;
}

/** A store on Redis, with what its operator should know. */
export interface RedisStore extends Store {
  /** after `start`: what may be lost, and why */
  readonly warnings: readonly string[];
  /** what is wrong although the store answers */
  problem(): string | undefined;
}

const PAGE = 256;
const NONCE_BYTES = 6;

/**
 * The store on a Redis server (docs/state.md has the layout). `position` and `changes` are synchronous while what this process
 * remembers may be trusted; everything else is a round trip. A commit with changes resolves when every process knows of them,
 * which takes some ms, or 1,050 ms when one of them is cut off.
 *
 * @throws Error when the address is none
 */
export function openRedisStore(
  deps: { readonly clock: Clock; readonly random: Random; readonly log?: Log },
  options: RedisStoreOptions,
): RedisStore {
  const { clock, random } = deps;
  const { timeoutMs = 500, prefix = 'sallyport', keepChanges = 10_000, localAccounts = false } = options;
  const target = parseRedisUrl(options.url, options.ca);
  const layout = layoutOf(prefix, target.database);
  const { path, maxSkewMs } = options;
  const life = openRedisLife(deps, { target, layout, path, timeoutMs, keepChanges, localAccounts, maxSkewMs });
  const { nodes, replicas } = life;

  const birthOf = (slot: number): string => life.opened().states[slot]?.birth ?? '';
  const writer = () => ({ layout, birthOf, now: clock.now() });
  const newNonce = (): string => String(Buffer.from(random.bytes(NONCE_BYTES)).readUIntBE(0, NONCE_BYTES) + 1);

  /** What lies under a birth that is not the one we know must not be taken for an answer: it may be from an emptied store. */
  function checkBirth(found: string | null | undefined, slot: number): void {
    if (found !== birthOf(slot)) throw life.otherBirth();
  }

  async function readPage(slot: number, partition: string, prefixOfNames: string, after: string | undefined) {
    const start = after === undefined || after < prefixOfNames ? `[${prefixOfNames}` : `(${after}`;
    // greater than every character of a name
    const end = `(${prefixOfNames}\u007f`;
    return life.reading(async (redis) => {
      const names = await redis.zrangebylex(layout.index(slot, partition), start, end, 'LIMIT', 0, PAGE);
      const keys = names.map((name) => layout.value(slot, partition, name));
      const [birth, ...texts] = await redis.mget(layout.birth(slot), ...keys);
      checkBirth(birth, slot);
      return { names, texts };
    });
  }

  async function* list(
    partition: string,
    prefixOfNames: string,
    after?: string,
  ): AsyncGenerator<{ readonly name: string; readonly entry: Entry }> {
    checkPartition(partition);
    checkPrefix(prefixOfNames);
    if (after !== undefined) checkName(after);
    for (let last = after; ; ) {
      const { names, texts } = await readPage(slotOf(partition), partition, prefixOfNames, last);
      const now = clock.now();
      for (const [i, name] of names.entries()) {
        const text = texts[i];
        // gone since the names were read
        const entry = text === null || text === undefined ? undefined : entryOf(text, now);
        if (entry !== undefined) yield { name, entry };
      }
      if (names.length < PAGE) return;
      last = names.at(-1);
    }
  }

  return {
    start: life.start,
    close: life.close,
    get warnings() {
      return life.warnings;
    },
    problem: life.problem,
    position: life.position,
    list,

    async get({ partition, name }) {
      checkPartition(partition);
      checkName(name);
      const slot = slotOf(partition);
      const keys = [layout.birth(slot), layout.value(slot, partition, name)];
      const [birth, text] = await life.reading((redis) => redis.mget(...keys));
      checkBirth(birth, slot);
      return text === null || text === undefined ? undefined : entryOf(text, clock.now());
    },

    async commit(commit) {
      const nonce = newNonce();
      const { slot, keys, args } = commitCall(commit, { ...writer(), nonce, keep: keepChanges });
      const answer = await life.writing((redis) => runScript(redis, COMMIT, keys, args));
      if (answer === OTHER_BIRTH) throw life.otherBirth();
      const [done, last, registry] = answer as [number, string?, string[]?];
      if (done === 0) return false;
      if (last === undefined || registry === undefined) {
        await replicas.reached();
        return true;
      }
      const position = Number(last);
      const told = nodes.acks.settled(slot, position, listenersOf(registry), life.quietUntil);
      const changes = commit.changes ?? [];
      nodes.learned({ slot, first: position - changes.length + 1, nonce, changes });
      await Promise.all([told, replicas.reached()]);
      return true;
    },

    async increment(key, by, windowMs) {
      const { keys, args } = incrementCall(key, by, windowMs, writer());
      const answer = await life.writing((redis) => runScript(redis, INCREMENT, keys, args));
      if (answer === OTHER_BIRTH) throw life.otherBirth();
      if (answer === 'text') throw new TypeError('the key does not hold a counter');
      if (answer === 'range') throw new TypeError('the counter would overflow');
      await replicas.reached();
      return Number((answer as [string])[0]);
    },

    async *partitions() {
      const found: string[] = [];
      for (const slot of ALL_SLOTS)
        found.push(...(await life.reading((redis) => redis.smembers(layout.partitions(slot)))));
      for (const partition of found.sort()) {
        for await (const _ of list(partition, '')) {
          yield partition;
          break;
        }
      }
    },

    changes: (cursor) => life.opened().changes(cursor),

    birth() {
      const position = life.position();
      return typeof position === 'string' ? life.opened().birth : position.then(() => life.opened().birth);
    },
  };
}
