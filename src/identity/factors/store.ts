import type { Method, Proof } from '../../core/decision.ts';
import type { Clock, Random } from '../../core/ports.ts';
import type { SessionId } from '../../core/session.ts';
import { type Change, type Store, StoreUnavailable } from '../../core/store.ts';
import { partitionOf, type UserId } from '../../core/subject.ts';
import { beginCodeAttempt, type Caller } from './attempts.ts';
import { backupCode, backupCodeHash, findBackupCode, newBackupCodes } from './backup-codes.ts';
import { enrolmentName, factorsName } from './keys.ts';
import { decodeFactors, encodeFactors, type FactorId, type FactorRecord } from './record.ts';
import { seal, unseal } from './seal.ts';
import { newTotpSecret, totpCode, totpStep } from './totp.ts';

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

export type EnrolOutcome =
  | { readonly ok: true; readonly factor: FactorId }
  | { readonly ok: false; readonly reason: 'wrong_code' | 'not_begun' | 'too_many' };

/**
 * The second factors of all users (A4, A6). Whatever resolves is durable. All methods reject with `StoreUnavailable`, and with
 * an Error when what is stored cannot be read: who cannot be checked is not let in.
 */
export interface Factors {
  /** oldest first */
  list(user: UserId): Promise<readonly Factor[]>;
  /**
   * Checks one code and uses it up. Counted before it is looked at (attempts.ts), checked and used in one atomic step: of
   * any number of equal codes at once, in any number of processes, exactly one is accepted.
   */
  verify(user: UserId, method: FactorMethod, typed: string, caller: Caller): Promise<CodeOutcome>;
  /** A new secret, kept for this session for ten minutes; a later one replaces it. It is no factor until it is confirmed. */
  beginTotp(user: UserId, session: SessionId): Promise<Uint8Array>;
  /** The secret that this session began with and did not confirm yet. */
  pendingTotp(user: UserId, session: SessionId): Promise<Uint8Array | undefined>;
  /** Makes the secret a factor when the code is one of it; that code is then used up. */
  confirmTotp(user: UserId, session: SessionId, typed: string): Promise<EnrolOutcome>;
  /** Ten new codes, instead of the former ones; undefined without any other factor to be the backup of. */
  makeBackupCodes(user: UserId, session: SessionId): Promise<readonly string[] | undefined>;
  /** false: the user has no such factor, or the session is over. With the last factor the backup codes go too. */
  remove(user: UserId, session: SessionId, factor: FactorId): Promise<boolean>;
}

/** Rings of keys: the first is used, all are read. 32 bytes each. */
export interface FactorKeys {
  readonly seal: readonly Uint8Array[];
  readonly backupCodes: readonly Uint8Array[];
}

/** What each method proves (policy-language 3). */
export const FACTOR_LEVELS = { totp: 'medium', backup_code: 'medium' } as const;
/** Authenticators of one user: an old and a new phone side by side, and one more. */
export const MAX_TOTP = 3;
export const ENROLMENT_MS = 10 * 60_000;
const ATTEMPTS = 64;

/** The record of a session that is not over, in the partition of its user: a change that expects it takes effect only while it stands. */
export interface AliveSession {
  readonly name: string;
  readonly version: number;
}

/**
 * Does no I/O until it is asked. `alive` tells of a session whether it is still there: nothing that an ended one began may
 * take effect, however late its last step arrives. `drift` is asked with every code of an app (totp.ts).
 */
export function openFactors(
  deps: {
    readonly store: Store;
    readonly clock: Clock;
    readonly random: Random;
    readonly alive: (session: SessionId) => Promise<AliveSession | undefined>;
    readonly drift: () => number;
  },
  keys: FactorKeys,
): Factors {
  const { store, clock, random } = deps;
  const [sealKey] = keys.seal;
  const [codeKey] = keys.backupCodes;
  if (sealKey === undefined || codeKey === undefined) throw new TypeError('factors need keys');

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
    more: { readonly remove?: readonly string[]; readonly expect?: readonly AliveSession[] } = {},
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

  const newId = (): FactorId => `fac_${random.id()}`;

  function secretOf(user: UserId, id: string, sealed: string): Uint8Array {
    const secret = unseal(keys.seal, `${id}/${user}`, sealed);
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
      const secret = secretOf(user, factor.id, factor.secret);
      const drift = deps.drift();
      const step = totpStep(secret, code, now, { drift, lastStep: factor.lastStep });
      if (step !== undefined) return { ...factor, lastStep: step, usedAt: now };
      return totpStep(secret, code, now, { drift }) === undefined ? 'wrong_code' : 'used_code';
    }
    const code = backupCode(typed);
    if (code === undefined) return 'wrong_code';
    const hashes = factor.codes.map(({ hash }) => hash);
    const at = findBackupCode(keys.backupCodes, user, factor.id, code, hashes);
    const found = factor.codes[at];
    if (found === undefined) return 'wrong_code';
    if (found.used !== 0) return 'used_code';
    return { ...factor, codes: factor.codes.with(at, { ...found, used: now }), usedAt: now };
  }

  async function enrolment(
    user: UserId,
    session: SessionId,
  ): Promise<{ secret: Uint8Array; version: number } | undefined> {
    const entry = await store.get({ partition: partitionOf(user), name: enrolmentName(session) });
    if (entry === undefined) return undefined;
    const secret = unseal(keys.seal, `${session}/${user}`, String(entry.value));
    return secret && { secret, version: entry.version };
  }

  return {
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
          const next = factors.map((each) => (each.id === used.id ? used : each));
          const done = await write(user, next, version, { remove: attempt.clears }, []);
          const proof: Proof = { method, level: FACTOR_LEVELS[method], at: now };
          return { done, value: { ok: true, proof, factor: used.id } };
        }
        return { done: true, value: { ok: false, reason } };
      });
    },

    async beginTotp(user, session) {
      const secret = newTotpSecret(random);
      const value = seal(sealKey, random, `${session}/${user}`, secret);
      const put = [{ name: enrolmentName(session), value, expiresAt: clock.now() + ENROLMENT_MS }];
      await store.commit({ partition: partitionOf(user), put });
      return secret;
    },

    async pendingTotp(user, session) {
      return (await enrolment(user, session))?.secret;
    },

    async confirmTotp(user, session, typed) {
      return change<EnrolOutcome>(user, async (factors, version) => {
        const [begun, alive] = [await enrolment(user, session), await deps.alive(session)];
        if (begun === undefined || alive === undefined)
          return { done: true, value: { ok: false, reason: 'not_begun' } };
        if (factors.filter(({ method }) => method === 'totp').length >= MAX_TOTP)
          return { done: true, value: { ok: false, reason: 'too_many' } };
        const now = clock.now();
        const code = totpCode(typed);
        const step = code === undefined ? undefined : totpStep(begun.secret, code, now, { drift: deps.drift() });
        if (step === undefined) return { done: true, value: { ok: false, reason: 'wrong_code' } };
        const id = newId();
        const secret = seal(sealKey, random, `${id}/${user}`, begun.secret);
        const made: FactorRecord = {
          id,
          method: 'totp',
          createdAt: now,
          createdBy: session,
          usedAt: undefined,
          secret,
          lastStep: step,
        };
        const name = enrolmentName(session);
        const expect = [{ name, version: begun.version }, alive];
        const done = await write(user, [...factors, made], version, { remove: [name], expect });
        return { done, value: { ok: true, factor: id } };
      });
    },

    async makeBackupCodes(user, session) {
      const codes = newBackupCodes(random);
      return change<readonly string[] | undefined>(user, async (factors, version) => {
        const others = factors.filter(({ method }) => method !== 'backup_code');
        const alive = await deps.alive(session);
        if (others.length === 0 || alive === undefined) return { done: true, value: undefined };
        const id = newId();
        const hashes = codes.map((code) => ({ hash: backupCodeHash(codeKey, user, id, code), used: 0 }));
        const made: FactorRecord = {
          id,
          method: 'backup_code',
          createdAt: clock.now(),
          createdBy: session,
          usedAt: undefined,
          codes: hashes,
        };
        return { done: await write(user, [...others, made], version, { expect: [alive] }), value: codes };
      });
    },

    async remove(user, session, factor) {
      return change(user, async (factors, version) => {
        const left = factors.filter(({ id }) => id !== factor);
        const alive = await deps.alive(session);
        if (left.length === factors.length || alive === undefined) return { done: true, value: false };
        const useful = left.every(({ method }) => method === 'backup_code') ? [] : left;
        return { done: await write(user, useful, version, { expect: [alive] }), value: true };
      });
    },
  };
}

function factorOf(record: FactorRecord): Factor {
  const { id, method, createdAt, createdBy, usedAt } = record;
  const left = record.method === 'backup_code' ? record.codes.filter(({ used }) => used === 0).length : undefined;
  return { id, method, createdAt, createdBy, usedAt, left };
}
