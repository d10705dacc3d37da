import type { Elevation } from '../core/decision.ts';
import type { RequestFacts } from '../core/facts.ts';
import type { Session } from '../core/session.ts';
import type { Access, Subject } from '../core/subject.ts';

/**
 * All that an attribute may be computed from, gathered before a decision. The data plane's own per-request object has this
 * shape. The instant of the request is `facts.at`; nothing here asks a clock.
 */
export interface RequestContext {
  readonly facts: RequestFacts;
  /** what `:name` segments of the route's path bound, decoded */
  readonly params: ReadonlyMap<string, string>;
  /** undefined: nobody is authenticated */
  readonly subject: Subject | undefined;
  /** what roles.yaml makes of the subject; undefined: nobody, or it could not be determined */
  readonly access: Access | undefined;
  /** undefined: nobody, or somebody without a session (a token per request) */
  readonly session: Session | undefined;
  /** newest activity of the session before this request, wall-clock ms; meaningless without a session */
  readonly lastActivityAt: number;
  /** how long a proof of each level counts, ms */
  readonly elevation: Elevation;
}
