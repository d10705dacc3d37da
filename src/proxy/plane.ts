import type { CanonicalOptions } from '../core/canonical.ts';
import type { Elevation } from '../core/decision.ts';
import type { Program } from '../policy/program.ts';
import type { RoleSet } from '../policy/roles.ts';
import type { RequestContext } from '../signals/context.ts';
import type { RouteMetrics } from '../telemetry/metrics.ts';
import { Memo } from './memo.ts';
import type { PlaneRates, RouteRates } from './rates.ts';
import type { RoutePattern, RouteTable } from './route-table.ts';
import type { Upstream } from './upstreams.ts';

/** A route, compiled: everything a request on it will need was computed when the configuration was loaded. */
export interface CompiledRoute extends RoutePattern {
  readonly name: string;
  readonly public: boolean;
  /** bits of ODD_* that the route lets through */
  readonly allowedOddities: number;
  /** refusals name the rule that made them */
  readonly explain: boolean;
  readonly program: Program<RequestContext>;
  readonly upstream: Upstream;
  /** largest request body */
  readonly maxBodyBytes: number;
  readonly rates: RouteRates;
  /** our header name → the route's own name for it, or false to leave it out; names not in the map keep theirs */
  readonly identityNames: ReadonlyMap<string, string | false>;
  /** X-Forwarded-User is `provider:sub` */
  readonly userPrefix: boolean;
  readonly metrics: RouteMetrics;
}

/**
 * Everything about a configuration that requests need: built whole, frozen, then swapped by one reference. A request keeps
 * the plane it started with.
 */
export interface DataPlane {
  readonly canonical: CanonicalOptions;
  readonly routes: RouteTable<CompiledRoute>;
  readonly elevation: Elevation;
  /** `iss` of assertions; undefined: the request's own origin */
  readonly issuer: string | undefined;
  /** largest request body where no route says its own, and on our own endpoints */
  readonly maxBodyBytes: number;
  readonly rates: PlaneRates;
  /** ids of the providers in force: sessions of any other count no more */
  readonly providers: ReadonlySet<string>;
  /** what roles.yaml says */
  readonly roles: RoleSet;
  /** what is remembered for requests of nobody, under this configuration */
  readonly nobody: Memo;
}

/** Freezes the parts into a plane. */
export const dataPlane = (parts: Omit<DataPlane, 'nobody'>): DataPlane =>
  Object.freeze({ ...parts, nobody: new Memo() });
