import { parseAddress, parseAddressWithPort } from './address.ts';

/** Forwarding headers as sent, by folded name. */
export type ForwardedHeaders = Map<string, readonly string[]>;

/** Where a request came from. Everything is the socket's unless the peer is a trusted proxy (security rule 10). */
export interface Origin {
  readonly trusted: boolean;
  readonly scheme: 'http' | 'https';
  readonly peerAddress: string;
  readonly clientAddress: string;
  readonly forwardedFor: string;
  readonly requestId: string | undefined;
  readonly traceparent: string | undefined;
}

/**
 * Tells client, scheme and request id. From a peer that is not trusted nothing is believed. From a trusted one the client
 * is the first address from the right that is not itself a trusted proxy; text that is no address denies, for "unknown"
 * must not pass as somebody. X-Forwarded-Host is never used: routes match Host alone.
 */
export function readForwarded(
  peer: string,
  secure: boolean,
  headers: ForwardedHeaders | undefined,
  isTrustedProxy: (address: string) => boolean,
): Origin | string {
  const peerAddress = parseAddress(peer);
  if (peerAddress === undefined) return 'the peer has no address';
  const scheme = secure ? 'https' : 'http';
  if (headers === undefined || !isTrustedProxy(peerAddress)) {
    return {
      trusted: isTrustedProxy(peerAddress),
      scheme,
      peerAddress,
      clientAddress: peerAddress,
      forwardedFor: peerAddress,
      requestId: undefined,
      traceparent: undefined,
    };
  }
  const chain = readChain(headers, isTrustedProxy);
  if (typeof chain === 'string') return chain;
  const told = readScheme(headers);
  if (told === null) return 'bad X-Forwarded-Proto';
  const requestId = only(headers.get('x-request-id'));
  const traceparent = only(headers.get('traceparent'));
  return {
    trusted: true,
    scheme: told ?? scheme,
    peerAddress,
    clientAddress: chain[0] ?? peerAddress,
    forwardedFor: [...chain, peerAddress].join(', '),
    requestId: requestId !== undefined && /^[A-Za-z0-9_-]{8,64}$/.test(requestId) ? requestId : undefined,
    traceparent: traceparent !== undefined && TRACEPARENT.test(traceparent) ? traceparent : undefined,
  };
}

// W3C Trace Context §3.2, version 00; an all-zero id is invalid
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const only = (values: readonly string[] | undefined): string | undefined =>
  values?.length === 1 ? values[0] : undefined;

/** The client and the trusted proxies after it, left to right. */
function readChain(headers: ForwardedHeaders, isTrustedProxy: (address: string) => boolean): string[] | string {
  const listed = listOf(headers.get('x-forwarded-for'));
  const standard = forwardedParameters(headers, 'for');
  if (standard === null) return 'bad Forwarded';
  if (listed !== undefined && standard !== undefined && listed.join() !== standard.join()) {
    return 'X-Forwarded-For and Forwarded disagree';
  }
  const chain: string[] = [];
  for (const text of [...(listed ?? standard ?? [])].reverse()) {
    const address = parseAddressWithPort(text);
    if (address === undefined) return 'a forwarded address is not an address';
    chain.unshift(address);
    if (!isTrustedProxy(address)) break;
  }
  return chain;
}

/** https or http as the proxy says; undefined: it says nothing; null: it says something else. */
function readScheme(headers: ForwardedHeaders): 'http' | 'https' | undefined | null {
  const proto = headers.get('x-forwarded-proto');
  const standard = forwardedParameters(headers, 'proto');
  if (standard === null) return null;
  const told = new Set([...(proto ?? []), ...(standard ?? [])].map((text) => text.toLowerCase()));
  if (told.size === 0) return undefined;
  const [scheme] = told;
  return told.size === 1 && (scheme === 'http' || scheme === 'https') ? scheme : null;
}

const listOf = (values: readonly string[] | undefined): string[] | undefined =>
  values?.flatMap((value) => value.split(',')).map((text) => text.trim());

/** One parameter of every element of Forwarded (RFC 7239 §4). Null when the header cannot be read. */
function forwardedParameters(headers: ForwardedHeaders, wanted: string): string[] | undefined | null {
  const values = headers.get('forwarded');
  if (values === undefined) return undefined;
  const found: string[] = [];
  for (const element of values.flatMap((value) => value.split(','))) {
    for (const pair of element.split(';')) {
      const match = /^\s*([a-z]+)=(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)|"([^"\\]*)")\s*$/i.exec(pair);
      if (match === null) return null;
      if ((match[1] as string).toLowerCase() === wanted) found.push((match[2] ?? match[3]) as string);
    }
  }
  return found.length > 0 ? found : undefined;
}
