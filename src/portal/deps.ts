import type { JsonWebKey } from 'node:crypto';
import type { Elevation, Proof } from '../core/decision.ts';
import type { DeviceId } from '../core/device.ts';
import type { RequestFacts } from '../core/facts.ts';
import type { Clock, MaybePromise, Random, Recorder } from '../core/ports.ts';
import type { Session, SessionId } from '../core/session.ts';
import type { Subject, UserId } from '../core/subject.ts';
import type { PendingSignIn, PendingSignIns } from '../identity/factors/pending.ts';
import type { Factors } from '../identity/factors/store.ts';
import type { SignInOutcome } from '../identity/sign-in.ts';
import type { DeviceCookies } from './device-cookie.ts';

/** What the portal uses of sessions. */
export interface PortalSessions {
  create(
    subject: Subject,
    at: {
      readonly host: string;
      readonly proofs: readonly Proof[];
      readonly address: string;
      readonly userAgent: string;
      readonly device?: DeviceId;
      /** ms; refused when all sessions of the user were ended since */
      readonly checkedAt?: number;
    },
  ): Promise<{ readonly session: Session; readonly cookie: string }>;
  /** false: unknown, or over already */
  revoke(id: SessionId, by: string, reason: string): Promise<boolean>;
  /** undefined: the session is over */
  elevate(
    id: SessionId,
    proofs: readonly Proof[],
    at: { readonly host: string },
  ): Promise<{ readonly session: Session; readonly cookie: string } | undefined>;
  /** live ones, oldest first */
  listUser(user: UserId): Promise<readonly Session[]>;
  /** how many were live */
  revokeUser(user: UserId, by: string, reason: string, options?: { readonly except?: SessionId }): Promise<number>;
}

/** What can change with the configuration; asked for on every request. */
export interface PortalOptions {
  /** the listener is bound to a loopback address and has no TLS (the binding decides, not Host) */
  readonly plainLoopback: boolean;
  /** how long a proof of each level counts, ms */
  readonly elevation: Elevation;
  /** longest target of a request, bytes */
  readonly maxTargetBytes: number;
}

export interface PortalDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** authentications are on disk before the answer */
  readonly recorder: Recorder;
  readonly sessions: PortalSessions;
  /** identity/sign-in.ts, bound to the providers; a user's id is a name too */
  readonly signIn: (given: {
    readonly username: string;
    readonly password: string;
    readonly facts: RequestFacts;
  }) => Promise<SignInOutcome>;
  /** whether this user signs in with a password that `signIn` checks */
  readonly hasPassword: (user: UserId) => Promise<boolean>;
  /** identity/sign-in.ts, after the second step; undefined: the account is not what it was */
  readonly resume: (pending: PendingSignIn) => Promise<Extract<SignInOutcome, { ok: true }> | undefined>;
  /** the id of what keeps somebody from signing in: a block of the user, or of the browser, if it has a name; undefined: nothing */
  readonly blockOf: (user: UserId, device: DeviceId | undefined) => MaybePromise<string | undefined>;
  readonly pending: PendingSignIns;
  readonly factors: Factors;
  readonly devices: DeviceCookies;
  /** derived from the root secrets, for form tokens alone: the first signs, all verify; never empty */
  readonly csrfKeys: readonly Uint8Array[];
  /** public signing keys, current and neighbours */
  readonly jwks: () => MaybePromise<{ readonly keys: readonly JsonWebKey[] }>;
  /**
   * Whether a route names this host, exactly or by wildcard. A route *without* a host does not count here: it names every
   * host, and a `return_to` that any host passes would be an open redirect. The request's own host is always allowed.
   */
  readonly namesHost: (host: string) => boolean;
  readonly options: () => PortalOptions;
}
