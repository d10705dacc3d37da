import type { Configuration, Route } from '../config/schema.ts';
import { cidrSet, isLoopback } from '../core/address.ts';
import type { Elevation } from '../core/decision.ts';
import { ODD_DOUBLE_SLASH, ODD_ENCODED_SLASH, ODD_SEMICOLON } from '../core/facts.ts';
import type { Finding } from '../core/finding.ts';
import { headerTable } from '../core/header-names.ts';
import type { RateLimits } from '../limits/rate-limits.ts';
import { compileProgram, type Program, type ProgramOptions } from '../policy/program.ts';
import type { PolicySet } from '../policy/syntax.ts';
import { type CompiledRoute, type DataPlane, dataPlane } from '../proxy/plane.ts';
import { routeTable } from '../proxy/route-table.ts';
import type { Upstreams } from '../proxy/upstreams.ts';
import type { RequestContext } from '../signals/context.ts';
import { catalogue } from '../signals/index.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { planeRates, routeRates } from './rates.ts';

const ODDITY_BITS = {
  encoded_slash: ODD_ENCODED_SLASH,
  semicolon: ODD_SEMICOLON,
  double_slash: ODD_DOUBLE_SLASH,
} as const;

/** The programs of all routes, in the order of the configuration. */
export interface CompiledPrograms {
  readonly elevation: Elevation;
  readonly programs: readonly Program<RequestContext>[];
  /** those without a file are about a route as a whole and say which */
  readonly findings: readonly Finding[];
}

/** What outlives a configuration, and what planes hold parts of. */
export interface PlaneDeps {
  readonly upstreams: Upstreams;
  readonly rates: RateLimits;
  readonly metrics: Metrics;
}

/** Builds what requests run from a configuration, its policies and the programs that they became. */
export function buildPlane(
  loaded: { readonly config: Configuration; readonly set: PolicySet; readonly compiled: CompiledPrograms },
  deps: PlaneDeps,
): { readonly plane: DataPlane; readonly routes: readonly CompiledRoute[] } {
  const { config, set, compiled } = loaded;
  const { elevation, programs } = compiled;
  const providers = new Set(config.identity.providers.map((provider) => provider.id));
  const routes = config.routes.map((route, i) => {
    const { timeouts } = route;
    return {
      name: route.route,
      host: route.match.host,
      path: route.match.path,
      exact: route.match.exact,
      caseSensitive: route.case_sensitive,
      public: route.public,
      allowedOddities: route.allow.reduce((bits, word) => bits | ODDITY_BITS[word], 0),
      explain: route.explain,
      program: programs[i] as Program<RequestContext>,
      upstream: deps.upstreams.get({
        origin: route.upstream,
        connectTimeoutMs: timeouts.connect,
        headersTimeoutMs: timeouts.headers,
        bodyTimeoutMs: timeouts.body_idle,
        reuse: route.reuse,
      }),
      maxBodyBytes: route.limits.body ?? config.limits.body,
      rates: routeRates(deps.rates, route),
      identityNames: identityNames(route),
      // nobody has to sign in on a public route, so it is not refused for this; its people must be told apart all the same
      userPrefix: route.user_prefix || (route.public && providers.size > 1),
      metrics: deps.metrics.route(route.route),
    } satisfies CompiledRoute;
  });
  const ownNames = routes.flatMap((route) => [...route.identityNames.values()].filter((name) => name !== false));
  const plane = dataPlane({
    canonical: {
      maxHeadBytes: config.limits.head,
      maxHeaders: config.limits.headers,
      maxTargetBytes: config.limits.target,
      headerTable: headerTable(ownNames),
      isTrustedProxy: cidrSet(config.trusted_proxies),
      plainCookies: isLoopback(config.listen.http.host),
      bearerTokens: takesBearerTokens(config),
    },
    routes: routeTable(routes),
    elevation,
    issuer: config.issuer,
    maxBodyBytes: config.limits.body,
    rates: planeRates(deps.rates, config),
    providers,
    roles: set.roles,
  });
  return { plane, routes };
}

/** Without such a provider Authorization is the application's own business. */
export const takesBearerTokens = ({ identity }: Pick<Configuration, 'identity'>): boolean =>
  identity.providers.some(({ type }) => type === 'jwt');

/** Compiles each route's policies. A program with an error denies everything. */
export function compilePrograms(config: Configuration, set: PolicySet): CompiledPrograms {
  const elevation = elevationOf(config);
  const findings: Finding[] = [];
  const programs = config.routes.map((route) => {
    const compiled = compileProgram(set, catalogue, programOptions(route, elevation));
    findings.push(...compiled.findings.map((finding) => ofRoute(finding, route)));
    return compiled.program;
  });
  return { elevation, programs, findings };
}

/** How long proofs count; the first factor alone as long as the session. */
export function elevationOf({ session }: Pick<Configuration, 'session'>): Elevation {
  const { low, medium, high } = session.elevation;
  return { none: Number.POSITIVE_INFINITY, low, medium, high };
}

/** What a route's policies are compiled with; the command line judges with the same. */
export function programOptions(route: Route, elevation: Elevation): ProgramOptions {
  return { layers: route.policy ?? [], public: route.public, caseSensitive: route.case_sensitive, elevation };
}

const identityNames = (route: Route): ReadonlyMap<string, string | false> =>
  new Map(
    Object.entries(route.identity_headers).filter((entry): entry is [string, string | false] => entry[1] !== undefined),
  );

/** The engine knows policies, not routes: say which route it was. */
const ofRoute = (finding: Finding, route: Route): Finding =>
  finding.file === '' ? { ...finding, message: `Route "${route.route}": ${finding.message}` } : finding;
