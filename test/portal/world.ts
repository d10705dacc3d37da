import { generateKeyPairSync } from 'node:crypto';
import { generateSync } from 'otplib';
import { hasLocalPassword, signInLocally } from '../../src/app/signing-in.ts';
import type { Proof } from '../../src/core/decision.ts';
import type { AuditEvent } from '../../src/core/event.ts';
import type { Log, Recorder } from '../../src/core/ports.ts';
import type { Session, SessionId } from '../../src/core/session.ts';
import { userId } from '../../src/core/subject.ts';
import { openAccounts, subjectOf } from '../../src/identity/accounts.ts';
import { openPendingSignIns } from '../../src/identity/factors/pending.ts';
import { standingProofs } from '../../src/identity/factors/standing.ts';
import { openFactors } from '../../src/identity/factors/store.ts';
import { openKnownDevices } from '../../src/identity/known-devices.ts';
import { openLockout } from '../../src/identity/lockout.ts';
import { openPasswordHasher, type PasswordHasher } from '../../src/identity/passwords.ts';
import { resumeSignIn } from '../../src/identity/sign-in.ts';
import { openBlocks } from '../../src/limits/blocks.ts';
import type { PortalDeps, PortalSessions } from '../../src/portal/deps.ts';
import { openDeviceCookies } from '../../src/portal/device-cookie.ts';
import { portalEndpoints } from '../../src/portal/endpoints.ts';
import { openSessions } from '../../src/sessions/sessions.ts';
import { openStore } from '../../src/stores/index.ts';
import { temporaryDirectory } from '../stores/directory.ts';
import { handClock, systemRandom } from '../stores/ports.ts';
import { unrecorded } from '../support/enrol.ts';
import { Browser } from './browser.ts';

const ignore = (): void => {};
const SILENT: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore };
export const PASSWORD = 'correct horse battery';

/** The portal over a real store, real accounts and real sessions; `ann` and `bob` exist. */
export async function openWorld() {
  const directory = temporaryDirectory();
  const clock = handClock();
  const random = systemRandom;
  const store = openStore({ clock, random }, { path: directory.path });
  await store.start();
  const hasher = openPasswordHasher({ random });
  /** the real one; tells how many passwords were looked at */
  const checked = { count: 0 };
  const counting: PasswordHasher = {
    hash: hasher.hash,
    verify: (phc, password) => {
      checked.count += 1;
      return hasher.verify(phc, password);
    },
  };
  const lockout = openLockout({ store, clock });
  const accounts = openAccounts({ store, clock, hasher }, 'staff');
  await accounts.add('ann', { email: 'ann@example.com', groups: ['finance'], roles: ['editor'], password: PASSWORD });
  await accounts.add('bob', { password: PASSWORD });
  const standing = ({ subject, proofs }: Session) => standingProofs({ store }, subject.user, proofs);
  const sessions = openSessions(
    { store, clock, random, log: SILENT, standing },
    { idleMs: 1_800_000, floorMs: 300_000, absoluteMs: 28_800_000 },
  );
  await sessions.start();

  const events: AuditEvent[] = [];
  const durable: AuditEvent[] = [];
  /** where the tests listen; `onDurable` may fail as a full disk would */
  const hooks: { onDurable: (event: AuditEvent) => void; onCreate: () => Promise<void> } = {
    onDurable: () => {},
    onCreate: async () => {},
  };
  const recorder: Recorder = {
    record: (event) => void events.push(event),
    recordDurably: async (event) => {
      hooks.onDurable(event);
      events.push(event);
      durable.push(event);
    },
  };
  /** the real sessions; tests may let something happen just before one is made */
  const watched: PortalSessions = {
    create: async (subject, at) => {
      await hooks.onCreate();
      return sessions.create(subject, at);
    },
    revoke: (id, by, reason) => sessions.revoke(id, by, reason),
    elevate: sessions.elevate,
    listUser: sessions.listUser,
    revokeUser: sessions.revokeUser,
  };
  const factors = openFactors({ store, clock, random, alive: sessions.alive, drift: () => 1 }, [random.bytes(32)]);
  const blocks = openBlocks({ store, clock });
  const known = openKnownDevices({ store, clock });
  const devices = openDeviceCookies({ random, known }, [random.bytes(32)]);
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const options = {
    plainLoopback: false,
    maxTargetBytes: 8192,
    elevation: { none: 28_800_000, low: 28_800_000, medium: 3_600_000, high: 900_000 },
  };
  const deps: PortalDeps = {
    clock,
    random,
    recorder,
    sessions: watched,
    signIn: ({ username, password, facts }) =>
      signInLocally(
        { accounts: new Map([['staff', accounts]]), hasher: counting, clock, lockout },
        { username, password, address: facts.clientAddress, device: devices.idOf(facts) },
      ),
    hasPassword: (user) => hasLocalPassword(new Map([['staff', accounts]]), user),
    resume: (pending) => resumeSignIn(accounts, pending),
    blockOf: (user, device) =>
      blocks.blockOf({ kind: 'user', user }, ...(device === undefined ? [] : [{ kind: 'device', device } as const])),
    pending: openPendingSignIns({ store, clock }),
    factors,
    devices,
    csrfKeys: [random.bytes(32)],
    jwks: () => ({
      keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'k1', alg: 'EdDSA', use: 'sig' }],
    }),
    namesHost: (host) => host === 'shop.example.com',
    options: () => options,
  };
  const endpoints = portalEndpoints(deps);

  /** Does something in a session of somebody who just signed in with all that they have; it is over then. */
  async function asOwner<T>(name: string, work: (session: SessionId) => Promise<T>): Promise<T> {
    const account = await accounts.find(name);
    if (account === undefined) throw new Error(`no account ${name}`);
    const at = clock.now();
    const shown = (await factors.list(account.user)).map(
      ({ id, method }): Proof => ({ method, level: 'medium', at, factor: id }),
    );
    const { session } = await sessions.create(subjectOf(account), {
      host: 'wiki.example.com',
      proofs: [{ method: 'password', level: 'none', at }, ...shown],
      address: '192.0.2.1',
      userAgent: '',
    });
    const done = await work(session.id);
    await sessions.revoke(session.id, 'test', 'test');
    return done;
  }

  /** Adds an authenticator, and lets the step go by in which its first code was used up. */
  async function enrol(name: string): Promise<Uint8Array> {
    const user = userId('staff', name);
    const secret = await asOwner(name, async (session) => {
      const begun = await factors.beginTotp(user, session);
      if (!begun.ok) throw new Error(begun.reason);
      const code = generateSync({ secret: begun.secret, epoch: Math.floor(clock.now() / 1000) });
      const confirmed = await factors.confirmTotp(user, session, { ticket: begun.ticket, code }, unrecorded);
      if (!confirmed.ok) throw new Error(confirmed.reason);
      return begun.secret;
    });
    clock.advance(30_000);
    return secret;
  }

  const makeBackupCodes = (name: string): Promise<readonly string[]> =>
    asOwner(name, async (session) => {
      const made = await factors.makeBackupCodes(userId('staff', name), session, unrecorded);
      if (!made.ok) throw new Error(made.reason);
      return made.codes;
    });

  async function sessionOf(cookie: string): Promise<Session | undefined> {
    const found = await sessions.lookup(cookie, 'wiki.example.com', clock.now());
    return found.state === 'valid' ? found.session : undefined;
  }

  return {
    clock,
    store,
    accounts,
    factors,
    blocks,
    known,
    lockout,
    checked,
    sessions,
    events,
    durable,
    hooks,
    options,
    deps,
    publicKey,
    privateKey,
    sessionOf,
    enrol,
    makeBackupCodes,
    browser: (table = endpoints) => new Browser(table, sessionOf),
    endpoints,
    close: async () => {
      await sessions.close(1000);
      await store.close(1000);
      directory.remove();
    },
  };
}
export type World = Awaited<ReturnType<typeof openWorld>>;
