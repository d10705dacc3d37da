import type { CryptoKey } from 'jose';
import type { MaybePromise } from '../../core/assert-never.ts';
import type { Clock, Log } from '../../core/ports.ts';
import type { KeyReader } from './key-reading.ts';
import { type Algorithm, type KeySet, type PublicKey, parseKeySet } from './key-set.ts';

export interface KeySourceOptions {
  /** id of the provider, for the log */
  readonly provider: string;
  readonly read: KeyReader;
  /** between two readings in the background, ms */
  readonly refreshMs: number;
  /** between two readings because a token named a key that is not there, ms: a stranger makes such tokens at will */
  readonly missMs: number;
  /** how long the last good set is trusted while no newer one can be had, ms */
  readonly keepMs: number;
}

/** `none`: the issuer has no such key. `unavailable`: nobody can say. */
export type KeyAnswer = { readonly key: PublicKey; readonly crypto: CryptoKey } | 'none' | 'unavailable';

/** The keys of one issuer, kept fresh. */
export interface KeySource {
  find(kid: string | undefined, alg: Algorithm): MaybePromise<KeyAnswer>;
  /** rises whenever the set becomes another one */
  version(): number;
  /** Whether a key of this id is still published. */
  holds(id: string): boolean;
  /** Wall-clock ms until which the set that is there may be trusted. */
  goodUntil(): number;
  /** Begins reading; does not wait for it. */
  start(): void;
  close(): void;
}

/** With no set at all every token asks for one: at most one attempt a second, and the rest are told at once. */
const RETRY_MS = 1000;
/** After a reading in the background that failed. */
const AGAIN_MS = 30_000;

export function openKeySource(
  deps: { readonly clock: Clock; readonly log: Log },
  options: KeySourceOptions,
): KeySource {
  const { clock, log } = deps;
  const { provider } = options;
  let set: KeySet | undefined;
  let stamp: string | undefined;
  let version = 0;
  let loadedAt = Number.NEGATIVE_INFINITY;
  let goodUntil = Number.NEGATIVE_INFINITY;
  let attemptedAt = Number.NEGATIVE_INFINITY;
  let missedAt = Number.NEGATIVE_INFINITY;
  let failing = false;
  let loading: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const usable = (): KeySet | undefined => (clock.monotonic() - loadedAt < options.keepMs ? set : undefined);

  /** One reading at a time, whoever asks; never rejects. */
  function load(): Promise<void> {
    loading ??= attempt().finally(() => {
      loading = undefined;
      attemptedAt = clock.monotonic();
      schedule();
    });
    return loading;
  }

  async function attempt(): Promise<void> {
    try {
      const reading = await options.read(stamp);
      if (reading !== undefined && reading.stamp !== stamp) {
        set = parseKeySet(reading.text);
        stamp = reading.stamp;
        version += 1;
        log.info('keys of an issuer were read', { provider, keys: set.size });
      } else if (failing) log.info('keys of an issuer can be read again', { provider });
      failing = false;
      loadedAt = clock.monotonic();
      goodUntil = clock.now() + options.keepMs;
    } catch (error) {
      // once for each outage: the next readings would only say the same
      if (!failing) {
        const what = usable() === undefined ? 'tokens cannot be verified' : 'the last good ones stay in force';
        log.warn(`keys of an issuer cannot be read; ${what}`, { provider, error: messageOf(error) });
      }
      failing = true;
    }
  }

  function schedule(): void {
    clearTimeout(timer);
    if (closed) return;
    timer = setTimeout(() => void load(), failing ? Math.min(AGAIN_MS, options.refreshMs) : options.refreshMs);
    timer.unref();
  }

  async function found(key: PublicKey, alg: Algorithm): Promise<KeyAnswer> {
    const crypto = await key.forAlgorithm(alg);
    return crypto === undefined ? 'none' : { key, crypto };
  }

  function pick(kid: string | undefined, alg: Algorithm): MaybePromise<KeyAnswer> {
    const current = usable();
    if (current === undefined) return 'unavailable';
    const key = current.find(kid, alg);
    return key === undefined ? 'none' : found(key, alg);
  }

  function find(kid: string | undefined, alg: Algorithm): MaybePromise<KeyAnswer> {
    const current = usable();
    const key = current?.find(kid, alg);
    if (key !== undefined) return found(key, alg);
    if (loading !== undefined) return loading.then(() => pick(kid, alg));
    const [last, pauseMs] = current === undefined ? [attemptedAt, RETRY_MS] : [missedAt, options.missMs];
    const now = clock.monotonic();
    if (now - last < pauseMs) return current === undefined ? 'unavailable' : 'none';
    if (current !== undefined) missedAt = now;
    return load().then(() => pick(kid, alg));
  }

  return {
    find,
    version: () => version,
    holds: (id) => set?.has(id) === true,
    goodUntil: () => goodUntil,
    start() {
      if (!closed) void load();
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

/** The innermost word on what went wrong: undici wraps the system's. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
