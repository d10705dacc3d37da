import ipaddr from 'ipaddr.js';
import { isLoopback } from '../core/address.ts';
import { parseNetwork } from '../policy/address.ts';

export type NetworkReading =
  | { readonly ok: true; readonly network: string }
  /** a sentence */
  | { readonly ok: false; readonly detail: string };

/**
 * The one spelling of a network: host bits cleared, IPv6 compressed (RFC 5952), IPv4-mapped as IPv4, one address with its /32
 * or /128. All of IPv4 or of IPv6 is refused, and so are zones: they mean something on one machine only.
 */
export function readNetwork(text: string): NetworkReading {
  if (text.includes('%')) return no('A zone (%) means nothing on another machine; say the address without it.');
  const parsed = parseNetwork(text);
  if (parsed === undefined) return no('It is no address and no network such as 203.0.113.0/24 or 2001:db8::/32.');
  if (parsed.bits === 0)
    return no('That is every address there is: nobody could reach anything. Block smaller networks.');
  return { ok: true, network: parsed.canonical };
}

const no = (detail: string): NetworkReading => ({ ok: false, detail });

/** Whether a network (in its one spelling) has an address in it; what is no address is in none. */
export function includes(network: string, address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const [base, bits] = ipaddr.parseCIDR(network);
  const parsed = ipaddr.process(address);
  return parsed.kind() === base.kind() && parsed.match(base, bits);
}

/** Whether a network has addresses of this machine's loopback (127.0.0.0/8, ::1) in it. */
export const includesLoopback = (network: string): boolean =>
  isLoopback(network.slice(0, network.indexOf('/'))) || includes(network, '127.0.0.1') || includes(network, '::1');
