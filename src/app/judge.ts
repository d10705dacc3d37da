import type { Configuration, Route } from '../config/schema.ts';
import { ODD_DOUBLE_SLASH, ODD_ENCODED_SLASH, ODD_SEMICOLON, type RequestFacts } from '../core/facts.ts';
import type { ProgramOptions } from '../policy/program.ts';
import type { PolicySet } from '../policy/syntax.ts';
import { OWN_PREFIX, OWN_ROOT } from '../proxy/endpoints.ts';
import { routeTable } from '../proxy/route-table.ts';
import type { Refused } from './described-request.ts';
import { elevationOf, programOptions } from './plane.ts';

/** Whose rules judge the described request, and under which route. */
export interface Judge {
  readonly kind: 'judge';
  /** undefined without a configuration */
  readonly route: string | undefined;
  readonly set: PolicySet;
  readonly options: ProgramOptions;
  readonly params: ReadonlyMap<string, string>;
}

/** An endpoint of the gateway itself: no policy is asked. */
export interface OwnEndpoint {
  readonly kind: 'own';
}

const ODDITIES: Readonly<Record<Route['allow'][number], number>> = {
  encoded_slash: ODD_ENCODED_SLASH,
  semicolon: ODD_SEMICOLON,
  double_slash: ODD_DOUBLE_SLASH,
};

/** The route that the gateway would take, in the order in which its pipeline asks. */
export function judgeOfRoute(
  { config, set }: { readonly config: Pick<Configuration, 'routes' | 'session' | 'limits'>; readonly set: PolicySet },
  facts: RequestFacts,
): Judge | OwnEndpoint | Refused {
  if (facts.decodedPath === OWN_ROOT || facts.decodedPath.startsWith(OWN_PREFIX))
    return tooLarge(facts, config.limits.body) ?? { kind: 'own' };
  const patterns = config.routes.map((route) => ({
    route,
    host: route.match.host,
    path: route.match.path,
    exact: route.match.exact,
    caseSensitive: route.case_sensitive,
  }));
  const match = routeTable(patterns).match(facts.host, facts.decodedPath, facts.oddities);
  if (match.kind === 'none')
    return { kind: 'refusal', reason: 'no_route', detail: `no route for ${facts.host}${facts.path}` };
  if (match.kind === 'ambiguous') return { kind: 'refusal', reason: 'ambiguous_request', detail: match.detail };
  const { route } = match.route;
  const refused = (Object.keys(ODDITIES) as Route['allow'][number][]).filter(
    (word) => (facts.oddities & ODDITIES[word]) !== 0 && !route.allow.includes(word),
  );
  if (refused.length > 0) {
    const detail = `the path needs \`allow: [${refused.join(', ')}]\` on the route ${route.route}`;
    return { kind: 'refusal', reason: 'ambiguous_request', detail };
  }
  const options = programOptions(route, elevationOf(config));
  return (
    tooLarge(facts, route.limits.body ?? config.limits.body) ?? {
      kind: 'judge',
      route: route.route,
      set,
      options,
      params: match.params,
    }
  );
}

const tooLarge = ({ contentLength }: RequestFacts, maxBytes: number): Refused | undefined =>
  contentLength !== undefined && contentLength > maxBytes
    ? { kind: 'refusal', reason: 'payload_too_large', detail: `the body is larger than ${maxBytes} bytes` }
    : undefined;
