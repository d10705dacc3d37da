import type { ReasonCode } from './reasons.ts';

/** What a lane read from the socket, before anybody interpreted it. */
export interface RequestHead {
  readonly method: string;
  /** the request target as sent, one character per byte (latin1) */
  readonly target: string;
  /** `1.1`, as sent */
  readonly httpVersion: string;
  /** name, value, name, value … as sent, values without surrounding white space, latin1 */
  readonly rawHeaders: readonly string[];
  /** address of the other end of the socket; empty when the socket is already gone */
  readonly peerAddress: string;
  /** the socket itself is TLS */
  readonly secure: boolean;
}

/** Oddities that a route may allow (`allow:`); everything else with two readings is refused outright. Bits. */
export const ODD_ENCODED_SLASH = 1;
export const ODD_SEMICOLON = 2;
export const ODD_DOUBLE_SLASH = 4;

export type BodyKind = 'none' | 'length' | 'chunked';

/**
 * The one canonical reading of a request (G3). Routing, policy, log and forwarding use these facts; nobody looks at the
 * raw target or the raw headers again.
 */
export interface RequestFacts {
  readonly kind: 'facts';
  readonly id: string;
  /** wall-clock ms: time is a fact, so that one request has one time */
  readonly at: number;
  readonly method: string;
  readonly scheme: 'http' | 'https';
  readonly httpVersion: '1.0' | '1.1' | '2';
  /** lower case, without port */
  readonly host: string;
  /** Host as it goes upstream: lower case, with the port that was sent */
  readonly authority: string;
  /** canonical form, goes upstream byte for byte: unreserved decoded, other escapes upper-cased */
  readonly path: string;
  /** decoded (an allowed `%2F` stays `%2F`); what policies compare */
  readonly decodedPath: string;
  /** `?…` byte for byte, or empty */
  readonly query: string;
  /** bits of ODD_* that the path has */
  readonly oddities: number;
  /**
   * End-to-end headers that go upstream: name, value, … in order. Hop-by-hop headers (and those that Connection names),
   * every alias of an identity or forwarding header, framing and Host are gone; cookies are one line without ours, and an
   * Authorization that is a credential for us is taken out.
   */
  readonly headers: readonly string[];
  /** folded names of `headers`, one for each pair (lower case; every other character than a letter or digit is `-`) */
  readonly headerNames: readonly string[];
  /** the gateway's own cookies: undefined = none sent, null = sent more than once (counts as none) */
  readonly sessionCookie: string | undefined | null;
  readonly loginCookie: string | undefined | null;
  readonly deviceCookie: string | undefined | null;
  /** the bearer token in Authorization; empty: something for us that is not exactly one, undefined: nothing for us */
  readonly bearerToken: string | undefined;
  readonly clientAddress: string;
  /** X-Forwarded-For as it goes upstream: the client, then the proxies we trust, then the peer */
  readonly forwardedFor: string;
  readonly peerAddress: string;
  /** the peer is one of `trusted_proxies` */
  readonly viaTrustedProxy: boolean;
  readonly body: BodyKind;
  /** bytes; 0 without a body, undefined when chunked */
  readonly contentLength: number | undefined;
  readonly isUpgrade: boolean;
  /** traceparent taken over from a trusted proxy */
  readonly traceparent: string | undefined;
}

/** A request that cannot be read in exactly one way, or exceeds a limit. */
export interface Refusal {
  readonly kind: 'refusal';
  readonly reason: ReasonCode;
  /** for the client and the log: which rule, never what was sent */
  readonly detail: string;
  /** the headers, where they could be read: only for choosing between a page and problem details */
  readonly shown: HeaderFacts | undefined;
}

/** The end-to-end headers of a request. */
export type HeaderFacts = Pick<RequestFacts, 'headers' | 'headerNames'>;

/** The first value of a header by folded name, for the gateway's own use (Accept, Origin, Sec-Fetch-*). */
export function header(facts: HeaderFacts, foldedName: string): string | undefined {
  const at = facts.headerNames.indexOf(foldedName);
  return at < 0 ? undefined : facts.headers[2 * at + 1];
}

/** All values of a header by folded name, in order. */
export function headerValues(facts: HeaderFacts, foldedName: string): string[] {
  const values: string[] = [];
  for (let i = 0; i < facts.headerNames.length; i++) {
    if (facts.headerNames[i] === foldedName) values.push(facts.headers[2 * i + 1] as string);
  }
  return values;
}
