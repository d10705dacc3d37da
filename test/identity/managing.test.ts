import fc from 'fast-check';
import { generateSync } from 'otplib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Proof } from '../../src/core/decision.ts';
import type { Session, SessionId } from '../../src/core/session.ts';
import type { Commit, Json, Store } from '../../src/core/store.ts';
import { partitionOf, type UserId } from '../../src/core/subject.ts';
import { factorsName } from '../../src/identity/factors/keys.ts';
import { MANAGE_FACTORS_MS, mayManage } from '../../src/identity/factors/managing.ts';
import { decodeFactors, type FactorRecord } from '../../src/identity/factors/record.ts';
import { standingProofs } from '../../src/identity/factors/standing.ts';
import { type Factors, openFactors } from '../../src/identity/factors/store.ts';
import { decodeSession } from '../../src/sessions/record.ts';
import { openSessions, type Sessions } from '../../src/sessions/sessions.ts';
import { type EmbeddedStore, openEmbeddedStore } from '../../src/stores/embedded.ts';
import { HOST, keepingLog, person, start } from '../sessions/people.ts';
import { temporaryDirectory } from '../stores/directory.ts';
import { handClock, systemRandom } from '../stores/ports.ts';
import { unrecorded } from '../support/enrol.ts';

const random = systemRandom;
const clock = handClock();
const MINE: SessionId = 'ses_00aaaaaaaaaaaaaaaaaaaaaaaaaa';
const THEIRS: SessionId = 'ses_00bbbbbbbbbbbbbbbbbbbbbbbbbb';
const password = (at: number): Proof => ({ method: 'password', level: 'none', at });
const totp = (at: number, factor?: string): Proof => ({ method: 'totp', level: 'medium', at, factor });

describe('who may change factors', () => {
  const now = 100 * MANAGE_FACTORS_MS;
  const lately = now - MANAGE_FACTORS_MS;
  const before = lately - 1;
  const mine = { id: 'fac_a', createdBy: MINE } as const;
  const theirs = { id: 'fac_b', createdBy: THEIRS } as const;
  test.each([
    ['the first one after a sign-in', lately, [password(lately)], [], 'yes'],
    ['the first one too late', before, [password(before)], [], 'sign_in_again'],
    ['the first one after a step-up with the password: no sign-in', before, [password(now)], [], 'sign_in_again'],
    ['the first one in a session of no sign-in', lately, [totp(now)], [], 'sign_in_again'],
    ['the first one with a factor that is gone', before, [totp(now, 'fac_a')], [], 'sign_in_again'],
    ['another one in the session that enrolled all', lately, [password(lately)], [mine], 'yes'],
    ['the same later', before, [password(before)], [mine], 'step_up'],
    ['where another session enrolled one too', lately, [password(lately)], [mine, theirs], 'step_up'],
    ['with a factor that was shown lately', before, [password(before), totp(lately, 'fac_b')], [theirs], 'yes'],
    ['with one that was shown before', before, [password(before), totp(before, 'fac_b')], [theirs], 'step_up'],
    ['with one that is not there any more', before, [password(before), totp(now, 'fac_a')], [theirs], 'step_up'],
    ['at an instant that is no number', Number.NaN, [password(now)], [], 'sign_in_again'],
  ] as const)('%s', (_, createdAt, proofs, factors, expected) => {
    expect(mayManage({ id: MINE, createdAt, proofs }, factors, now)).toBe(expected);
  });
});

const LIMITS = { idleMs: 1_800_000, floorMs: 300_000, absoluteMs: 28_800_000 };
const directory = temporaryDirectory();
/** two gateways on one store */
let stores: readonly EmbeddedStore[];
let gates: readonly { readonly sessions: Sessions; readonly factors: Factors }[];
let ann: UserId;
let users = 0;

/** What was read of every key, by version; and what each change of factors that took effect was made on condition of. */
const read = new Map<string, Json>();
let taken: { readonly session: Session; readonly factors: readonly FactorRecord[] }[] = [];

/** The store itself; it only looks at what goes through. */
function watched(store: EmbeddedStore): Store {
  const expected = ({ partition, expect: conditions = [] }: Commit, kind: string): Json | undefined => {
    const condition = conditions.find(({ name }) => name.startsWith(kind));
    if (condition === undefined) throw new Error(`factors were changed on no condition of ${kind}`);
    return read.get(`${partition} ${condition.name} ${condition.version}`);
  };
  return {
    ...store,
    get({ partition, name }) {
      const entry = store.get({ partition, name });
      if (entry !== undefined) read.set(`${partition} ${name} ${entry.version}`, entry.value);
      return entry;
    },
    async commit(commit) {
      const done = await store.commit(commit);
      if (!done || !commit.changes?.some(({ kind }) => kind === 'user')) return done;
      const session = decodeSession(expected(commit, 'session/') ?? null)?.session;
      if (session === undefined) throw new Error('factors were changed for no session');
      const before = expected(commit, 'factors/');
      taken.push({ session, factors: before === undefined ? [] : decodeFactors(before) });
      return done;
    },
  };
}

beforeAll(async () => {
  stores = [1, 2].map(() => openEmbeddedStore({ clock, random }, { path: directory.path }));
  for (const store of stores) await store.start();
  const keys = [random.bytes(32)];
  gates = stores.map(watched).map((store) => {
    const standing = ({ subject, proofs }: Session) => standingProofs({ store }, subject.user, proofs);
    const sessions = openSessions({ store, clock, random, log: keepingLog(), standing }, LIMITS);
    const deps = { store, clock, random, alive: sessions.alive, drift: () => 1 };
    return { sessions, factors: openFactors(deps, keys) };
  });
  for (const { sessions } of gates) await sessions.start();
});
afterAll(async () => {
  for (const { sessions } of gates) await sessions.close(1000);
  for (const store of stores) await store.close(1000);
  directory.remove();
});
beforeEach(() => {
  ann = `staff:ann-${users++}`;
});

const gate = (at: number) => gates[at % gates.length] as (typeof gates)[number];
const subject = () => ({ ...person('ann'), user: ann, sub: ann.slice('staff:'.length) });
const signIn = async (at: number) => (await gate(at).sessions.create(subject(), start(clock.now()))).session;
const codeOf = (secret: Uint8Array) => generateSync({ secret, epoch: Math.floor(clock.now() / 1000) });
async function enrol(at: number, session: SessionId): Promise<string> {
  const { factors } = gate(at);
  const begun = await factors.beginTotp(ann, session);
  if (!begun.ok) return begun.reason;
  const { ticket, secret } = begun;
  const confirmed = await factors.confirmTotp(ann, session, { ticket, code: codeOf(secret) }, unrecorded);
  return confirmed.ok ? 'ok' : confirmed.reason;
}

describe('at once', () => {
  test('of ten sessions that enrol a first factor one does, and the others are asked for it', async () => {
    const sessions = await Promise.all(Array.from({ length: 10 }, (_, at) => signIn(at)));
    // all of them began while there was none
    const begun = await Promise.all(sessions.map(({ id }, at) => gate(at).factors.beginTotp(ann, id)));
    const confirmed = await Promise.all(
      sessions.map(async ({ id }, at) => {
        const each = begun[at];
        if (each?.ok !== true) throw new Error('not begun');
        const outcome = await gate(at).factors.confirmTotp(
          ann,
          id,
          {
            ticket: each.ticket,
            code: codeOf(each.secret),
          },
          unrecorded,
        );
        return outcome.ok ? 'ok' : outcome.reason;
      }),
    );
    expect(confirmed.sort()).toEqual(['ok', ...Array(9).fill('step_up')]);
    expect(await gate(0).factors.list(ann)).toHaveLength(1);
  });

  test('a session that ends meanwhile changes nothing', async () => {
    const { id } = await signIn(0);
    const begun = await gate(0).factors.beginTotp(ann, id);
    if (!begun.ok) throw new Error(begun.reason);
    const given = { ticket: begun.ticket, code: codeOf(begun.secret) };
    await gate(1).sessions.revoke(id, 'test', 'test');
    for (const outcome of [
      await gate(0).factors.confirmTotp(ann, id, given, unrecorded),
      await gate(0).factors.beginTotp(ann, id),
      await gate(0).factors.makeBackupCodes(ann, id, unrecorded),
      await gate(0).factors.remove(ann, id, 'fac_x', unrecorded),
    ])
      expect(outcome).toEqual({ ok: false, reason: 'session_over' });
    expect(await gate(0).factors.list(ann)).toEqual([]);
  });

  test('whatever is done in whatever order: each change was allowed by the very state that it replaced', async () => {
    const step = fc.constantFrom('enrol', 'enrol', 'codes', 'remove', 'remove', 'prove', 'end');
    const steps = fc.array(step, { minLength: 1, maxLength: 8 });
    let removed = 0;
    await fc.assert(
      fc.asyncProperty(fc.tuple(steps, steps, steps), async (actors) => {
        ann = `staff:ann-${users++}`;
        taken = [];
        await Promise.all(
          actors.map(async (own, at) => {
            const { factors, sessions } = gate(at);
            const { id } = await signIn(at);
            for (const what of own) {
              const [factor] = await factors.list(ann);
              const factorId = factor?.id ?? 'fac_none';
              if (what === 'enrol') await enrol(at, id);
              else if (what === 'codes') await factors.makeBackupCodes(ann, id, unrecorded);
              else if (what === 'remove') removed += Number((await factors.remove(ann, id, factorId, unrecorded)).ok);
              else if (what === 'prove') await sessions.elevate(id, [totp(clock.now(), factorId)], { host: HOST });
              else await sessions.revoke(id, 'test', 'test');
            }
          }),
        );
        for (const { session, factors } of taken) {
          expect(session.ended).toBeUndefined();
          expect(mayManage(session, factors, clock.now())).toBe('yes');
        }
        // whoever shows nothing is never the second owner
        if (!actors.flat().includes('prove')) {
          const owners = new Set((await gate(0).factors.list(ann)).map(({ createdBy }) => createdBy));
          expect(owners.size).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 60 },
    );
    expect(removed).toBeGreaterThan(0);
  });
});

describe('the proofs of a factor', () => {
  async function owner() {
    const { session, cookie } = await gate(0).sessions.create(subject(), start(clock.now()));
    expect(await enrol(0, session.id)).toBe('ok');
    expect(await enrol(0, session.id)).toBe('ok');
    const [first, second] = await gate(0).factors.list(ann);
    if (first === undefined || second === undefined) throw new Error('not enrolled');
    return { session, cookie, first, second };
  }
  const methods = async (cookie: string, at: number) => {
    const found = await gate(at).sessions.lookup(cookie, HOST, clock.now());
    return found.state === 'valid' ? found.proofs.map(({ method }) => method) : found.state;
  };

  test('count in no session and no gateway once it was removed; those of another one do', async () => {
    const { session, first, second } = await owner();
    const raised = async (factor: string) => {
      const { id } = await signIn(1);
      return (await gate(1).sessions.elevate(id, [totp(clock.now(), factor)], { host: HOST }))?.cookie ?? '';
    };
    const [one, other] = [await raised(first.id), await raised(second.id)];
    for (const at of [0, 1]) {
      expect(await methods(one, at)).toEqual(['password', 'totp']);
      expect(await methods(other, at)).toEqual(['password', 'totp']);
    }
    expect(await gate(0).factors.remove(ann, session.id, first.id, unrecorded)).toEqual({ ok: true });
    for (const at of [0, 1]) {
      expect(await methods(one, at)).toEqual(['password']);
      expect(await methods(other, at)).toEqual(['password', 'totp']);
    }
  });

  test('and of factors that cannot be read none counts', async () => {
    const { first } = await owner();
    const { id } = await signIn(1);
    const raised = await gate(1).sessions.elevate(id, [totp(clock.now(), first.id)], { host: HOST });
    const name = factorsName(ann);
    await stores[0]?.commit({
      partition: partitionOf(ann),
      put: [{ name, value: { v: 9 } }],
      changes: [{ kind: 'user', subject: ann }],
    });
    expect(await methods(raised?.cookie ?? '', 0)).toEqual(['password']);
  });

  test('are looked for in the store once, and not at all for a session that has none', async () => {
    const { session, cookie, first } = await owner();
    let looks = 0;
    const store = stores[0] as EmbeddedStore;
    const counting: Pick<Store, 'get'> = {
      get(key) {
        looks += 1;
        return store.get(key);
      },
    };
    const sessions = openSessions(
      {
        ...{ store, clock, random, log: keepingLog() },
        standing: ({ subject: { user }, proofs }) => standingProofs({ store: counting }, user, proofs),
      },
      LIMITS,
    );
    await sessions.start();
    const look = (secret: string) => sessions.lookup(secret, HOST, clock.now());
    for (let i = 0; i < 3; i++) expect(look(cookie)).toMatchObject({ state: 'valid' });
    expect(looks).toBe(0);
    const raised = await sessions.elevate(session.id, [totp(clock.now(), first.id)], { host: HOST });
    for (let i = 0; i < 3; i++) expect(look(raised?.cookie ?? '')).toMatchObject({ state: 'valid' });
    expect(looks).toBe(1);
    await sessions.close(1000);
  });
});
