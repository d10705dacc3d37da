import { parseAddress } from './address.ts';

/** A Host value read once: `host` is what routes match (lower case, IPv6 in brackets), `authority` what goes upstream. */
export interface Authority {
  readonly host: string;
  readonly authority: string;
}

/**
 * Reads one Host value (RFC 9110 §7.2) strictly: no list, no userinfo, no trailing dot, no empty port, no escapes. Undefined
 * when it is anything else.
 */
export function parseAuthority(text: string): Authority | undefined {
  const known = seen.get(text);
  if (known !== undefined) return known;
  const match = text.length > 261 ? null : AUTHORITY.exec(text.toLowerCase());
  if (match === null) return undefined;
  const [authority, name, port] = match;
  if (port !== undefined && (Number(port) > 65535 || Number(port) === 0 || port.startsWith('0'))) return undefined;
  let host = name as string;
  if (host.startsWith('[')) {
    const address = parseAddress(host.slice(1, -1));
    // an IPv4 address in brackets, mapped or plain, has another spelling without them
    if (address === undefined || !address.includes(':')) return undefined;
    host = `[${address}]`;
  }
  const parsed = { host, authority };
  if (seen.size >= 1000) seen.clear();
  seen.set(text, parsed);
  return parsed;
}

const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,62})';
const AUTHORITY = new RegExp(`^(${LABEL}(?:\\.${LABEL})*|\\[[0-9a-f:.]{2,45}\\])(?::([0-9]{1,5}))?$`);
// Host repeats on every request of a connection; bounded, and only good values get in
const seen = new Map<string, Authority>();
