import type { AuditEvent } from '../core/event.ts';
import type { Clock, Random, Recorder } from '../core/ports.ts';
import type { UserId } from '../core/subject.ts';
import type { Account, Accounts } from '../identity/accounts.ts';
import type { IssuerOptions } from '../identity/authenticators/issuer.ts';
import type { Blocks } from '../limits/blocks.ts';
import type { Decoded } from '../schema/decode.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { Health } from '../telemetry/health.ts';
import type { Input, OperationId } from './operations.ts';
import type { ProblemExtra, ProblemReason } from './problem.ts';
import type { checkBody, explainBody } from './schemas.ts';

/** What the API works with. Functions that read a configuration read the one in force when they are called. */
export interface ApiDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly recorder: Recorder;
  readonly health: Health;
  readonly version: string;
  readonly sessions: Pick<Sessions, 'get' | 'listUser' | 'walkUser' | 'listAll' | 'revoke' | 'revokeUser'>;
  /** ids of all providers */
  readonly providers: () => readonly string[];
  readonly accounts: () => readonly Accounts[];
  readonly blocks: Blocks;
  /** whose tokens can be blocked */
  readonly issuers: () => readonly IssuerOptions[];
  /** all accounts of `accounts`, in an order that none ever leaves, from the one after `after` on */
  readonly walkAccounts: (after?: UserId) => AsyncIterable<Account>;
  /** takes away what was counted against a user who signs in; answers how many counters there were */
  readonly unlock: (user: UserId) => Promise<number>;
  readonly check: (files: Decoded<typeof checkBody>['files']) => Promise<Outcome>;
  readonly explain: (request: Decoded<typeof explainBody>) => Promise<Outcome>;
}

/** One request of the API that passed the door. */
export interface Call {
  /** of the other end of the connection; undefined: it is gone */
  readonly address: string | undefined;
  /** Records a change; it is on disk when this resolves. Rejects with `AuditUnavailable`. */
  administered(event: Pick<AuditEvent, 'action' | 'result' | 'reason' | 'user' | 'session' | 'detail'>): Promise<void>;
}

/** Who did it, in the audit log and as whoever ended a session. */
export const BY = 'admin:token';

/** What an operation came to. Without `body`: 204. A body that is text already is JSON. */
export type Outcome =
  | { readonly ok: true; readonly body?: object | string }
  | { readonly ok: false; readonly reason: ProblemReason; readonly extra?: ProblemExtra };

/** One function for each operation of a group. They throw `StoreUnavailable` and `AuditUnavailable`. */
export type Handlers<Ids extends OperationId> = {
  readonly [Id in Ids]: (input: Input<Id>, call: Call) => Promise<Outcome>;
};
