import { foldHeaderName, isReservedHeaderName } from '../core/header-names.ts';
import { IDENTITY_HEADERS } from '../proxy/options.ts';
import type { Path, SourceDocument } from '../schema/document.ts';
import { suggest } from '../schema/suggest.ts';
import type { Route, Settings } from './schema.ts';

/** Takes a problem with the value, or the key, at a path. */
export type Report = (path: Path, which: 'key' | 'value', code: string, message: string, suggestion?: string) => void;
export interface Reports {
  readonly error: Report;
  readonly warning: Report;
  /** all of these are what the file says, and not what stands in for a value that was refused */
  known(...paths: readonly Path[]): boolean;
}

/** What one route says against itself, or against the rest of the configuration. */
export function checkRoute(
  route: Route,
  index: number,
  settings: Settings,
  policyNames: ReadonlySet<string> | undefined,
  { error, known }: Reports,
): void {
  const path = ['routes', index] as const;
  const layers = route.policy ?? [];
  const routeName = known([...path, 'route']) ? `The route "${route.route}"` : 'This route';
  if (layers.length === 0 && !route.public && known([...path, 'policy'], [...path, 'public'])) {
    const message = `${routeName} has neither a policy nor public: true, so nobody could ever get in.`;
    error([...path, 'route'], 'value', 'route-without-policy', message, 'Name its policies, or say public: true.');
  }
  if (layers.length > 0 && settings.policies === undefined && known(['policies'])) {
    const message = 'The route names a policy, but the configuration names no directory of policies.';
    error([...path, 'policy'], 'value', 'policies-missing', message, 'Add policies: ../policies.');
  }
  layers.forEach((name, i) => {
    if (policyNames === undefined || policyNames.has(name)) return;
    const near = suggest(name, policyNames);
    const message = `There is no policy named "${name}".`;
    error([...path, 'policy', i], 'value', 'unknown-policy', message, near && `Did you mean ${near}?`);
  });
  checkUserNames(route, path, routeName, settings, error);
  if (/^\/\.sallyport(\/|$)/i.test(route.match.path)) {
    const message = "Paths below /.sallyport are the gateway's own; a route cannot have them.";
    error([...path, 'match', 'path'], 'value', 'reserved-path', message);
  }
  const params = route.match.path.split('/').filter((part) => part.startsWith(':'));
  if (new Set(params).size < params.length) {
    error([...path, 'match', 'path'], 'value', 'duplicate-parameter', 'The path has two parameters of one name.');
  }
  checkIdentityHeaders(route, path, error);
}

/** Two people of one name at two providers must not be one person to the application (interfaces, "To the upstream"). */
function checkUserNames(route: Route, path: Path, routeName: string, settings: Settings, error: Report): void {
  const providers = new Set(settings.identity.providers.map(({ id }) => id));
  if (route.public || route.user_prefix || providers.size < 2) return;
  const message = `${routeName} takes people of ${providers.size} providers, and two of one name would be the same X-Forwarded-User.`;
  const suggestion = 'Add user_prefix: true to the route, and the header is provider:name.';
  error([...path, 'route'], 'value', 'ambiguous-user', message, suggestion);
}

function checkIdentityHeaders(route: Route, path: Path, error: Report): void {
  const taken = new Map<string, string>();
  for (const name of IDENTITY_HEADERS) {
    const renamed = route.identity_headers[name] ?? name;
    if (renamed === false) continue;
    const at = [...path, 'identity_headers', name] as const;
    if (renamed !== name && isReservedHeaderName(renamed)) {
      const message = `${renamed} means something else to every server; an identity header cannot have that name.`;
      error(at, 'value', 'reserved-header', message);
    }
    const other = taken.get(foldHeaderName(renamed));
    if (other !== undefined) {
      const here = route.identity_headers[name] === undefined ? [...path, 'identity_headers', other] : at;
      error(here, 'value', 'duplicate-header', `${other} and ${name} would both be called ${renamed}.`);
    }
    taken.set(foldHeaderName(renamed), name);
  }
}

/** Two routes that the same request could mean equally well: which one is best would be an accident of order. */
export function checkTies(routes: readonly Route[], document: SourceDocument, { error, known }: Reports): void {
  const first = new Map<string, { readonly index: number; readonly route: Route }>();
  routes.forEach((route, index) => {
    if (!known(['routes', index, 'match'], ['routes', index, 'case_sensitive'])) return;
    const shape = route.match.path.replaceAll(/:[a-z][a-z0-9_]*/g, ':');
    const key = JSON.stringify([route.match.host ?? '', shape.toLowerCase(), route.match.exact]);
    const before = first.get(key);
    if (before === undefined) {
      first.set(key, { index, route });
      return;
    }
    const sameSpelling = before.route.match.path.replaceAll(/:[a-z][a-z0-9_]*/g, ':') === shape;
    if (!sameSpelling && before.route.case_sensitive && route.case_sensitive) return;
    const { line } = document.locate(['routes', before.index, 'route'], 'key');
    const here = document.locate(['routes', index, 'route'], 'key').line;
    const difference = sameSpelling ? '' : ', apart from case,';
    const message = `Route "${route.route}" (line ${here}) matches exactly${difference} what route "${before.route.route}" (line ${line}) does.`;
    const suggestion = sameSpelling
      ? 'Give one of them another host or path.'
      : 'Give one of them another path, or say case_sensitive: true for both.';
    error(['routes', index, 'match'], 'key', 'route-tie', message, suggestion);
  });
}
