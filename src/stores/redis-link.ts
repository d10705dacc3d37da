import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { Redis } from 'ioredis';
import type { Random } from '../core/ports.ts';
import { StoreUnavailable } from '../core/store.ts';
import type { RedisTarget } from './redis-target.ts';

/**
 * One connection that is always either up or being dialled anew, and a breaker: while it is not up, whatever is asked of it is
 * refused at once; what takes longer than the time limit is refused then, and ends the connection. So a frozen server, a
 * black hole and a half-open connection look alike, and no answer is ever taken for that of another question.
 */
export interface Link {
  /** Resolves once it is up for the first time. Rejects with the reason when the first attempt fails; it goes on then. */
  start(): Promise<void>;
  readonly up: boolean;
  /**
   * Runs commands on it.
   *
   * @param limitMs for all of them together; default: the time limit of one command
   * @throws StoreUnavailable at the latest `limitMs` after the call
   */
  run<T>(work: (redis: Redis) => Promise<T>, limitMs?: number): Promise<T>;
  /** Ends the connection, with everything that is under way on it, and dials anew. */
  drop(why: string): void;
  /** Lets what is under way come to its end, at most `deadlineMs`, and ends the connection for good. */
  close(deadlineMs: number): Promise<void>;
}

export interface LinkOptions {
  readonly target: RedisTarget;
  /** what operators see in CLIENT LIST */
  readonly name: string;
  /** time limit of a command, ms */
  readonly timeoutMs: number;
}

/**
 * ioredis itself gives up that much later than we do, in time limits: its timers do not ask whether the answer lies there unread
 * because this process was busy, and ours do.
 */
const BACKSTOP = 2;
/** Between two attempts to connect; at random, so that many processes do not come back in step. */
const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 250;
/** How long a connection that we end has to say goodbye. */
const GOODBYE_MS = 20;

/** `events.up` is called whenever the connection is there again, `down` whenever it is lost. */
export function openLink(
  { target, name, timeoutMs }: LinkOptions,
  random: Random,
  events: { up?(redis: Redis): void; down?(): void },
): Link {
  let because = 'the store is not started';
  let up = false;
  let closing = false;
  let underWay = 0;
  let onIdle: () => void = () => {};
  let redis: Redis | undefined;

  function retryDelay(): number {
    const [byte = 0] = random.bytes(1);
    return RETRY_MIN_MS + (byte / 255) * (RETRY_MAX_MS - RETRY_MIN_MS);
  }

  function lost(why: string): void {
    if (!up) return;
    up = false;
    if (!closing) because = why;
    events.down?.();
  }

  function drop(why: string): void {
    if (!up) return;
    lost(why);
    redis?.stream.destroy();
  }

  function dial(): Redis {
    const made = new Redis({
      host: target.host,
      port: target.port,
      db: target.database,
      ...(target.username === undefined ? {} : { username: target.username }),
      ...(target.password === undefined ? {} : { password: target.password }),
      ...(target.tls === undefined ? {} : { tls: tlsOptions(target) }),
      connectionName: `sallyport-${name}`,
      disableClientInfo: true,
      lazyConnect: true,
      // security rule 29: with the defaults a command on a frozen server never returns
      commandTimeout: timeoutMs * BACKSTOP,
      socketTimeout: timeoutMs * BACKSTOP,
      connectTimeout: timeoutMs,
      disconnectTimeout: GOODBYE_MS,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      // its own would be a promise that nobody catches
      autoResubscribe: false,
      // whoever uses the connection judges first what lies there, and a server that still loads answers with an error
      enableReadyCheck: false,
      retryStrategy: retryDelay,
    });
    made.on('connect', () => {
      const { stream } = made;
      after(timeoutMs, () => {
        if (!up && made.stream === stream) stream.destroy(new Error(`no answer within ${timeoutMs} ms`));
      });
    });
    made.on('ready', () => {
      if (closing) return;
      up = true;
      events.up?.(made);
    });
    made.on('error', (error: Error) => {
      if (!up && !closing) because = `the store cannot be reached: ${reasonOf(error)}`;
    });
    made.on('close', () => lost('the connection to the store is lost'));
    // it gives up only when an attempt is refused by this process itself; a store that is back must be found all the same
    made.on('end', () => {
      if (!closing) setTimeout(() => void made.connect().catch(() => undefined), retryDelay()).unref();
    });
    return made;
  }

  return {
    async start() {
      const made = dial();
      redis = made;
      await new Promise<void>((resolve, reject) => {
        made.once('ready', () => resolve());
        made.once('error', (error) => reject(new StoreUnavailable(`${target.name}: ${reasonOf(error)}`)));
        made.connect().catch(reject);
      });
    },

    get up() {
      return up;
    },

    run(work, limitMs = timeoutMs) {
      if (!up || redis === undefined) return Promise.reject(new StoreUnavailable(because));
      const connection = redis;
      return new Promise((resolve, reject) => {
        let settled = false;
        const settle = (): void => {
          settled = true;
          clearTimeout(timer);
          underWay -= 1;
          if (underWay === 0) onIdle();
        };
        const late = (): void => {
          if (settled) return;
          settle();
          const why = `the store did not answer within ${limitMs} ms`;
          reject(new StoreUnavailable(why));
          drop(why);
        };
        const timer = after(limitMs, late);
        underWay += 1;
        work(connection).then(
          (value) => {
            if (settled) return;
            settle();
            resolve(value);
          },
          (error: unknown) => {
            if (settled) return;
            settle();
            if (isTimeout(error)) drop('the store did not answer in time');
            reject(unavailable(error));
          },
        );
      });
    },

    drop,

    async close(deadlineMs) {
      if (closing) return;
      if (underWay > 0 && up) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, Math.min(deadlineMs, timeoutMs));
          onIdle = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      closing = true;
      because = 'the store is closed';
      lost(because);
      redis?.disconnect();
    },
  };
}

/** A turn later than that: an answer that came while this process itself was busy is read before it is judged. */
const after = (ms: number, then: () => void): NodeJS.Timeout => setTimeout(() => setImmediate(then), ms);

/** The certificate is verified for the host that was dialled; only a name is sent along, never an address (RFC 6066 3). */
const tlsOptions = ({ tls, host }: RedisTarget) => ({
  rejectUnauthorized: true,
  ...(isIP(host) === 0 ? { servername: host } : {}),
  ...(tls?.ca === undefined ? {} : { ca: readFileSync(tls.ca, 'utf8') }),
});

const isTimeout = (error: unknown): boolean => error instanceof Error && error.message === 'Command timed out';

/**
 * Mistakes of the caller stay what they are; everything else means that the store does not answer. Without a cause: ioredis
 * hangs the arguments of the command on its errors, and those are nobody's business in a log.
 */
function unavailable(error: unknown): Error {
  if (error instanceof StoreUnavailable || error instanceof TypeError) return error;
  return new StoreUnavailable(`the store does not answer: ${reasonOf(error)}`);
}

/** Of several addresses that were tried, Node tells only in `errors`. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}
