import { elevationOf, programOptions } from '../app/plane.ts';
import type { Loaded } from '../app/snapshot.ts';
import type { Route } from '../config/schema.ts';
import type { Elevation } from '../core/decision.ts';
import { ODD_DOUBLE_SLASH, ODD_ENCODED_SLASH, ODD_SEMICOLON, type RequestFacts } from '../core/facts.ts';
import { hasErrors, InvalidConfiguration } from '../core/finding.ts';
import { loadPolicies } from '../policy/load.ts';
import type { ProgramOptions } from '../policy/program.ts';
import type { PolicySet } from '../policy/syntax.ts';
import { OWN_PREFIX, OWN_ROOT } from '../proxy/endpoints.ts';
import { routeTable } from '../proxy/route-table.ts';
import { suggest } from '../schema/suggest.ts';
import { catalogue } from '../signals/index.ts';
import type { Refused } from './explain-request.ts';
import { CommandFailure, EXIT } from './output.ts';
import { placed, readPolicyDirectory } from './policy-files.ts';

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
export function judgeOfRoute({ config, set }: Loaded, facts: RequestFacts): Judge | OwnEndpoint | Refused {
  if (facts.decodedPath === OWN_ROOT || facts.decodedPath.startsWith(OWN_PREFIX)) return { kind: 'own' };
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
  return { kind: 'judge', route: route.route, set, options, params: match.params };
}

/** Some or all policies of a directory. @throws InvalidConfiguration, CommandFailure 2 for a name that no policy has */
export function judgeOfDirectory(directory: string, names: string | undefined): Judge {
  const read = readPolicyDirectory(directory);
  if (hasErrors(read.findings)) throw new InvalidConfiguration(read.findings);
  const { set, findings } = loadPolicies(read.files, catalogue);
  if (hasErrors(findings)) throw new InvalidConfiguration(placed(findings, directory));
  const known = [...set.layers.keys()];
  const layers = names === undefined ? known : [...new Set(names.split(',').map((name) => name.trim()))];
  const unknown = layers.find((name) => !set.layers.has(name));
  if (unknown !== undefined) {
    const near = suggest(unknown, known);
    const hint = near === undefined ? `it has ${known.join(', ')}` : `did you mean ${near}?`;
    throw new CommandFailure(`${directory} has no policy ${JSON.stringify(unknown)}; ${hint}`, EXIT.usage);
  }
  const options = { layers, public: false, caseSensitive: false, elevation: DEFAULT_ELEVATION };
  return { kind: 'judge', route: undefined, set, options, params: new Map() };
}

// without a configuration there is no `session.elevation`; the person has just signed in, so no proof is old
const DEFAULT_ELEVATION: Elevation = {
  none: Number.POSITIVE_INFINITY,
  low: Number.POSITIVE_INFINITY,
  medium: Number.POSITIVE_INFINITY,
  high: Number.POSITIVE_INFINITY,
};
