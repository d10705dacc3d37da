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
  // a link-local peer comes with its zone, which is this machine's own affair
  const peerAddress = parseAddress(peer.replace(/%.*$/, ''));
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
  const told = readScheme(headers, chain.scheme);
  if (told === null) return 'bad X-Forwarded-Proto';
  const requestId = only(headers.get('x-request-id'));
  const traceparent = only(headers.get('traceparent'));
  return {
    trusted: true,
    scheme: told ?? scheme,
    peerAddress,
    clientAddress: chain.addresses[0] ?? peerAddress,
    forwardedFor: [...chain.addresses, peerAddress].join(', '),
    requestId: requestId !== undefined && /^[A-Za-z0-9_-]{8,64}$/.test(requestId) ? requestId : undefined,
    traceparent: traceparent !== undefined && TRACEPARENT.test(traceparent) ? traceparent : undefined,
  };
}

// W3C Trace Context §3.2, version 00; an all-zero id is invalid
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const only = (values: readonly string[] | undefined): string | undefined =>
  values?.length === 1 ? values[0] : undefined;

interface Chain {
  /** the client and the trusted proxies after it, left to right */
  readonly addresses: readonly string[];
  /** how the client spoke to the first proxy that we trust, as that proxy says; undefined: it does not say */
  readonly scheme: string | undefined;
}

/** Walks from the right, over what proxies that we trust wrote, to the first address that is none of them. */
function readChain(headers: ForwardedHeaders, isTrustedProxy: (address: string) => boolean): Chain | string {
  const listed = headers.get('x-forwarded-for')?.flatMap((value) => value.split(','));
  const elements = forwardedElements(headers.get('forwarded'));
  if (elements === null) return 'bad Forwarded';
  const fromList =
    listed &&
    walk(
      listed.map((text) => text.trim()),
      isTrustedProxy,
    );
  const fromElements =
    elements &&
    walk(
      elements.map((element) => element.get('for') ?? ''),
      isTrustedProxy,
    );
  if (typeof fromList === 'string') return fromList;
  if (typeof fromElements === 'string') return fromElements;
  if (fromList !== undefined && fromElements !== undefined && fromList.join() !== fromElements.join()) {
    return 'X-Forwarded-For and Forwarded disagree';
  }
  // elements further left were written by nobody that we trust: what they say of the scheme counts as little
  const reached = fromElements && elements?.at(-fromElements.length);
  return { addresses: fromList ?? fromElements ?? [], scheme: reached?.get('proto') };
}

/** The addresses that the walk reaches, left to right. A text that is no address denies: "unknown" must not pass as somebody. */
function walk(hops: readonly string[], isTrustedProxy: (address: string) => boolean): string[] | string {
  const reached: string[] = [];
  for (const text of hops.toReversed()) {
    const address = parseAddressWithPort(text);
    if (address === undefined) return 'a forwarded address is not an address';
    reached.unshift(address);
    if (!isTrustedProxy(address)) break;
  }
  return reached;
}

/** https or http as the proxies say; undefined: they say nothing; null: they say something else, or disagree. */
function readScheme(headers: ForwardedHeaders, standard: string | undefined): 'http' | 'https' | undefined | null {
  const listed = headers.get('x-forwarded-proto')?.flatMap((value) => value.split(',')) ?? [];
  const told = new Set(
    [...listed, ...(standard === undefined ? [] : [standard])].map((text) => text.trim().toLowerCase()),
  );
  if (told.size === 0) return undefined;
  const [scheme] = told;
  return told.size === 1 && (scheme === 'http' || scheme === 'https') ? scheme : null;
}

/** Elements of Forwarded, left to right (RFC 7239 §4). Null when it cannot be read in one way. */
function forwardedElements(values: readonly string[] | undefined): ReadonlyMap<string, string>[] | undefined | null {
  if (values === undefined) return undefined;
  const elements: ReadonlyMap<string, string>[] = [];
  for (const text of values.flatMap((value) => value.split(','))) {
    const element = new Map<string, string>();
    for (const pair of text.split(';')) {
      const match = PAIR.exec(pair);
      const name = match?.[1]?.toLowerCase();
      if (match === null || name === undefined || element.has(name)) return null;
      element.set(name, (match[2] ?? match[3]) as string);
    }
    elements.push(element);
  }
  return elements;
}

const PAIR = /^\s*([a-z]+)=(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)|"([^"\\]*)")\s*$/i;
