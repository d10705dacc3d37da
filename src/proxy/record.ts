import type { Decision } from '../core/decision.ts';
import type { AuditEvent } from '../core/event.ts';
import { header } from '../core/facts.ts';
import type { Clock, Recorder } from '../core/ports.ts';
import type { RouteMetrics } from '../telemetry/metrics.ts';
import type { CompiledRoute } from './plane.ts';
import type { Transit } from './transit.ts';

/** The end of the pipeline: figures at once, the event into a bounded queue. Nothing here waits or throws. */
export interface RequestRecord {
  decided(route: CompiledRoute, decision: Decision, ms: number): void;
  /** the answer is out, or the client is gone */
  closed(transit: Transit, whole: boolean): void;
}

export interface RecordDeps {
  readonly clock: Clock;
  readonly recorder: Recorder;
  /** figures of requests that no route answers, and of the gateway's own endpoints */
  readonly unrouted: RouteMetrics;
  readonly own: RouteMetrics;
  readonly countLane: () => void;
}

export function openRecord(deps: RecordDeps): RequestRecord {
  return {
    decided(route, decision, ms) {
      route.metrics.decision(decision.effect, decision.effect === 'allow' ? undefined : decision.reason, ms);
    },
    closed(transit, whole) {
      const durationMs = deps.clock.monotonic() - transit.startedAt;
      const { route, facts, exchange } = transit;
      const method = exchange.head.method;
      const metrics = route?.metrics ?? (facts === undefined || isUnrouted(transit) ? deps.unrouted : deps.own);
      // 499 is nginx's word for a client that left; it never went out
      const status = transit.status === 0 || (!whole && !exchange.started) ? 499 : transit.status;
      metrics.request(method, status, durationMs);
      if (transit.reason === 'blocked' && transit.decision === undefined) metrics.refused('blocked');
      deps.countLane();
      if (route !== undefined || transit.reason !== undefined)
        deps.recorder.record(eventOf(transit, status, durationMs));
    },
  };
}

/** Judged before anybody looked for a route or an endpoint, or after neither was found. */
const isUnrouted = ({ reason, addressBlock }: Transit): boolean => reason === 'no_route' || addressBlock !== undefined;

function eventOf(transit: Transit, status: number, durationMs: number): AuditEvent {
  const { facts, decision, exchange, subject, session, reason, route, limited } = transit;
  const rule = decision === undefined || decision.effect === 'login' ? undefined : decision.rule;
  return {
    time: facts?.at ?? 0,
    type: 'decision',
    action: 'request',
    // a policy may have let in what a limit then refused
    result: limited === undefined ? (decision?.effect ?? 'refused') : 'refused',
    id: transit.id,
    method: exchange.head.method,
    address: facts?.clientAddress ?? exchange.head.peerAddress,
    status,
    durationMs,
    ...(facts && { host: facts.host, path: facts.path, userAgent: header(facts, 'user-agent') ?? '' }),
    ...(reason !== undefined && { reason }),
    ...(subject && { user: subject.user }),
    ...(session && { session: session.id }),
    ...(route && { route: route.name }),
    ...(rule && { rule: `${rule.policy}/${rule.rule}` }),
    ...(transit.refusedCredential && { detail: refusalOf(transit) }),
    ...(transit.addressBlock !== undefined && { detail: transit.addressBlock }),
    ...(limited !== undefined && { detail: limited }),
  };
}

/** Which credential was refused and why, in our own words; never what was presented. */
const refusalOf = ({ presented, refusedCredential, refusedDetail }: Transit): string =>
  `${presented === 'bearer' ? 'token' : 'credential'} ${refusedCredential}${refusedDetail === undefined ? '' : `: ${refusedDetail}`}`;
