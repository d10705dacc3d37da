import type { RequestFacts } from '../core/facts.ts';
import type { PortalOptions } from './deps.ts';

/** How a request reached us, as far as cookies care; undefined: over plain HTTP from elsewhere, nobody signs in there. */
export interface Transport {
  /** cookies are `__Host-` and Secure */
  readonly secure: boolean;
}

/** Interfaces, "Plain HTTP". `facts.scheme` is the trusted proxy's word where there is one, else the socket's. */
export function transportOf(facts: RequestFacts, options: PortalOptions): Transport | undefined {
  if (facts.scheme === 'https') return { secure: true };
  return options.plainLoopback ? { secure: false } : undefined;
}

/** `scheme://host[:port]` as a browser writes it in Origin: without the scheme's own port (RFC 6454, 6.2). */
export function ownOrigin(facts: RequestFacts): string {
  const ownPort = facts.scheme === 'https' ? ':443' : ':80';
  const authority = facts.authority.endsWith(ownPort) ? facts.authority.slice(0, -ownPort.length) : facts.authority;
  return `${facts.scheme}://${authority}`;
}
