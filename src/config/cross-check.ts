import { isIP } from 'node:net';
import { isLoopback, parseAddress } from '../core/address.ts';
import type { Finding } from '../core/finding.ts';
import { errorAt, type Path, type SourceDocument } from '../schema/document.ts';
import type { Mended } from '../schema/mend.ts';
import { formatDuration } from '../schema/units.ts';
import { checkProviders } from './check-providers.ts';
import { checkRoute, checkTies, type Report, type Reports } from './check-routes.ts';
import { checkStore } from './check-store.ts';
import type { Settings } from './schema.ts';

/**
 * What the schema cannot say because it is about several values at once. Nothing is concluded from a value that the schema
 * refused already.
 *
 * @param mended the document that the settings were decoded from
 * @param policyNames names of the policies that were found, undefined when not all of them are known
 */
export function crossCheck(
  settings: Settings,
  mended: Mended,
  policyNames: ReadonlySet<string> | undefined,
): Finding[] {
  const { document } = mended;
  const findings: Finding[] = [];
  const reporter =
    (severity: 'error' | 'warning'): Report =>
    (path, which, code, message, suggestion) =>
      findings.push({ ...errorAt(document.file, document.locate(path, which), code, message, suggestion), severity });
  const reports: Reports = {
    error: reporter('error'),
    warning: reporter('warning'),
    known: (...paths) => paths.every(mended.isAsWritten),
  };
  const { routes } = settings;
  const { providers } = settings.identity;
  const routeNames = routes.map(({ route }) => route);
  checkUnique(routeNames, ['routes'], 'route', 'duplicate-route', reports, document);
  const providerIds = providers.map(({ id }) => id);
  checkUnique(providerIds, ['identity', 'providers'], 'id', 'duplicate-provider', reports, document);
  for (const [i, route] of routes.entries()) checkRoute(route, i, settings, policyNames, reports);
  checkTies(routes, document, reports);
  checkNetworks(settings, document, reports);
  checkBounds(settings, document, reports);
  checkProviders(settings, document, reports);
  checkStore(settings, reports);
  checkSignIn(settings, reports);
  return findings;
}

function checkUnique(
  names: readonly string[],
  list: Path,
  key: string,
  code: string,
  { error, known }: Reports,
  document: SourceDocument,
): void {
  const first = new Map<string, number>();
  names.forEach((name, i) => {
    if (!known([...list, i, key])) return;
    const before = first.get(name);
    if (before === undefined) {
      first.set(name, i);
      return;
    }
    const { line } = document.locate([...list, before, key]);
    error([...list, i, key], 'value', code, `The ${key} "${name}" is taken already, in line ${line}.`);
  });
}

/** The schema's pattern knows the form of a range; whether it is one needs arithmetic. */
function checkNetworks(settings: Settings, document: SourceDocument, { error, warning, known }: Reports): void {
  const ranges = (list: readonly string[], at: Path, code: string, everybody: string, suggestion: string): void =>
    list.forEach((range, i) => {
      const [address, bits] = range.split('/') as [string, string | undefined];
      if (parseAddress(address) === undefined || isIP(address) === 0)
        error([...at, i], 'value', 'bad-value', 'This looks like a range of addresses and is none.');
      else if (bits === '0') warning([...at, i], 'value', code, everybody, suggestion);
    });
  const believed = 'This trusts what everybody says about who they are and where they come from.';
  const name = 'Name the addresses of your proxies.';
  ranges(settings.trusted_proxies, ['trusted_proxies'], 'trusts-everybody', believed, name);
  const exempt = 'This exempts everybody: one client may take all connections.';
  const at = ['limits', 'connections_exempt'] as const;
  ranges(settings.limits.connections_exempt, at, 'exempts-everybody', exempt, 'Name the addresses that need it.');
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
    known(['listen', 'http'], ['admin', 'address']) &&
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

function checkBounds(settings: Settings, document: SourceDocument, { error, warning, known }: Reports): void {
  const { session, timeouts, limits } = settings;
  /** Of two values that do not go together, the one that was written is at fault, not the default. */
  const ordered = (section: 'session' | 'timeouts', low: string, high: string, a: number, b: number): void => {
    if (a <= b || !known([section, low], [section, high])) return;
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
  if (limits.target > limits.head && known(['limits', 'target'], ['limits', 'head'])) {
    error(['limits', 'target'], 'value', 'out-of-range', 'limits.target must not be larger than limits.head.');
  }
  for (const key of ['slow_body', 'slow_reader'] as const) {
    if (timeouts[key] >= 1000) continue;
    const message = `timeouts.${key} must be at least 1s: rates are measured once a second.`;
    error(['timeouts', key], 'value', 'out-of-range', message);
  }
  if (limits.min_rate > MAX_MIN_RATE) {
    const message = 'limits.min_rate must not be more than 1MiB a second: ordinary clients would be cut.';
    error(['limits', 'min_rate'], 'value', 'out-of-range', message);
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

/** 1 MiB a second. */
const MAX_MIN_RATE = 1024 * 1024;

/** What works, and yet is seldom what somebody wants. */
function checkSignIn(settings: Settings, { warning, known }: Reports): void {
  const { routes, listen, trusted_proxies: proxies } = settings;
  const guarded = routes.some((route, i) => !route.public && known(['routes', i, 'public']));
  if (!guarded) return;
  const { providers } = settings.identity;
  if (providers.length === 0 && known(['identity', 'providers'])) {
    const message = 'No provider is configured: nobody can sign in.';
    warning(['identity'], 'key', 'no-provider', message, 'Add identity: { providers: [{ id: staff, type: local }] }.');
  }
  const insecure = !isLoopback(listen.http.host) && proxies.length === 0;
  if (insecure && known(['listen', 'http'], ['listen', 'https'], ['trusted_proxies'])) {
    const message =
      'The gateway listens on the network without TLS and without a trusted proxy that has it: sign-in over plain HTTP is refused.';
    const suggestion = 'Listen on 127.0.0.1, or name the proxy that terminates TLS in trusted_proxies.';
    warning(['listen', 'http'], 'value', 'plain-http', message, suggestion);
  }
  if (providers.length > 0 && known(['portal'])) {
    const message =
      'Without a portal the pages of sign-in share the origin of the application, and every host signs in for itself.';
    const suggestion =
      "A script of an application could act in its person's name there: give applications that do not trust each other hosts of their own. `portal` is not available in this version yet.";
    warning(['routes'], 'key', 'no-portal', message, suggestion);
  }
}
