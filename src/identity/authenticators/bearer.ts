import { hash as digest } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { MaybePromise } from '../../core/assert-never.ts';
import type { CredentialLookup, CredentialRefusal } from '../../core/credential.ts';
import type { Clock, Log, Service } from '../../core/ports.ts';
import type { Cursor } from '../../core/store.ts';
import type { Subject } from '../../core/subject.ts';
import { type Issuer, type IssuerOptions, openIssuer } from './issuer.ts';
import { MAX_TOKEN_LENGTH, parseToken } from './token.ts';
import { TokenEntry } from './token-entry.ts';
import { verifyToken } from './verify.ts';

export type { IssuerOptions } from './issuer.ts';

/** What the store says of tokens; synchronous when the store is. All of them throw or reject with `StoreUnavailable`. */
export interface TokenStore {
  /** the id of what blocks a token: itself, by its `jti`, or whoever it is about; undefined: nothing does */
  blockOf(subject: Subject, jti: string | undefined): MaybePromise<string | undefined>;
  /** that all of this process is in step with: whoever presents a token has just seen to it */
  position(): MaybePromise<Cursor>;
  birth(): MaybePromise<{ readonly id: string; readonly at: number }>;
}

/** Finds out who presents a credential. */
export interface Authenticator {
  /**
   * Who a token is at `now` (wall-clock ms). Synchronous when the token is known, nothing in the store changed since it was
   * looked at last, or the store answers at once. Throws or rejects with `StoreUnavailable`: fail closed.
   */
  look(token: string, now: number): MaybePromise<CredentialLookup>;
}

/**
 * Bearer tokens of configured issuers (RFC 6750, RFC 7519). `start` begins to fetch keys and does not wait for them; it waits
 * for the second in which a store was born to be over, once in the life of a store.
 */
export interface Bearer extends Authenticator, Service {
  /** Other issuers from now on; those that stay as they are keep their keys. */
  configure(issuers: readonly IssuerOptions[]): void;
}

export interface BearerDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly store: TokenStore;
  /** told of every token that was verified for the first time, and of every refusal */
  readonly count: (result: 'success' | 'invalid_token' | 'blocked' | 'issuer_unavailable') => void;
}

/** Verified tokens that are remembered; the oldest go first, and cost one more verification (about 0.1 ms). */
const MAX_CACHED = 10_000;

/**
 * Opens it; no I/O yet. What is not valid is never remembered, so garbage costs no memory. A token that is, is one map
 * look-up and one comparison of positions, until it expires, its key is published no more, or somebody blocks it.
 */
export function openBearer(deps: BearerDeps, issuers: readonly IssuerOptions[]): Bearer {
  const { clock, store } = deps;
  const cache = new Map<string, TokenEntry>();
  let byIssuer: ReadonlyMap<string, Issuer> = new Map();
  /** rises with every configuration: what was being verified under a former one is not remembered */
  let generation = 0;
  let running = false;
  configure(issuers);

  function configure(next: readonly IssuerOptions[]): void {
    const former = byIssuer;
    const kept = new Set<Issuer>();
    byIssuer = new Map(
      next.map((options) => {
        const before = former.get(options.issuer);
        const same = before !== undefined && JSON.stringify(before.options) === JSON.stringify(options);
        const issuer = same ? before : openIssuer(deps, options);
        kept.add(issuer);
        if (running && !same) issuer.keys.start();
        return [options.issuer, issuer] as const;
      }),
    );
    for (const issuer of former.values()) if (!kept.has(issuer)) issuer.keys.close();
    generation += 1;
    cache.clear();
  }

  function look(token: string, now: number): MaybePromise<CredentialLookup> {
    if (token.length > MAX_TOKEN_LENGTH) return refused('longer than 8 KiB');
    const hash = digest('sha256', token, 'base64url');
    const known = cache.get(hash);
    if (known?.holds(now) === true) {
      const position = store.position();
      if (position === known.position) return known;
      return after(position, (reached) => recheck(known, reached, now));
    }
    cache.delete(hash);
    return verify(token, hash, now);
  }

  /** Something changed in the store: this token may be blocked since, or the store another one. */
  function recheck(entry: TokenEntry, reached: Cursor, now: number): MaybePromise<CredentialLookup> {
    return after(admissible(entry), (refusal) => {
      if (refusal !== undefined) {
        cache.delete(entry.hash);
        return refusal;
      }
      entry.position = reached;
      // a promise may have taken its time
      return entry.holds(now) ? entry : refused('expired');
    });
  }

  /**
   * What the store has against a token that is otherwise good. A store does not know what was blocked before its birth: in one
   * that was emptied or rolled back (security rule 23), or in none that anybody remembers. An `iat` is in whole seconds, so a
   * token from the second of the birth counts as older: it may be.
   */
  function admissible(entry: TokenEntry): MaybePromise<CredentialRefusal | undefined> {
    return after(store.birth(), (born) => {
      if (!(entry.issuedAt >= born.at)) return refused('from before the birth of the store');
      return after(store.blockOf(entry.subject, entry.jti), (block) => {
        if (block === undefined) return undefined;
        deps.count('blocked');
        return { state: 'blocked', detail: block } as const;
      });
    });
  }

  async function verify(token: string, hash: string, now: number): Promise<CredentialLookup> {
    const parsed = parseToken(token);
    if (typeof parsed === 'string') return refused(parsed);
    const issuer = byIssuer.get(parsed.issuer);
    if (issuer === undefined) return refused('of an issuer that is not configured');
    const begun = generation;
    const verified = await verifyToken(issuer, token, parsed, now);
    if (verified === 'unavailable') {
      deps.count('issuer_unavailable');
      return { state: 'unverifiable', detail: `no keys of ${issuer.options.provider}` };
    }
    if (typeof verified === 'string') return refused(verified);
    // before the block is read: one that comes in between moves the position, and is found with the next request
    const position = await store.position();
    const entry = new TokenEntry(issuer.keys, hash, position, verified);
    const refusal = await admissible(entry);
    if (refusal !== undefined) return refusal;
    if (begun === generation) remember(entry);
    deps.count('success');
    return entry;
  }

  function remember(entry: TokenEntry): void {
    while (cache.size >= MAX_CACHED) {
      const [oldest] = cache.keys();
      if (oldest === undefined) break;
      cache.delete(oldest);
    }
    cache.set(entry.hash, entry);
  }

  function refused(detail: string): CredentialRefusal {
    deps.count('invalid_token');
    return { state: 'unknown', detail };
  }

  return {
    look,
    configure,
    async start() {
      running = true;
      for (const { keys } of byIssuer.values()) keys.start();
      // whoever asks for a token once we are up gets one of a later second
      if (byIssuer.size > 0) await wait(restOfSecond((await store.birth()).at, clock.now()));
    },
    async close() {
      running = false;
      for (const { keys } of byIssuer.values()) keys.close();
    },
  };
}

/** Until the second of an instant is over, ms. A second at most, whatever the clocks say; a timer may be a little early. */
const restOfSecond = (at: number, now: number): number =>
  Math.min(1000, Math.max(0, Math.ceil(at / 1000) * 1000 - now + 5));

/** Goes on at once when the value is there, and makes a promise only when it is not. */
function after<T, U>(value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}
