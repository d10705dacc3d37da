import ipaddr from 'ipaddr.js';
import { parseAddress } from '../core/address.ts';

/**
 * The network of an address: IPv4 /24, IPv6 /64 (what one subscriber has at least; RFC 6177, RFC 7421), IPv4-mapped as IPv4.
 * Whatever is no address is one network of its own.
 */
export function networkOf(address: string): string {
  const text = parseAddress(address);
  if (text === undefined) return 'none';
  const parsed = ipaddr.parse(text);
  const bytes = parsed.toByteArray();
  return parsed.kind() === 'ipv4' ? `${bytes.slice(0, 3).join('.')}/24` : `${bytes.slice(0, 8).join('.')}/64`;
}
