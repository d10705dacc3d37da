/** What the canonical reading does with a header of this name. */
export type HeaderKind =
  | 'pass'
  /** hop-by-hop, identity or forwarding: never goes upstream as the client sent it */
  | 'drop'
  /** goes upstream, but two of them are two readings */
  | 'single'
  /** spelled so that some server folds it into a framing header: refused */
  | 'alias-of-framing'
  | 'host'
  | 'content-length'
  | 'transfer-encoding'
  | 'connection'
  | 'upgrade'
  | 'expect'
  | 'cookie'
  | 'authorization'
  | 'forwarding';

export interface HeaderName {
  /** lower case, every character other than a letter or a digit is `-` */
  readonly folded: string;
  readonly kind: HeaderKind;
}

/**
 * Folds a header name as the loosest server would: CGI, WSGI and PHP turn `-`, `_` and `.` into one character, so
 * `X_Forwarded.User` is X-Forwarded-User to them (security rule 8). Folding every other character too costs nothing.
 */
export const foldHeaderName = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '-');

/** Classifies header names; remembers the newest 1,000 names, since browsers send the same ones for ever. */
export type HeaderTable = (name: string) => HeaderName;

/**
 * @param ownNames further names that the gateway sets on some route (renamed identity headers): stripped on every route
 */
export function headerTable(ownNames: readonly string[]): HeaderTable {
  const own = new Set(ownNames.map(foldHeaderName));
  const known = new Map<string, HeaderName>();
  return (name) => {
    const before = known.get(name);
    if (before !== undefined) return before;
    const folded = foldHeaderName(name);
    const entry = { folded, kind: kindOf(folded, name.toLowerCase(), own) };
    if (name.length <= 64) {
      if (known.size >= 1000) known.clear();
      known.set(name, entry);
    }
    return entry;
  };
}

function kindOf(folded: string, lower: string, own: ReadonlySet<string>): HeaderKind {
  // `Content-Length_` and `-Cookie` are what they look like to a server that trims
  const plain = folded.replace(/^-+|-+$/g, '');
  if (FRAMING.has(plain)) return plain === lower ? (SPECIAL.get(plain) as HeaderKind) : 'alias-of-framing';
  // a name that we set on some route is nobody else's, whatever it usually means
  if (own.has(plain)) return 'drop';
  const special = SPECIAL.get(plain);
  if (special !== undefined) return plain === lower || special === 'single' ? special : 'drop';
  if (HOP_BY_HOP.has(plain) || DROPPED.has(plain)) return 'drop';
  return DROPPED_FAMILIES.some((family) => plain.startsWith(family)) ? 'drop' : 'pass';
}

/** Names with a meaning of their own in the canonical reading: an identity header cannot be renamed to one. */
export const isReservedHeaderName = (name: string): boolean => {
  const folded = foldHeaderName(name);
  return SPECIAL.has(folded) || HOP_BY_HOP.has(folded) || RESERVED.has(folded);
};

/** What else frames, routes or dates a message. */
const RESERVED = new Set(['accept', 'cookie2', 'date', 'via', 'x-forwarded-host', 'tracestate', 'vary']);

const FRAMING: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'upgrade',
  'expect',
]);

const SPECIAL = new Map<string, HeaderKind>([
  ['host', 'host'],
  ['content-length', 'content-length'],
  ['transfer-encoding', 'transfer-encoding'],
  ['connection', 'connection'],
  ['upgrade', 'upgrade'],
  ['expect', 'expect'],
  ['cookie', 'cookie'],
  ['authorization', 'authorization'],
  // read when the peer is a trusted proxy, and rebuilt in any case
  ['x-forwarded-for', 'forwarding'],
  ['x-forwarded-proto', 'forwarding'],
  ['forwarded', 'forwarding'],
  ['x-request-id', 'forwarding'],
  ['traceparent', 'forwarding'],
  ['content-type', 'single'],
  ['content-encoding', 'single'],
  ['origin', 'single'],
  ['referer', 'single'],
  ['user-agent', 'single'],
  ['range', 'single'],
  ['if-range', 'single'],
  ['if-modified-since', 'single'],
  ['if-unmodified-since', 'single'],
  ['sec-fetch-site', 'single'],
  ['sec-fetch-mode', 'single'],
  ['sec-fetch-dest', 'single'],
  ['sec-fetch-user', 'single'],
]);

/** Headers of one connection, not of the message (RFC 9110 §7.6.1 and what it grew from), besides Connection and framing. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

const DROPPED = new Set([
  // who the client is and what it asked for, as proxies tell it
  'forwarded-for',
  'forwarded-host',
  'forwarded-proto',
  'x-forwarded',
  'x-real-ip',
  'x-client-ip',
  'client-ip',
  'true-client-ip',
  'cf-connecting-ip',
  'cf-connecting-ipv6',
  'cf-visitor',
  'fastly-client-ip',
  'x-cluster-client-ip',
  'x-proxyuser-ip',
  'x-host',
  'x-scheme',
  'x-url-scheme',
  'front-end-https',
  'tracestate',
  'cookie2',
  // httpoxy: CGI makes HTTP_PROXY of it
  'proxy',
  // another method or path than the one policy saw
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  // who the person is
  'x-user',
  'x-sallyport',
  'x-authenticated-user',
]);

const DROPPED_FAMILIES = [
  'x-forwarded-',
  'x-sallyport-',
  'x-original-',
  'x-rewrite-',
  'x-envoy-',
  'remote-',
  'x-remote-',
  'x-webauth-',
  'x-authentik-',
  'x-auth-request-',
  'x-pomerium-',
  'ssl-client-',
  'x-ssl-',
  'client-cert',
  'x-client-cert',
];
