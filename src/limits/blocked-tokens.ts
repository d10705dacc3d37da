import { hash as digest } from 'node:crypto';
import type { MaybePromise } from '../core/assert-never.ts';
import type { Clock } from '../core/ports.ts';
import type { Store, StoreKey } from '../core/store.ts';
import { partitionOf, userId } from '../core/subject.ts';

/** A block of one token of an issuer that is not ours (A8, S5). */
export interface TokenBlock {
  /** id of the provider whose token it is: a `jti` is unique only there (RFC 7519 4.1.7) */
  readonly provider: string;
  readonly jti: string;
  /** wall-clock ms; the token's own `exp`, so that the block lives exactly as long as it is needed */
  readonly until: number;
  /** who did it: `cli:root`, a user id */
  readonly by: string;
  readonly reason: string;
}

export interface BlockedTokens {
  /** Synchronous in the embedded store. Throws or rejects with `StoreUnavailable`. */
  isBlocked(provider: string, jti: string): MaybePromise<boolean>;
  /**
   * Blocks a token; it is refused from the next request on, in every process. Resolves once the block is durable; false when
   * `until` lies in the past, or is no number, and there is nothing to block. Again for the same token: the later end counts.
   */
  block(block: TokenBlock): Promise<boolean>;
  /** False when it was not blocked. */
  unblock(provider: string, jti: string): Promise<boolean>;
}

/** The most that a provider's `leeway` may be: a token lives that much longer than it says itself. */
export const MAX_LEEWAY_MS = 5 * 60_000;
/** Attempts when others write the same key at the same time. */
const TRIES = 5;
const MAX_TEXT = 256;

export function openBlockedTokens({ store, clock }: { readonly store: Store; readonly clock: Clock }): BlockedTokens {
  return {
    isBlocked(provider, jti) {
      const found = store.get(keyOf(provider, jti));
      return found instanceof Promise ? found.then((entry) => entry !== undefined) : found !== undefined;
    },

    async block({ provider, jti, until, by, reason }) {
      if (!(until + MAX_LEEWAY_MS > clock.now()) || !Number.isFinite(until)) return false;
      const { partition, name } = keyOf(provider, jti);
      const value = { by: by.slice(0, MAX_TEXT), reason: reason.slice(0, MAX_TEXT), at: clock.now() };
      for (let tries = 0; tries < TRIES; tries++) {
        const before = await store.get({ partition, name });
        const expiresAt = Math.max(until + MAX_LEEWAY_MS, before?.expiresAt ?? 0);
        const done = await store.commit({
          partition,
          expect: [{ name, version: before?.version ?? 0 }],
          put: [{ name, value, expiresAt }],
          changes: [{ kind: 'block', subject: name }],
        });
        if (done) return true;
      }
      throw new Error('a token is being blocked by many at once');
    },

    async unblock(provider, jti) {
      const { partition, name } = keyOf(provider, jti);
      const before = await store.get({ partition, name });
      if (before === undefined) return false;
      const expect = [{ name, version: before.version }];
      return store.commit({ partition, expect, remove: [name], changes: [{ kind: 'block', subject: name }] });
    },
  };
}

/** Spread over the partitions like people: blocks of one issuer must not all lie on one node. The hash bounds the name. */
function keyOf(provider: string, jti: string): StoreKey {
  const name = `token/${provider}/${digest('sha256', jti, 'base64url')}`;
  return { partition: partitionOf(userId(provider, jti)), name };
}
