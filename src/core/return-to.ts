/**
 * Rebuilds a `return_to` (security rule 21): a path of the same host, or an absolute address with the gateway's own scheme
 * and port and a host that a route names. Anything else gives `/`. Never a URL parser: `//x`, `/\x`, tabs and userinfo
 * become another host in one parser or another.
 *
 * @param origin the request's own `scheme://host[:port]`
 * @param knownHost whether a route names this host
 */
export function returnTo(text: string | undefined, origin: string, knownHost: (host: string) => boolean): string {
  if (text === undefined || text.length > 4096 || !PRINTABLE.test(text)) return '/';
  if (isLocalPath(text)) return text;
  const match = ABSOLUTE.exec(text);
  const own = ABSOLUTE.exec(`${origin}/`);
  if (match === null || own === null) return '/';
  const [, scheme, host, port, rest] = match;
  if (scheme !== own[1] || (port ?? '') !== (own[3] ?? '') || !knownHost(host as string)) return '/';
  const path = rest === '' ? '/' : (rest as string);
  if (!isLocalPath(path)) return '/';
  return `${scheme}://${host}${port ?? ''}${path}`;
}

// no controls, spaces, quotes, angle brackets, backslash or non-ASCII: all of them get read differently somewhere
const PRINTABLE = /^[!#-;=?-[\]-~]+$/;
const ABSOLUTE = /^(https?):\/\/([a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(:[0-9]{1,5})?(|\/.*)$/;
const isLocalPath = (text: string): boolean => text.startsWith('/') && !text.startsWith('//') && !text.includes('#');
