import type { Method, Proof } from '../../core/decision.ts';
import type { SessionId } from '../../core/session.ts';
import { type Change, StoreUnavailable } from '../../core/store.ts';
import { partitionOf, type UserId } from '../../core/subject.ts';
import { beginCodeAttempt, type Caller } from './attempts.ts';
import { backupCode, backupCodeHash, findBackupCode } from './backup-codes.ts';
import { type FactorChanges, type FactorDeps, factorChanges } from './changing.ts';
import { factorsName } from './keys.ts';
import { decodeFactors, encodeFactors, type FactorId, type FactorRecord } from './record.ts';
import { resealed, unseal } from './seal.ts';
import { totpCode, totpStep } from './totp.ts';

export type { Caller } from './attempts.ts';
export type { FactorId } from './record.ts';

/** The second factors that can be given here. */
export type FactorMethod = Extract<Method, 'totp' | 'backup_code'>;

/** A factor as callers see it; secrets stay inside. */
export interface Factor {
  readonly id: FactorId;
  readonly method: FactorMethod;
  /** wall-clock ms */
  readonly createdAt: number;
  /** the session that enrolled it */
  readonly createdBy: SessionId;
  /** wall-clock ms; undefined: never */
  readonly usedAt: number | undefined;
  /** backup codes that are still good; undefined for other factors */
  readonly left: number | undefined;
}

/** Why a code was not accepted. For the audit log only: outside all but `locked_out` read the same. */
export type CodeFailure = 'wrong_code' | 'used_code' | 'not_enrolled';
export type CodeOutcome =
  | { readonly ok: true; readonly proof: Proof; readonly factor: FactorId }
  | { readonly ok: false; readonly reason: CodeFailure }
  /** the code was not looked at; at least 1 second, at most 15 minutes, or 30 days after very many wrong ones (attempts.ts) */
  | { readonly ok: false; readonly reason: 'locked_out'; readonly retryAfterSeconds: number };

/**
 * The second factors of all users (A4, A6). Whatever resolves is durable. All methods reject with `StoreUnavailable`, and with
 * an Error when what is stored cannot be read: who cannot be checked is not let in.
 */
export interface Factors extends FactorChanges {
  /** oldest first */
  list(user: UserId): Promise<readonly Factor[]>;
  /**
   * Checks one code and uses it up. Counted before it is looked at (attempts.ts), checked and used in one atomic step: of
   * any number of equal codes at once, in any number of processes, exactly one is accepted. In the same step all of the
   * user's secrets that lie under a former key are sealed with the first one.
   */
  verify(user: UserId, method: FactorMethod, typed: string, caller: Caller): Promise<CodeOutcome>;
}

/** What each method proves (policy-language 3). */
export const FACTOR_LEVELS = { totp: 'medium', backup_code: 'medium' } as const;
const ATTEMPTS = 64;

/** Does no I/O until it is asked. `keys`, 32 bytes each, seal the secrets: the first is used, all are read; never empty. */
export function openFactors(deps: FactorDeps, keys: readonly Uint8Array[]): Factors {
  const { store, clock, random } = deps;
  if (!isRing(keys)) throw new TypeError('factors need a key');
  const ring = keys;

  async function read(user: UserId): Promise<{ factors: readonly FactorRecord[]; version: number }> {
    const entry = await store.get({ partition: partitionOf(user), name: factorsName(user) });
    return entry === undefined
      ? { factors: [], version: 0 }
      : { factors: decodeFactors(entry.value), version: entry.version };
  }

  /** All factors of a user are one value, so that every rule over them holds atomically. */
  async function write(
    user: UserId,
    factors: readonly FactorRecord[],
    version: number,
    more: { readonly remove?: readonly string[]; readonly expect?: readonly { name: string; version: number }[] } = {},
    changes: readonly Change[] = [{ kind: 'user', subject: user }],
  ): Promise<boolean> {
    const name = factorsName(user);
    const gone = factors.length === 0;
    return store.commit({
      partition: partitionOf(user),
      expect: [{ name, version }, ...(more.expect ?? [])],
      put: gone ? [] : [{ name, value: encodeFactors(factors) }],
      remove: [...(gone ? [name] : []), ...(more.remove ?? [])],
      changes,
    });
  }

  /** Decides on what is stored now; of two at once, the second sees the first. */
  async function change<T>(
    user: UserId,
    decide: (factors: readonly FactorRecord[], version: number) => Promise<{ done: boolean; value: T }>,
  ): Promise<T> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const { factors, version } = await read(user);
      const { done, value } = await decide(factors, version);
      if (done) return value;
    }
    throw new StoreUnavailable('the factors of a user change all the time');
  }

  function secretOf(user: UserId, { id, secret: sealed }: FactorRecord): Uint8Array {
    const secret = unseal(ring, `${id}/${user}`, sealed);
    if (secret === undefined)
      throw new Error('a stored factor was sealed with another root secret, or for another user');
    return secret;
  }

  /** The factor that accepts the code, as it is after it was used; or why there is none. */
  function use(
    user: UserId,
    factor: FactorRecord,
    typed: string,
    now: number,
  ): FactorRecord | Exclude<CodeFailure, 'not_enrolled'> {
    if (factor.method === 'totp') {
      const code = totpCode(typed);
      if (code === undefined) return 'wrong_code';
      const secret = secretOf(user, factor);
      const drift = deps.drift();
      const step = totpStep(secret, code, now, { drift, lastStep: factor.lastStep });
      if (step !== undefined) return { ...factor, lastStep: step, usedAt: now };
      return totpStep(secret, code, now, { drift }) === undefined ? 'wrong_code' : 'used_code';
    }
    const code = backupCode(typed);
    // without codes there may be no key either (record.ts)
    if (code === undefined || factor.codes.length === 0) return 'wrong_code';
    const wanted = backupCodeHash(secretOf(user, factor), user, factor.id, code);
    const hashes = factor.codes.map(({ hash }) => hash);
    const at = findBackupCode(wanted, hashes);
    const found = factor.codes[at];
    if (found === undefined) return 'wrong_code';
    if (found.used !== 0) return 'used_code';
    return { ...factor, codes: factor.codes.with(at, { ...found, used: now }), usedAt: now };
  }

  const renewed = (user: UserId, factor: FactorRecord): FactorRecord => ({
    ...factor,
    secret: resealed(ring, random, `${factor.id}/${user}`, factor.secret),
  });

  return {
    ...factorChanges(deps, ring, {
      change,
      write,
      isStill: (user, version) => ({ name: factorsName(user), version }),
    }),

    async list(user) {
      return (await read(user)).factors.map(factorOf);
    },

    async verify(user, method, typed, caller) {
      const attempt = await beginCodeAttempt(deps, user, caller);
      if (!attempt.allowed) return { ok: false, reason: 'locked_out', retryAfterSeconds: attempt.retryAfterSeconds };
      return change<CodeOutcome>(user, async (factors, version) => {
        const now = clock.now();
        let reason: CodeFailure = 'not_enrolled';
        for (const factor of factors) {
          if (factor.method !== method) continue;
          const used = use(user, factor, typed, now);
          if (typeof used === 'string') {
            if (reason !== 'used_code') reason = used;
            continue;
          }
          const next = factors.map((each) => renewed(user, each.id === used.id ? used : each));
          const done = await write(user, next, version, { remove: attempt.clears }, []);
          const proof: Proof = { method, level: FACTOR_LEVELS[method], at: now, factor: used.id };
          return { done, value: { ok: true, proof, factor: used.id } };
        }
        return { done: true, value: { ok: false, reason } };
      });
    },
  };
}

const isRing = (keys: readonly Uint8Array[]): keys is readonly [Uint8Array, ...Uint8Array[]] => keys.length > 0;

function factorOf(record: FactorRecord): Factor {
  const { id, method, createdAt, createdBy, usedAt } = record;
  const left = record.method === 'backup_code' ? record.codes.filter(({ used }) => used === 0).length : undefined;
  return { id, method, createdAt, createdBy, usedAt, left };
}
