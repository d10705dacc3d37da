import { hash, timingSafeEqual } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { isLoopback } from '../core/address.ts';

/** What is known of a request before anything interprets it. */
export interface AdminHead {
  /** name, value, … as sent */
  readonly rawHeaders: readonly string[];
  /** address on our side of the socket */
  readonly localAddress: string | undefined;
}

const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '::1']);

/**
 * Compiles the check of Host against DNS rebinding: a page of a stranger whose name was turned to our address still sends
 * its own name. Accepted are the configured address, the address that the connection really came to (a wildcard binding
 * has many; nobody can rebind a literal), the loopback names on a loopback connection, and `hosts`. Ports are ignored,
 * since a port may be mapped on the way. Exactly one Host header, or no.
 */
export function compileHostCheck(address: string, hosts: readonly string[]): (head: AdminHead) => boolean {
  const allowed = new Set([address, ...hosts].map((host) => hostName(host) ?? host.toLowerCase()));
  return ({ rawHeaders, localAddress }) => {
    const sent = headerValues(rawHeaders, 'host');
    const host = sent.length === 1 ? hostName(sent[0] as string) : undefined;
    if (host === undefined) return false;
    if (allowed.has(host)) return true;
    const local = (localAddress ?? '').replace(/^::ffff:(?=\d+\.)/, '');
    return local !== '' && (host === local || (isLoopback(local) && LOOPBACK_HOSTS.has(host)));
  };
}

const HOST = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/;

/** The name in a Host value: lower case, without port and brackets; undefined when it is none. */
function hostName(text: string): string | undefined {
  const lower = text.toLowerCase();
  if (isIPv6(lower)) return lower;
  const match = HOST.exec(lower);
  return match?.[1] ?? match?.[2];
}

/** `missing`: no credential; `invalid`: one that is not ours, or more than one. */
export type TokenVerdict = 'valid' | 'invalid' | 'missing';

/**
 * Compiles the check of `Authorization: Bearer …` against the administrator's token (RFC 6750 §2.1). Both sides are hashed
 * first, so that the comparison takes the same time whatever was sent. Without a configured token nothing is valid.
 */
export function compileTokenCheck(token: string | undefined): (rawHeaders: readonly string[]) => TokenVerdict {
  const expected = token === undefined || token === '' ? undefined : hash('sha256', token, 'buffer');
  return (rawHeaders) => {
    const sent = headerValues(rawHeaders, 'authorization');
    if (sent.length === 0) return 'missing';
    const presented = sent.length === 1 ? /^bearer +(\S+)$/i.exec(sent[0] as string)?.[1] : undefined;
    if (presented === undefined || expected === undefined) return 'invalid';
    return timingSafeEqual(hash('sha256', presented, 'buffer'), expected) ? 'valid' : 'invalid';
  };
}

/**
 * Whether a request comes from a program, or from a page of this listener's own (security rule 22). A page of anybody else
 * says its Origin, or its browser says what it is (Fetch Metadata); applications beside us on the same host, which browsers
 * call same-site, are strangers too. The scheme does not matter, since TLS may end before us. Host is checked before.
 */
export function isOwnOrigin(rawHeaders: readonly string[]): boolean {
  const sites = headerValues(rawHeaders, 'sec-fetch-site');
  if (sites.some((site) => site !== 'same-origin' && site !== 'none')) return false;
  const origins = headerValues(rawHeaders, 'origin');
  if (origins.length === 0) return true;
  const own = headerValues(rawHeaders, 'host')[0]?.toLowerCase();
  return origins.length === 1 && own !== undefined && /^https?:\/\/(.*)$/.exec(origins[0] as string)?.[1] === own;
}

function headerValues(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() === name) values.push(rawHeaders[i + 1] as string);
  }
  return values;
}
