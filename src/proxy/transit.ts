import type { CredentialEntry, CredentialRefusal } from '../core/credential.ts';
import type { Decision, Elevation, Proof } from '../core/decision.ts';
import type { RequestFacts } from '../core/facts.ts';
import type { Endpoint } from '../core/handler.ts';
import type { Session } from '../core/session.ts';
import type { StoreUnavailable } from '../core/store.ts';
import type { Access, Subject } from '../core/subject.ts';
import { deriveRoles } from '../policy/roles.ts';
import type { RequestContext } from '../signals/context.ts';
import type { Exchange } from '../wire/exchange.ts';
import { type Memo, PlaneMemo } from './memo.ts';
import type { CompiledRoute, DataPlane } from './plane.ts';

const NO_PROOFS: readonly Proof[] = [];
const NO_PARAMS: ReadonlyMap<string, string> = new Map();

/**
 * One request on its way through the pipeline: what is known of it so far. The only object made per request besides its
 * facts; it is also the context that policies are judged on.
 */
export class Transit implements RequestContext {
  readonly exchange: Exchange;
  readonly plane: DataPlane;
  /** monotonic ms */
  readonly startedAt: number;
  /** request, correlation and decision id */
  id: string;
  /** set by canonicalise; nothing before it needs facts */
  facts: RequestFacts = undefined as never;
  route: CompiledRoute | undefined = undefined;
  /** of ours; a request has a route or an endpoint, or is refused */
  endpoint: Endpoint | undefined = undefined;
  params: ReadonlyMap<string, string> = NO_PARAMS;
  entry: CredentialEntry | undefined = undefined;
  subject: Subject | undefined = undefined;
  session: Session | undefined = undefined;
  proofs: readonly Proof[] = NO_PROOFS;
  lastActivityAt = 0;
  /** which credential counts; a request with a token and a cookie is the token's, unless an endpoint of ours has it otherwise */
  presented: 'cookie' | 'bearer' | undefined = undefined;
  /** why the presented credential was not valid: the person is nobody, and a browser's cookie is cleared */
  refusedCredential: CredentialRefusal['state'] | undefined = undefined;
  /** which check refused it, for the record */
  refusedDetail: string | undefined = undefined;
  /** id of the block that the client's address is under */
  addressBlock: string | undefined = undefined;
  /** why this process could not be brought in step with the store; nobody is believed then */
  outOfStep: StoreUnavailable | undefined = undefined;
  decision: Decision | undefined = undefined;
  /** reason of the gateway's own answer, for the record */
  reason: string | undefined = undefined;
  /** the rate limit that refused it, for the record */
  limited: string | undefined = undefined;
  /** status as sent */
  status = 0;

  constructor(exchange: Exchange, plane: DataPlane, id: string, startedAt: number) {
    this.exchange = exchange;
    this.plane = plane;
    this.id = id;
    this.startedAt = startedAt;
  }

  get elevation(): Elevation {
    return this.plane.elevation;
  }

  /** Derived once for each credential and plane, and only if a policy asks: a remembered decision never does. */
  get access(): Access | undefined {
    const { subject, plane, memo } = this;
    if (subject === undefined) return undefined;
    // the memo of nobody is shared by all: nothing of a person may stay in it
    if (!(memo instanceof PlaneMemo)) return deriveRoles(plane.roles, subject);
    memo.access ??= deriveRoles(plane.roles, subject);
    return memo.access;
  }

  /** Before a credential is looked up. @throws StoreUnavailable */
  mustBeInStep(): void {
    if (this.outOfStep !== undefined) throw this.outOfStep;
  }

  /** Takes on the identity of a valid credential. */
  identify(entry: CredentialEntry): void {
    this.entry = entry;
    this.session = entry.session;
    this.subject = entry.subject;
    this.proofs = entry.proofs;
    this.lastActivityAt = entry.lastActivityAt;
  }

  /** What is remembered for this request's credential under this request's configuration. */
  get memo(): Memo {
    const { entry, plane } = this;
    if (entry === undefined) return plane.nobody;
    const memo = entry.memo;
    if (memo instanceof PlaneMemo && memo.plane === plane) return memo;
    const fresh = new PlaneMemo(plane);
    entry.memo = fresh;
    return fresh;
  }
}
