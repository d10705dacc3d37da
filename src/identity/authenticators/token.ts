/** Longest token that is looked at, characters (security rule 16). A browser's or an issuer's are a tenth of it. */
export const MAX_TOKEN_LENGTH = 8192;

/** A token taken apart. Nothing in it is verified yet. */
export interface ParsedToken {
  readonly alg: string;
  readonly kid: string | undefined;
  readonly issuer: string;
  /** the claims, a map and not an object so that no name can reach a prototype */
  readonly claims: ReadonlyMap<string, unknown>;
}

/**
 * Takes a signed JWT in compact form apart (RFC 7519, RFC 7515), or says what is wrong with it. Pure, never throws, and
 * stricter than the RFCs: one spelling of each byte, no name twice, no header that brings keys or changes how the signature
 * is read, only finite numbers. What comes out means the same to whoever verifies the signature afterwards.
 */
export function parseToken(token: string): ParsedToken | string {
  if (token.length > MAX_TOKEN_LENGTH) return 'longer than 8 KiB';
  const [first, second, third, ...more] = token.split('.', 6);
  if (first === undefined || second === undefined || third === undefined || more.length > 0) return 'not three parts';
  const header = decodeObject(first);
  if (typeof header === 'string') return `header ${header}`;
  const problem = checkHeader(header);
  if (problem !== undefined) return problem;
  if (decodeSegment(third) === undefined) return 'signature not base64url';
  const claims = decodeObject(second);
  if (typeof claims === 'string') return `payload ${claims}`;
  const issuer = claims.get('iss');
  if (typeof issuer !== 'string') return 'no iss';
  return { alg: header.get('alg') as string, kid: header.get('kid') as string | undefined, issuer, claims };
}

/**
 * What would have us take a key, or another reading of the bytes, from the token itself (RFC 7515 4.1.2 to 4.1.5, 4.1.11;
 * RFC 7797; RFC 7516 4.1.2 and 4.1.3). RFC 8725 3.10: such values are the attacker's.
 */
const REFUSED_HEADERS = ['crit', 'b64', 'jku', 'x5u', 'jwk', 'x5c', 'zip', 'enc'];
const MAX_KID_LENGTH = 256;
// an ID or access token; a logout token or a proof of possession is not one (RFC 8725 3.11, RFC 9068 2.1)
const TYPES: ReadonlySet<string> = new Set(['jwt', 'at+jwt', 'application/jwt', 'application/at+jwt']);

function checkHeader(header: ReadonlyMap<string, unknown>): string | undefined {
  const refused = REFUSED_HEADERS.find((name) => header.has(name));
  if (refused !== undefined) return `header has ${refused}`;
  if (typeof header.get('alg') !== 'string') return 'no alg';
  const typ = header.get('typ');
  if (typ !== undefined && (typeof typ !== 'string' || !TYPES.has(typ.toLowerCase()))) return 'another typ';
  // a token within a token: the inner one would be nobody's business to verify
  if (header.has('cty')) return 'header has cty';
  const kid = header.get('kid');
  if (kid === undefined) return undefined;
  return typeof kid === 'string' && kid !== '' && kid.length <= MAX_KID_LENGTH ? undefined : 'bad kid';
}

const BASE64URL = /^[A-Za-z0-9_-]+$/;

/** The bytes of a part; undefined unless it is their one spelling: no padding, no stray bits at the end (RFC 7515 2). */
function decodeSegment(text: string): Buffer | undefined {
  if (!BASE64URL.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

// a byte order mark stays, and is then no JSON
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeObject(segment: string): ReadonlyMap<string, unknown> | string {
  const bytes = decodeSegment(segment);
  if (bytes === undefined) return 'not base64url';
  let text: string;
  let value: unknown;
  try {
    text = utf8.decode(bytes);
    value = JSON.parse(text);
  } catch {
    return 'not JSON';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'not an object';
  if (hasDuplicateName(text)) return 'with a name twice';
  if (hasInfinity(value)) return 'with a number out of range';
  return new Map(Object.entries(value));
}

// of text that is JSON: strings whole, so that no brace inside one counts
const JSON_TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],]/g;

/**
 * Whether some object in valid JSON text has two members of one name, however it is spelled. Parsers differ on which one
 * counts (RFC 8259 4), and whoever issued the token may have meant the other.
 */
export function hasDuplicateName(text: string): boolean {
  // one set of names for each open object; an open array has none
  const open: (Set<string> | undefined)[] = [];
  let before = '';
  for (const [token] of text.matchAll(JSON_TOKENS)) {
    const names = open.at(-1);
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (token !== ',' && names !== undefined && (before === '{' || before === ',')) {
      const name: unknown = JSON.parse(token);
      if (names.has(name as string)) return true;
      names.add(name as string);
    }
    before = token;
  }
  return false;
}

/** `1e400` is JSON and reads as Infinity, which every comparison of ours would have to expect (security rule 12). */
function hasInfinity(root: object): boolean {
  // a list and not a recursion: 8 KiB of brackets are deeper than the stack may be
  const waiting: unknown[] = [root];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (typeof value === 'number' && !Number.isFinite(value)) return true;
    if (typeof value === 'object' && value !== null) waiting.push(...Object.values(value));
  }
  return false;
}
