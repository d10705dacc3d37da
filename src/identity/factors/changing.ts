import type { Clock, Random } from '../../core/ports.ts';
import type { SessionId } from '../../core/session.ts';
import type { Store } from '../../core/store.ts';
import { partitionOf, type UserId } from '../../core/subject.ts';
import { codeCounterNames } from './attempts.ts';
import { backupCodeHash, newBackupCodes } from './backup-codes.ts';
import { enrolmentName } from './keys.ts';
import { type ManagingSession, mayManage } from './managing.ts';
import type { FactorId, FactorRecord } from './record.ts';
import { seal, unseal } from './seal.ts';
import { newTotpSecret, totpCode, totpStep } from './totp.ts';

/** Why a session does not change factors: managing.ts says so, or it is over. */
export interface NotAllowed {
  readonly ok: false;
  readonly reason: 'step_up' | 'sign_in_again' | 'session_over';
}

export type BeginOutcome =
  | {
      readonly ok: true;
      readonly secret: Uint8Array;
      /** 128 random bits in base64url, for the form alone: without it nothing of this enrolment is shown again or confirmed */
      readonly ticket: string;
    }
  | NotAllowed;
export type EnrolOutcome =
  | { readonly ok: true; readonly factor: FactorId }
  | { readonly ok: false; readonly reason: 'wrong_code' | 'not_begun' | 'too_many' }
  | NotAllowed;
export type BackupOutcome =
  | { readonly ok: true; readonly codes: readonly string[] }
  /** without any other factor there is nothing to be the backup of */
  | { readonly ok: false; readonly reason: 'no_factor' }
  | NotAllowed;
export type RemoveOutcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'unknown_factor' }
  | NotAllowed;

/**
 * Called when a change was judged and allowed, right before it is made, with the factor that it is about; what it throws
 * prevents the change. Called again, with the same factor, when something came in between and the change was judged anew.
 */
export type BeforeChange = (factor: FactorId) => Promise<void>;

/**
 * Changes of factors by a session of their user. Whether it may (managing.ts) is judged on the session and the factors as they are
 * stored, and both are conditions of the commit: of any number of requests at once, in any number of processes, each is
 * judged on what the one before left behind, and nothing that an ended session began takes effect.
 */
export interface FactorChanges {
  /** A new secret, kept for this session for ten minutes; it voids a former one. It is no factor until it is confirmed. */
  beginTotp(user: UserId, session: SessionId): Promise<BeginOutcome>;
  /** The secret that was begun with this ticket in this session and is not confirmed yet. */
  pendingTotp(user: UserId, session: SessionId, ticket: string): Promise<Uint8Array | undefined>;
  /**
   * Makes the secret a factor when the code is one of it; that code is then used up. With the first factor the count of wrong
   * codes (attempts.ts) begins anew.
   */
  confirmTotp(
    user: UserId,
    session: SessionId,
    given: { readonly ticket: string; readonly code: string },
    before: BeforeChange,
  ): Promise<EnrolOutcome>;
  /** Ten new codes, instead of the former ones. */
  makeBackupCodes(user: UserId, session: SessionId, before: BeforeChange): Promise<BackupOutcome>;
  /** With the last other factor the backup codes go too. Proofs by what was removed count in no session any more (standing.ts). */
  remove(user: UserId, session: SessionId, factor: FactorId, before: BeforeChange): Promise<RemoveOutcome>;
}

/** Authenticators of one user: an old and a new phone side by side, and one more. */
export const MAX_TOTP = 3;
/** ms from the beginning of an enrolment to its end */
export const ENROLMENT_MS = 10 * 60_000;
const TICKET_BYTES = 16;
const SET_KEY_BYTES = 32;

/** The record of a session that is not over, in the partition of its user, and what it says. */
export interface AliveSession {
  readonly name: string;
  readonly version: number;
  readonly session: ManagingSession;
}
type Condition = { readonly name: string; readonly version: number };

/** The factors of a user, read and written as one value. */
export interface FactorList {
  /** Decides on what is stored now; `done: false` decides again. */
  change<T>(
    user: UserId,
    decide: (factors: readonly FactorRecord[], version: number) => Promise<{ done: boolean; value: T }>,
  ): Promise<T>;
  /** false: a condition did not hold */
  write(
    user: UserId,
    factors: readonly FactorRecord[],
    version: number,
    more?: { readonly remove?: readonly string[]; readonly expect?: readonly Condition[] },
  ): Promise<boolean>;
  /** what a commit expects of the list that was looked at */
  isStill(user: UserId, version: number): Condition;
}

export interface FactorDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  /** whether a session is still there, and what it proved */
  readonly alive: (session: SessionId) => Promise<AliveSession | undefined>;
  /** time steps that an app's clock may be off, asked with every code (totp.ts) */
  readonly drift: () => number;
}

/** `keys` seals: the first is used, all are read. */
export function factorChanges(
  deps: FactorDeps,
  keys: readonly [Uint8Array, ...Uint8Array[]],
  list: FactorList,
): FactorChanges {
  const { store, clock, random } = deps;
  const newId = (): FactorId => `fac_${random.id()}`;

  /** A step of somebody who may: judged again, with all it looks at, whenever the commit finds that something changed. */
  function step<T>(
    user: UserId,
    session: SessionId,
    decide: (
      factors: readonly FactorRecord[],
      at: { readonly version: number; readonly stands: Condition; readonly now: number },
    ) => Promise<{ done: boolean; value: T }>,
  ): Promise<T | NotAllowed> {
    return list.change<T | NotAllowed>(user, async (factors, version) => {
      const alive = await deps.alive(session);
      if (alive === undefined) return { done: true, value: { ok: false, reason: 'session_over' } };
      const now = clock.now();
      const may = mayManage(alive.session, factors, now);
      if (may !== 'yes') return { done: true, value: { ok: false, reason: may } };
      return decide(factors, { version, stands: { name: alive.name, version: alive.version }, now });
    });
  }

  // the ticket is in the context, so that who has the session but not the form cannot have it opened
  const contextOf = (user: UserId, session: SessionId, ticket: string): string => `${session}/${ticket}/${user}`;

  async function enrolment(
    user: UserId,
    session: SessionId,
    ticket: string,
  ): Promise<{ readonly secret: Uint8Array; readonly stands: Condition } | undefined> {
    const name = enrolmentName(session);
    const entry = await store.get({ partition: partitionOf(user), name });
    if (entry === undefined) return undefined;
    const secret = unseal(keys, contextOf(user, session, ticket), String(entry.value));
    return secret && { secret, stands: { name, version: entry.version } };
  }

  return {
    beginTotp(user, session) {
      const secret = newTotpSecret(random);
      const ticket = Buffer.from(random.bytes(TICKET_BYTES)).toString('base64url');
      const value = seal(keys[0], random, contextOf(user, session, ticket), secret);
      return step<BeginOutcome>(user, session, async (_factors, { version, stands, now }) => {
        const done = await store.commit({
          partition: partitionOf(user),
          expect: [list.isStill(user, version), stands],
          put: [{ name: enrolmentName(session), value, expiresAt: now + ENROLMENT_MS }],
        });
        return { done, value: { ok: true, secret, ticket } };
      });
    },

    async pendingTotp(user, session, ticket) {
      return (await enrolment(user, session, ticket))?.secret;
    },

    confirmTotp(user, session, given, before) {
      const id = newId();
      return step<EnrolOutcome>(user, session, async (factors, { version, stands, now }) => {
        const begun = await enrolment(user, session, given.ticket);
        if (begun === undefined) return { done: true, value: { ok: false, reason: 'not_begun' } };
        if (factors.filter(({ method }) => method === 'totp').length >= MAX_TOTP)
          return { done: true, value: { ok: false, reason: 'too_many' } };
        const code = totpCode(given.code);
        const lastStep = code === undefined ? undefined : totpStep(begun.secret, code, now, { drift: deps.drift() });
        if (lastStep === undefined) return { done: true, value: { ok: false, reason: 'wrong_code' } };
        const secret = seal(keys[0], random, `${id}/${user}`, begun.secret);
        const made = { ...whoMade(session, now), id, method: 'totp', secret, lastStep } as const;
        const expect = [begun.stands, stands];
        // what was counted while there was nothing to guess would lock the owner out of their first factor
        const counted = factors.length === 0 ? await codeCounterNames(store, user) : [];
        const remove = [begun.stands.name, ...counted];
        await before(id);
        const done = await list.write(user, [...factors, made], version, { remove, expect });
        return { done, value: { ok: true, factor: id } };
      });
    },

    makeBackupCodes(user, session, before) {
      const id = newId();
      const codes = newBackupCodes(random);
      const setKey = random.bytes(SET_KEY_BYTES);
      return step<BackupOutcome>(user, session, async (factors, { version, stands, now }) => {
        const others = factors.filter(({ method }) => method !== 'backup_code');
        if (others.length === 0) return { done: true, value: { ok: false, reason: 'no_factor' } };
        const secret = seal(keys[0], random, `${id}/${user}`, setKey);
        const hashes = codes.map((code) => ({ hash: backupCodeHash(setKey, user, id, code), used: 0 }));
        const made = { ...whoMade(session, now), id, method: 'backup_code', secret, codes: hashes } as const;
        await before(id);
        const done = await list.write(user, [...others, made], version, { expect: [stands] });
        return { done, value: { ok: true, codes } };
      });
    },

    remove(user, session, factor, before) {
      return step<RemoveOutcome>(user, session, async (factors, { version, stands }) => {
        const left = factors.filter(({ id }) => id !== factor);
        if (left.length === factors.length) return { done: true, value: { ok: false, reason: 'unknown_factor' } };
        const useful = left.every(({ method }) => method === 'backup_code') ? [] : left;
        await before(factor);
        return { done: await list.write(user, useful, version, { expect: [stands] }), value: { ok: true } };
      });
    },
  };
}

const whoMade = (session: SessionId, now: number) =>
  ({ createdAt: now, createdBy: session, usedAt: undefined }) as const;
