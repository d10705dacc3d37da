import { parseAuthority } from './authority.ts';
import { bearerToken } from './authorization.ts';
import { type SplitCookies, splitCookies } from './cookie-header.ts';
import { deviceCookieName, loginCookieName, sessionCookieName } from './cookies.ts';
import type { BodyKind, HeaderFacts, Refusal, RequestFacts, RequestHead } from './facts.ts';
import { type ForwardedHeaders, readForwarded } from './forwarded.ts';
import { foldHeaderName, type HeaderTable } from './header-names.ts';
import { canonicalTarget } from './path.ts';
import type { GatewayReason } from './reasons.ts';

export interface CanonicalOptions {
  /** request line and headers together, bytes */
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
  readonly maxTargetBytes: number;
  readonly headerTable: HeaderTable;
  readonly isTrustedProxy: (address: string) => boolean;
  /** the listener is bound to loopback: the only place where cookies over plain HTTP count (interfaces, "Plain HTTP") */
  readonly plainCookies: boolean;
  /** some provider takes bearer tokens: they are for us, and neither policies nor applications see them */
  readonly bearerTokens: boolean;
}

/**
 * Reads a request in exactly one way or refuses it (G3, security rules 1–5 and 8–11). Pure: the id and the instant are
 * given. Node's own parser lets far too much through (rule 4), so nothing here leans on it.
 */
export function canonicalise(
  head: RequestHead,
  id: string,
  at: number,
  options: CanonicalOptions,
): RequestFacts | Refusal {
  const { method, rawHeaders, httpVersion } = head;
  if (rawHeaders.length > 2 * options.maxHeaders) {
    return refuse('headers_too_large', `more than ${options.maxHeaders} headers`);
  }
  const read = readHeaders(rawHeaders, options);
  if (typeof read === 'string') return refuse('ambiguous_request', read);
  const ambiguous = (detail: string): Refusal => refuse('ambiguous_request', detail, read);
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return ambiguous('the HTTP version is not 1.0 or 1.1');
  if (!METHOD.test(method) || REFUSED_METHODS.has(method)) return ambiguous('method not served');
  if (head.target.length > options.maxTargetBytes) {
    return refuse('uri_too_long', `target over ${options.maxTargetBytes} bytes`, read);
  }
  const target = canonicalTarget(head.target);
  if (target.refusal !== undefined) return ambiguous(target.refusal);
  if (read.bytes + method.length + head.target.length + 12 > options.maxHeadBytes) {
    return refuse('headers_too_large', `head over ${options.maxHeadBytes} bytes`, read);
  }
  if (read.host === undefined) return ambiguous('no Host');
  const authority = parseAuthority(read.host);
  if (authority === undefined) return ambiguous('bad Host');
  const body = readFraming(read, httpVersion);
  if (typeof body === 'string') return ambiguous(body);
  if (read.expect !== undefined && read.expect.toLowerCase() !== '100-continue') {
    return ambiguous('unknown expectation');
  }
  const isUpgrade = read.upgrade && read.connectionUpgrade && httpVersion === '1.1';
  if (read.upgrade && body.kind !== 'none') return ambiguous('an upgrade with a body');
  const forwarded = readForwarded(head.peerAddress, head.secure, read.forwarded, options.isTrustedProxy);
  if (typeof forwarded === 'string') return ambiguous(forwarded);
  const secure = forwarded.scheme === 'https';
  const cookies = read.cookies;
  const counts = secure || options.plainCookies;
  return {
    kind: 'facts',
    id: forwarded.requestId ?? id,
    at,
    method,
    scheme: forwarded.scheme,
    httpVersion,
    host: authority.host,
    authority: authority.authority,
    path: target.path,
    decodedPath: target.decodedPath,
    query: target.query,
    oddities: target.oddities,
    headers: read.headers,
    headerNames: read.headerNames,
    sessionCookie: counts ? cookies?.own.get(sessionCookieName(secure)) : undefined,
    loginCookie: counts ? cookies?.own.get(loginCookieName(secure)) : undefined,
    deviceCookie: counts ? cookies?.own.get(deviceCookieName(secure)) : undefined,
    bearerToken: read.bearerToken,
    clientAddress: forwarded.clientAddress,
    forwardedFor: forwarded.forwardedFor,
    peerAddress: forwarded.peerAddress,
    viaTrustedProxy: forwarded.trusted,
    body: body.kind,
    contentLength: body.length,
    isUpgrade,
    traceparent: forwarded.traceparent,
  };
}

// RFC 9110 §9.1 methods are case-sensitive tokens; ours are the upper-case ones that servers know
const METHOD = /^[A-Z](?:[A-Z-]{0,30}[A-Z])?$/;
// TRACE echoes our headers back, CONNECT asks for a tunnel, PRI is HTTP/2's preface, SOURCE is spoken by ICE
const REFUSED_METHODS = new Set(['CONNECT', 'TRACE', 'TRACK', 'PRI', 'SOURCE']);
// RFC 9110 §5.5: no controls but tab; obs-text is let through
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

const refuse = (reason: GatewayReason, detail: string, shown?: HeaderFacts): Refusal => ({
  kind: 'refusal',
  reason,
  detail,
  shown,
});

/** What one pass over the headers found. Mutable while reading, then only read. */
interface HeadersRead {
  bytes: number;
  headers: string[];
  headerNames: string[];
  host: string | undefined;
  contentLength: string | undefined;
  transferEncoding: string | undefined;
  expect: string | undefined;
  hasAuthorization: boolean;
  bearerToken: string | undefined;
  upgrade: boolean;
  connectionUpgrade: boolean;
  cookies: SplitCookies | undefined;
  forwarded: ForwardedHeaders | undefined;
}

function readHeaders(
  raw: readonly string[],
  { headerTable: table, bearerTokens }: Pick<CanonicalOptions, 'headerTable' | 'bearerTokens'>,
): HeadersRead | string {
  const read: HeadersRead = {
    bytes: 0,
    headers: [],
    headerNames: [],
    host: undefined,
    contentLength: undefined,
    transferEncoding: undefined,
    expect: undefined,
    hasAuthorization: false,
    bearerToken: undefined,
    upgrade: false,
    connectionUpgrade: false,
    cookies: undefined,
    forwarded: undefined,
  };
  let named: Set<string> | undefined;
  let cookie: string | undefined;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const value = raw[i + 1] as string;
    read.bytes += name.length + value.length + 4;
    if (!FIELD_VALUE.test(value)) return 'control character in a header';
    const { folded, kind } = table(name);
    switch (kind) {
      case 'drop':
        break;
      case 'pass':
        if (!TOKEN.test(name)) return 'bad header name';
        read.headers.push(name, value);
        read.headerNames.push(folded);
        break;
      case 'single':
        if (read.headerNames.includes(folded)) return `two ${folded} headers`;
        read.headers.push(name, value);
        read.headerNames.push(folded);
        break;
      case 'authorization':
        if (read.hasAuthorization) return 'two authorization headers';
        read.hasAuthorization = true;
        read.bearerToken = bearerToken(value, bearerTokens);
        if (read.bearerToken !== undefined) break;
        read.headers.push(name, value);
        read.headerNames.push(folded);
        break;
      case 'host':
        if (read.host !== undefined) return 'two Host headers';
        read.host = value;
        break;
      case 'content-length':
        if (read.contentLength !== undefined) return 'two Content-Length headers';
        read.contentLength = value;
        break;
      case 'transfer-encoding':
        if (read.transferEncoding !== undefined) return 'two Transfer-Encoding headers';
        read.transferEncoding = value;
        break;
      case 'expect':
        if (read.expect !== undefined) return 'two Expect headers';
        read.expect = value;
        break;
      case 'upgrade':
        read.upgrade = true;
        break;
      case 'cookie':
        cookie = cookie === undefined ? value : `${cookie}; ${value}`;
        break;
      case 'forwarding':
        read.forwarded ??= new Map();
        read.forwarded.set(folded, [...(read.forwarded.get(folded) ?? []), value]);
        break;
      case 'connection':
        for (const token of value.split(',')) {
          const option = token.trim().toLowerCase();
          if (option === '' || option === 'keep-alive' || option === 'close') continue;
          if (!TOKEN.test(option)) return 'bad Connection header';
          if (option === 'upgrade') read.connectionUpgrade = true;
          const connectionName = foldHeaderName(option);
          if (NEVER_NAMED.has(connectionName)) return 'Connection names a header that is not its own';
          named ??= new Set();
          named.add(connectionName);
        }
        break;
      case 'alias-of-framing':
        return `an alias of ${folded}`;
    }
  }
  if (named !== undefined) dropNamed(read, named);
  if (cookie !== undefined) addCookies(read, cookie);
  return read;
}

// framing, and what we judge requests by ourselves: dropping one would change what we saw
const NEVER_NAMED = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'cookie',
  'authorization',
  'origin',
  'sec-fetch-site',
  'sec-fetch-mode',
  'sec-fetch-dest',
  'sec-fetch-user',
]);

/** Headers that Connection names end here (RFC 9110 §7.6.1); dropped before ours are added (Traefik CVE-2024-45410). */
function dropNamed(read: HeadersRead, named: ReadonlySet<string>): void {
  const headers: string[] = [];
  const names: string[] = [];
  read.headerNames.forEach((folded, i) => {
    if (named.has(folded)) return;
    names.push(folded);
    headers.push(read.headers[2 * i] as string, read.headers[2 * i + 1] as string);
  });
  read.headers = headers;
  read.headerNames = names;
}

/** One Cookie line goes upstream, without our own cookies (security rule 11). */
function addCookies(read: HeadersRead, line: string): void {
  read.cookies = splitCookies(line);
  if (read.cookies.rest === '') return;
  read.headers.push('Cookie', read.cookies.rest);
  read.headerNames.push('cookie');
}

/** The body's framing (RFC 9112 §6.3), or why there are two readings of it. */
function readFraming(read: HeadersRead, version: string): { kind: BodyKind; length: number | undefined } | string {
  const { contentLength, transferEncoding } = read;
  if (transferEncoding !== undefined) {
    if (contentLength !== undefined) return 'Content-Length and Transfer-Encoding';
    if (transferEncoding !== 'chunked') return 'Transfer-Encoding other than chunked';
    if (version === '1.0') return 'Transfer-Encoding on HTTP/1.0';
    return CHUNKED;
  }
  if (contentLength === undefined) return NO_BODY;
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(contentLength)) return 'bad Content-Length';
  const length = Number(contentLength);
  if (!Number.isSafeInteger(length)) return 'bad Content-Length';
  return length === 0 ? NO_BODY : { kind: 'length', length };
}

const CHUNKED = { kind: 'chunked', length: undefined } as const;
const NO_BODY = { kind: 'none', length: 0 } as const;
