import { isIP } from 'node:net';
import { parseAddress } from '../core/address.ts';
import type { Finding } from '../core/finding.ts';
import { foldHeaderName } from '../core/header-names.ts';
import { errorAt, type Path, type SourceDocument } from '../schema/document.ts';
import { suggest } from '../schema/suggest.ts';
import { formatDuration } from '../schema/units.ts';
import type { Route, Settings } from './schema.ts';

type Report = (path: Path, which: 'key' | 'value', code: string, message: string, suggestion?: string) => void;
interface Reports {
  readonly error: Report;
  readonly warning: Report;
}

/**
 * What the schema cannot say because it is about several values at once. The document's own schema check found no errors.
 *
 * @param policyNames names of the policies that were found, undefined when no directory could be read
 */
export function crossCheck(
  settings: Settings,
  document: SourceDocument,
  policyNames: ReadonlySet<string> | undefined,
): Finding[] {
  const findings: Finding[] = [];
  const reporter =
    (severity: 'error' | 'warning'): Report =>
    (path, which, code, message, suggestion) =>
      findings.push({ ...errorAt(document.file, document.locate(path, which), code, message, suggestion), severity });
  const reports: Reports = { error: reporter('error'), warning: reporter('warning') };
  checkUnique(
    settings.routes.map((route) => route.route),
    'routes',
    'route',
    'duplicate-route',
    reports,
    document,
  );
  checkUnique(
    settings.identity.providers.map(({ id }) => id),
    'identity.providers',
    'id',
    'duplicate-provider',
    reports,
    document,
  );
  for (const [i, route] of settings.routes.entries()) checkRoute(route, i, settings, policyNames, reports);
  checkTies(settings.routes, document, reports);
  checkNetworks(settings, document, reports);
  checkBounds(settings, document, reports);
  checkSignIn(settings, reports);
  return findings;
}

function checkUnique(
  names: readonly string[],
  list: string,
  key: string,
  code: string,
  { error }: Reports,
  document: SourceDocument,
): void {
  const first = new Map<string, number>();
  names.forEach((name, i) => {
    const before = first.get(name);
    if (before === undefined) {
      first.set(name, i);
      return;
    }
    const { line } = document.locate([...list.split('.'), before, key]);
    error([...list.split('.'), i, key], 'value', code, `The ${key} "${name}" is taken already, in line ${line}.`);
  });
}

function checkRoute(
  route: Route,
  index: number,
  settings: Settings,
  policyNames: ReadonlySet<string> | undefined,
  { error }: Reports,
): void {
  const path = ['routes', index] as const;
  const layers = route.policy ?? [];
  if (layers.length === 0 && !route.public) {
    const message = `The route "${route.route}" has neither a policy nor public: true, so nobody could ever get in.`;
    error([...path, 'route'], 'value', 'route-without-policy', message, 'Name its policies, or say public: true.');
  }
  if (layers.length > 0 && settings.policies === undefined) {
    const message = 'The route names a policy, but the configuration names no directory of policies.';
    error([...path, 'policy'], 'value', 'policies-missing', message, 'Add policies: ../policies.');
  }
  layers.forEach((name, i) => {
    if (policyNames === undefined || policyNames.has(name)) return;
    const near = suggest(name, policyNames);
    const message = `There is no policy named "${name}".`;
    error([...path, 'policy', i], 'value', 'unknown-policy', message, near && `Did you mean ${near}?`);
  });
  if (/^\/\.sallyport(\/|$)/i.test(route.match.path)) {
    const message = "Paths below /.sallyport are the gateway's own; a route cannot have them.";
    error([...path, 'match', 'path'], 'value', 'reserved-path', message);
  }
  const params = route.match.path.split('/').filter((part) => part.startsWith(':'));
  if (new Set(params).size < params.length) {
    error([...path, 'match', 'path'], 'value', 'duplicate-parameter', 'The path has two parameters of one name.');
  }
  for (const [name, renamed] of Object.entries(route.identity_headers)) {
    if (typeof renamed !== 'string' || !RESERVED_HEADERS.has(foldHeaderName(renamed))) continue;
    const message = `${renamed} means something else to every server; an identity header cannot have that name.`;
    error([...path, 'identity_headers', name], 'value', 'reserved-header', message);
  }
}

/** Headers that frame, route or authorise a message; as names of identity headers they would break it. */
const RESERVED_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'cookie',
  'date',
  'expect',
  'forwarded',
  'host',
  'keep-alive',
  'origin',
  'proxy-connection',
  'range',
  'referer',
  'te',
  'traceparent',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'user-agent',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-request-id',
]);

/** Two routes that the same request could mean equally well: which one is best would be an accident of order. */
function checkTies(routes: readonly Route[], document: SourceDocument, { error }: Reports): void {
  const first = new Map<string, { readonly index: number; readonly route: Route }>();
  routes.forEach((route, index) => {
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

/** The schema's pattern knows the form of a range; whether it is one needs arithmetic. */
function checkNetworks(settings: Settings, document: SourceDocument, { error, warning }: Reports): void {
  settings.trusted_proxies.forEach((range, i) => {
    const [address, bits] = range.split('/') as [string, string | undefined];
    if (parseAddress(address) === undefined || isIP(address) === 0) {
      error(['trusted_proxies', i], 'value', 'bad-value', `trusted_proxies[${i}] is not a range of addresses.`);
    } else if (bits === '0') {
      const message = 'This trusts what everybody says about who they are and where they come from.';
      warning(['trusted_proxies', i], 'value', 'trusts-everybody', message, 'Name the addresses of your proxies.');
    }
  });
  for (const [path, { host }] of [
    [['listen', 'http'], settings.listen.http],
    [['admin', 'address'], settings.admin.address],
  ] as const) {
    if (host !== 'localhost' && isIP(host) === 0) {
      error(
        path,
        'value',
        'bad-value',
        `${path.join('.')} does not begin with an IP address.`,
        'Write 127.0.0.1:8080.',
      );
    }
  }
  const { http } = settings.listen;
  const { address } = settings.admin;
  if (
    http.port !== 0 &&
    http.port === address.port &&
    (http.host === address.host || isAnyAddress(http.host) || isAnyAddress(address.host))
  ) {
    const path = isWritten(document, 'listen', 'http') ? ['listen', 'http'] : ['admin', 'address'];
    error(path, 'value', 'same-address', 'The gateway and the administration listen on the same port.');
  }
}

/** The file says it itself, so it is not a default. */
const isWritten = (document: SourceDocument, section: string, key: string): boolean =>
  Reflect.get(Reflect.get(document.value as object, section) ?? {}, key) !== undefined;

const isAnyAddress = (host: string): boolean => host === '0.0.0.0' || host === '::';
const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || host.startsWith('127.');

function checkBounds(settings: Settings, document: SourceDocument, { error, warning }: Reports): void {
  const { session, timeouts, limits } = settings;
  /** Of two values that do not go together, the one that was written is at fault, not the default. */
  const ordered = (section: 'session' | 'timeouts', low: string, high: string, a: number, b: number): void => {
    if (a <= b) return;
    const written = isWritten(document, section, low) ? low : high;
    const message = `${section}.${low} (${formatDuration(a)}) must not be longer than ${section}.${high} (${formatDuration(b)}).`;
    error([section, written], 'value', 'out-of-range', message);
  };
  if (session.idle === 0) error(['session', 'idle'], 'value', 'out-of-range', 'session.idle must be more than 0.');
  ordered('session', 'floor', 'idle', session.floor, session.idle);
  ordered('session', 'idle', 'absolute', session.idle, session.absolute);
  ordered('timeouts', 'headers', 'request', timeouts.headers, timeouts.request);
  for (const key of ['headers', 'request', 'keep_alive', 'idle'] as const) {
    if (timeouts[key] === 0) {
      error(['timeouts', key], 'value', 'out-of-range', `timeouts.${key} must be more than 0: it would mean no limit.`);
    }
  }
  if (limits.target > limits.head) {
    error(['limits', 'target'], 'value', 'out-of-range', 'limits.target must not be larger than limits.head.');
  }
  if (limits.head > 256 * 1024) {
    warning(
      ['limits', 'head'],
      'value',
      'large-limit',
      'A head of more than 256 KiB costs memory for every connection.',
    );
  }
}

/** What works, and yet is seldom what somebody wants. */
function checkSignIn(settings: Settings, { warning }: Reports): void {
  const { routes, listen, trusted_proxies: proxies } = settings;
  const guarded = routes.findIndex((route) => !route.public);
  if (guarded < 0) return;
  if (settings.identity.providers.length === 0) {
    const message = 'No provider is configured: nobody can sign in.';
    warning(['identity'], 'key', 'no-provider', message, 'Add identity: { providers: [{ id: staff, type: local }] }.');
  }
  if (!isLoopback(listen.http.host) && proxies.length === 0) {
    const message =
      'The gateway listens on the network without TLS and without a trusted proxy that has it: sign-in over plain HTTP is refused.';
    const suggestion = 'Listen on 127.0.0.1, or name the proxy that terminates TLS in trusted_proxies.';
    warning(['listen', 'http'], 'value', 'plain-http', message, suggestion);
  }
  const hosts = new Set(routes.filter((route) => !route.public).map(({ match }) => match.host));
  if (hosts.size > 1) {
    const message = `${hosts.size} hosts need sign-in, and without a portal each of them signs in for itself.`;
    warning(['routes'], 'key', 'no-portal', message);
  }
}
