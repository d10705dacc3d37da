import { ODD_ENCODED_SLASH } from './facts.ts';
import { canonicalTarget } from './path.ts';

/** Longest `return_to` that is taken, characters. */
export const MAX_RETURN_TO = 4096;

/**
 * Rebuilds a `return_to` (security rule 21): a path of the same host, or an absolute address with the gateway's own scheme
 * and port and a host that a route names. Anything else gives `/`. Never a URL parser: `//x`, `/\x`, tabs and userinfo
 * become another host in one parser or another.
 *
 * @param origin the request's own `scheme://host[:port]`
 * @param knownHost whether a route names this host
 */
export function returnTo(text: string | undefined, origin: string, knownHost: (host: string) => boolean): string {
  if (text === undefined || text.length > MAX_RETURN_TO || !PRINTABLE.test(text)) return '/';
  if (text.startsWith('/')) return rebuilt(text) ?? '/';
  const match = ABSOLUTE.exec(text);
  const own = ABSOLUTE.exec(`${origin}/`);
  if (match === null || own === null) return '/';
  const [, scheme, host, port, rest] = match;
  if (scheme !== own[1] || (port ?? '') !== (own[3] ?? '') || !knownHost(host as string)) return '/';
  const path = rest === '' ? '/' : rebuilt(rest as string);
  return path === undefined ? '/' : `${scheme}://${host}${port ?? ''}${path}`;
}

/** The path in its canonical form with its query; undefined for what the gateway would refuse, or another host in disguise. */
function rebuilt(text: string): string | undefined {
  const { refusal, path, query, oddities } = canonicalTarget(text);
  // encoded slashes are what some applications are made of; right at the start they could become `//`
  const harmless = (oddities & ~ODD_ENCODED_SLASH) === 0 && !path.startsWith('/%2F');
  return refusal === undefined && harmless ? path + query : undefined;
}

// no controls, spaces, quotes, angle brackets, backslash or non-ASCII: all of them get read differently somewhere
const PRINTABLE = /^[!#-;=?-[\]-~]+$/;
const ABSOLUTE = /^(https?):\/\/([a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(:[0-9]{1,5})?(|\/.*)$/;
