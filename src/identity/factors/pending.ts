import { hash } from 'node:crypto';
import { LEVELS, METHODS, type Proof } from '../../core/decision.ts';
import type { Clock } from '../../core/ports.ts';
import type { Json, Store, StoreKey } from '../../core/store.ts';
import { partitionOf, type UserId } from '../../core/subject.ts';

/** A sign-in whose first factor was right and whose second one is still to come. */
export interface PendingSignIn {
  readonly user: UserId;
  /** what the account looked like (sign-in.ts): a password that was changed meanwhile makes it void */
  readonly stamp: string;
  readonly proofs: readonly Proof[];
  /** wall-clock ms at which the account was read */
  readonly checkedAt: number;
}

/** Sign-ins between their two steps, by the nonce of the login cookie: whoever has not got the cookie cannot go on with one. */
export interface PendingSignIns {
  /** Instead of an older one of the same nonce. */
  put(nonce: string, pending: PendingSignIn): Promise<void>;
  /** `take` uses it up: true for exactly one caller, false when it is gone or another one took its place. */
  find(nonce: string): Promise<{ readonly pending: PendingSignIn; readonly take: () => Promise<boolean> } | undefined>;
}

/** ms from the first step on; wrong codes do not prolong it */
export const PENDING_SIGN_IN_MS = 5 * 60_000;

/** All methods reject with `StoreUnavailable`. */
export function openPendingSignIns({ store, clock }: { readonly store: Store; readonly clock: Clock }): PendingSignIns {
  return {
    async put(nonce, { user, stamp, proofs, checkedAt }) {
      const { partition, name } = keyOf(nonce);
      const kept = proofs.map(({ method, level, at }) => ({ method: method ?? null, level, at }));
      const value = { user, stamp, proofs: kept, checkedAt };
      await store.commit({ partition, put: [{ name, value, expiresAt: clock.now() + PENDING_SIGN_IN_MS }] });
    },

    async find(nonce) {
      const key = keyOf(nonce);
      const entry = await store.get(key);
      const pending = entry && decode(entry.value);
      if (entry === undefined || pending === undefined) return undefined;
      const { partition, name } = key;
      const expect = [{ name, version: entry.version }];
      return { pending, take: () => store.commit({ partition, expect, remove: [name] }) };
    },
  };
}

/** By hash: a dump of the store must not tell cookies. Spread over the partitions like users, for the nonce is all we have. */
function keyOf(nonce: string): StoreKey {
  const hashed = hash('sha256', nonce, 'base64url');
  return { partition: partitionOf(`pending:${hashed}`), name: `pending-sign-in/${hashed}` };
}

/** Undefined when it is not what was put: then the person begins again. */
function decode(value: Json): PendingSignIn | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined;
  const { user, stamp, proofs, checkedAt } = value as { readonly [key: string]: Json | undefined };
  if (typeof user !== 'string' || !user.includes(':') || typeof stamp !== 'string' || !Array.isArray(proofs))
    return undefined;
  if (typeof checkedAt !== 'number') return undefined;
  const read = (proofs as readonly Json[]).map(decodeProof);
  return read.includes(undefined)
    ? undefined
    : { user: user as UserId, stamp, proofs: read as readonly Proof[], checkedAt };
}

function decodeProof(value: Json): Proof | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined;
  const { method, level, at } = value as { readonly [key: string]: Json | undefined };
  const known = METHODS.find((each) => each === method);
  const rank = LEVELS.find((each) => each === level);
  return rank === undefined || typeof at !== 'number' || (known === undefined && method !== null)
    ? undefined
    : { method: known, level: rank, at };
}
