import { AuditUnavailable } from '../audit/audit.ts';
import type { MaybePromise } from '../core/assert-never.ts';
import { canonicalise } from '../core/canonical.ts';
import { secretHost } from '../core/cookies.ts';
import type { CredentialLookup } from '../core/credential.ts';
import type { Endpoint } from '../core/handler.ts';
import type { Clock, Log, Random } from '../core/ports.ts';
import { StoreUnavailable } from '../core/store.ts';
import { isNavigation } from '../pages/negotiate.ts';
import type { Exchange } from '../wire/exchange.ts';
import { isFinal, refusalReason, refuse } from './answers.ts';
import { type OwnEndpoints, ownPath } from './endpoints.ts';
import { enforce } from './enforce.ts';
import { forward } from './forward.ts';
import type { Gate } from './gate.ts';
import { type IdentityHeaderDeps, routeIdentity } from './identity-headers.ts';
import { limitCaller, limitClient } from './limit.ts';
import type { CompiledRoute, DataPlane } from './plane.ts';
import type { RequestRecord } from './record.ts';
import { Transit } from './transit.ts';

export interface PipelineDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** the plane in force; read once per request */
  readonly current: () => DataPlane;
  readonly gate: Gate;
  /** after the gate, which has seen to it that what is in memory holds; synchronous when it is there, rejects with StoreUnavailable */
  readonly lookUp: (cookie: string, host: string, now: number) => MaybePromise<CredentialLookup>;
  /** who a bearer token is; synchronous when it is known, rejects with StoreUnavailable */
  readonly lookUpToken: (token: string, now: number) => MaybePromise<CredentialLookup>;
  readonly touch: (entry: Transit['entry'] & object, now: number) => void;
  readonly identity: IdentityHeaderDeps;
  readonly endpoints: OwnEndpoints;
  readonly record: RequestRecord;
}

/**
 * The life of a request on one screen: canonicalise → gate → route → limit → identify → evaluate → enforce → forward → record.
 * Everything up to forward is synchronous when the credential is in memory. Whatever throws on the way denies.
 */
export function openPipeline(deps: PipelineDeps): (exchange: Exchange) => void {
  return (exchange) => {
    const transit = new Transit(exchange, deps.current(), deps.random.id(), deps.clock.monotonic());
    exchange.onClose((whole) => deps.record.closed(transit, whole));
    try {
      const pending = run(transit);
      if (pending instanceof Promise) pending.catch((error: unknown) => fail(transit, error));
    } catch (error) {
      fail(transit, error);
    }
  };

  function run(transit: Transit): MaybePromise<void> {
    const { exchange, plane } = transit;
    const facts = canonicalise(exchange.head, transit.id, deps.clock.now(), plane.canonical);
    if (facts.kind === 'refusal') return refuse(transit, facts.reason, { detail: facts.detail }, facts.shown);
    transit.facts = facts;
    transit.id = facts.id;
    const open = deps.gate(transit);
    if (open instanceof Promise) return open.then((is) => (is ? route(transit) : undefined));
    return open ? route(transit) : undefined;
  }

  function route(transit: Transit): MaybePromise<void> {
    const { facts, plane } = transit;
    const own = ownPath(facts.decodedPath, facts.oddities);
    if (own === 'ambiguous')
      return refuse(transit, 'ambiguous_request', { detail: 'an odd spelling of a path of ours' });
    if (own === 'ours') {
      transit.endpoint = deps.endpoints.find(facts, plane);
      if (transit.endpoint === undefined) return nowhere(transit);
    } else {
      const found = plane.routes.match(facts.host, facts.decodedPath, facts.oddities);
      if (found.kind === 'ambiguous') return refuse(transit, 'ambiguous_request', { detail: found.detail });
      if (found.kind === 'none') return nowhere(transit);
      if ((facts.oddities & ~found.route.allowedOddities) !== 0) {
        return refuse(transit, 'ambiguous_request', {
          detail: 'the path has a slash or parameter that the route does not allow',
        });
      }
      transit.route = found.route;
      transit.params = found.params;
    }
    if (!limitClient(transit)) return;
    if (facts.contentLength !== undefined && facts.contentLength > (transit.route ?? plane).maxBodyBytes)
      return refuse(transit, 'payload_too_large');
    const lookup = identify(transit);
    if (lookup instanceof Promise) return lookup.then((found) => proceed(transit, found));
    return proceed(transit, lookup);
  }

  /** Nothing is there. Whoever looks around on a host of ours is charged for it. */
  function nowhere(transit: Transit): void {
    if (!transit.plane.routes.knowsHost(transit.facts.host) || limitClient(transit)) refuse(transit, 'no_route');
  }

  /** Who it is; undefined: no credential. Public routes go on without the store: whoever it is stays nobody. */
  function identify(transit: Transit): MaybePromise<CredentialLookup | undefined> {
    if (transit.route?.public !== true) return lookUp(transit);
    try {
      const found = lookUp(transit);
      return found instanceof Promise ? found.catch(unverified) : found;
    } catch (error) {
      return unverified(error);
    }
  }

  /** Looks up the credential that counts: a bearer token before a cookie. Two session cookies are none (security rule 17). */
  function lookUp(transit: Transit): MaybePromise<CredentialLookup | undefined> {
    const { facts, endpoint } = transit;
    const { bearerToken, sessionCookie } = facts;
    if (bearerToken !== undefined && goesBy(endpoint, 'bearer')) {
      transit.presented = 'bearer';
      transit.mustBeInStep();
      return deps.lookUpToken(bearerToken, facts.at);
    }
    if (typeof sessionCookie !== 'string' || !goesBy(endpoint, 'cookie')) return undefined;
    transit.presented = 'cookie';
    transit.mustBeInStep();
    return deps.lookUp(sessionCookie, secretHost(facts), facts.at);
  }

  function proceed(transit: Transit, lookup: CredentialLookup | undefined): MaybePromise<void> {
    if (lookup?.state !== 'valid') {
      transit.refusedCredential = lookup?.state;
      transit.refusedDetail = lookup?.detail;
    } else if (transit.plane.providers.has(lookup.subject.provider)) transit.identify(lookup);
    // whoever vouched for this person is no longer asked
    else transit.refusedCredential = 'ended';
    const { route, endpoint } = transit;
    if (endpoint !== undefined) return deps.endpoints.serve(transit, endpoint);
    if (route === undefined) return refuse(transit, 'no_route');
    // an invalid credential is never a silent nobody, except for a browser, which is sent to sign in, and where all may enter
    const { refusedCredential: refused, presented } = transit;
    if (refused !== undefined && !route.public && (isFinal(transit) || !isNavigation(transit.facts))) {
      return refuse(transit, refusalReason(refused, presented));
    }
    decide(transit, route);
  }

  function decide(transit: Transit, route: CompiledRoute): void {
    const startedAt = deps.clock.monotonic();
    const remembered = transit.memo.decision(route, transit);
    const decision = remembered ?? route.program.evaluate(transit);
    if (remembered === undefined) transit.memo.remember(route, transit, decision, transit.entry?.expiresAt);
    transit.decision = decision;
    deps.record.decided(route, decision, deps.clock.monotonic() - startedAt);
    if (transit.entry !== undefined) deps.touch(transit.entry, transit.facts.at);
    if (!enforce(transit, route, decision) || !limitCaller(transit, route)) return;
    forward(transit, route, routeIdentity(transit, route, deps.identity), deps.clock.monotonic, {
      onHead: route.metrics.upstream,
      onFailure: (reason) => refuse(transit, reason),
    });
  }

  function fail(transit: Transit, error: unknown): void {
    const lost = error instanceof StoreUnavailable || error instanceof AuditUnavailable;
    deps.log.error(lost ? 'the store or the audit file did not answer' : 'a request failed inside the gateway', {
      id: transit.id,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
    if (transit.exchange.started) transit.exchange.abort();
    else refuse(transit, lost ? 'store_unavailable' : 'internal_error');
  }
}

/** Applications have either; an endpoint of ours has what its row says. */
const goesBy = (endpoint: Endpoint | undefined, credential: 'cookie' | 'bearer'): boolean =>
  endpoint === undefined || endpoint.credentials.includes(credential);

function unverified(error: unknown): undefined {
  if (!(error instanceof StoreUnavailable)) throw error;
}
