import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/**
 * The one spelling of an address: IPv4 dotted, IPv6 compressed and lower case, IPv4-mapped IPv6 as IPv4, no zone.
 * Undefined for anything that is not an address: octal, hexadecimal and short forms are refused, for libraries differ on
 * them.
 */
export function parseAddress(text: string): string | undefined {
  const kind = isIP(text);
  if (kind === 4) return text;
  if (kind === 0 || text.includes('%')) return undefined;
  const address = ipaddr.IPv6.parse(text);
  return address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toRFC5952String();
}

/** An address with an optional port, as in X-Forwarded-For and Forwarded: `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]`, `[::1]:80`. */
export function parseAddressWithPort(text: string): string | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::([0-9]{1,5}))?$/.exec(text);
  if (match === null) return parseAddress(text);
  const [, bracketed, dotted, port] = match;
  if (Number(port ?? 0) > 65_535) return undefined;
  return bracketed === undefined
    ? parseAddress(dotted as string)
    : isIP(bracketed) === 6
      ? parseAddress(bracketed)
      : undefined;
}

/**
 * Compiles networks (`10.0.0.0/8`, `::1`) into a test over normalised addresses; answers are remembered for the newest
 * 1,000 addresses. What is not an address is in no network.
 *
 * @throws RangeError when a range is not an address or CIDR; callers validate first.
 */
export function cidrSet(ranges: readonly string[]): (address: string) => boolean {
  const parsed = ranges.map((range) => {
    if (range.includes('/')) return ipaddr.parseCIDR(range);
    const address = ipaddr.parse(range);
    return [address, address.kind() === 'ipv4' ? 32 : 128] as [ipaddr.IPv4 | ipaddr.IPv6, number];
  });
  if (parsed.length === 0) return () => false;
  const known = new Map<string, boolean>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    if (isIP(text) === 0) return false;
    const address = ipaddr.process(text);
    const inside = parsed.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits));
    if (known.size >= 1000) known.clear();
    known.set(text, inside);
    return inside;
  };
}

/**
 * Whom an address stands for where clients are counted: an IPv4 address itself, of an IPv6 address its /64, for that is the
 * least that one subscriber has (RFC 6177). Whatever is no address is one client.
 */
export function subscriberOf(text: string): string {
  const address = parseAddress(text.replace(/%.*$/, ''));
  if (address === undefined) return 'none';
  return isIP(address) === 4 ? address : `${ipaddr.IPv6.parse(address).parts.slice(0, 4).join(':')}/64`;
}

/** 127.0.0.0/8, ::1 or localhost: what is bound there is reached from this machine alone. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
