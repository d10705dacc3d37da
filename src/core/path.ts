import { ODD_DOUBLE_SLASH, ODD_ENCODED_SLASH, ODD_SEMICOLON } from './facts.ts';

/** A request target read once. `refusal` says which rule it broke; the other fields count only without it. */
export interface CanonicalTarget {
  readonly refusal: string | undefined;
  readonly path: string;
  readonly decodedPath: string;
  readonly query: string;
  readonly oddities: number;
}

/**
 * Reads an origin-form target (RFC 9112 §3.2.1) in exactly one way or refuses it (security rules 2 and 3). No URL parser:
 * `//evil/x` and `/\evil` become another host in one. The path comes out with unreserved escapes decoded and all others
 * upper-cased (RFC 3986 §6.2.2), the query byte for byte.
 */
export function canonicalTarget(target: string): CanonicalTarget {
  if (target.charCodeAt(0) !== 0x2f) return refused('the target is not a path');
  if (PLAIN.test(target)) return { refusal: undefined, path: target, decodedPath: target, query: '', oddities: 0 };
  const mark = target.indexOf('?');
  const raw = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? '' : target.slice(mark);
  if (target.includes('#')) return refused('raw # in the target');
  if (!RAW_PATH.test(raw)) return refused('control, space, backslash or non-ASCII character in the path');
  if (!RAW_QUERY.test(query)) return refused('control character or space in the query');
  const path = raw.includes('%') ? normaliseEscapes(raw) : { text: raw, refusal: undefined };
  if (path.refusal !== undefined) return refused(path.refusal);
  if (DOT_SEGMENT.test(path.text)) return refused('dot segment in the path');
  if (DOUBLY_ENCODED.test(path.text)) return refused('doubly encoded dot or slash in the path');
  const decodedPath = decode(path.text);
  if (decodedPath === undefined) return refused('the path is not valid UTF-8');
  return { refusal: undefined, path: path.text, decodedPath, query, oddities: oddities(path.text) };
}

// the common case: segments of unreserved characters, no empty one, none that starts with a dot, no query
const PLAIN = /^(?:\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*\/?$/;
const RAW_PATH = /^[!-[\]-~]+$/;
const RAW_QUERY = /^[!-~\x80-\xff]*$/;
// an upstream that decodes %2F or drops ;parameters would see the dot segment: so do we
const DOT_SEGMENT = /(?:\/|%2F)\.\.?(?:;|\/|%2F|$)/;
const DOUBLY_ENCODED = /%25(?:25)*(?:2e|2f|5c|00)/i;

const refused = (refusal: string): CanonicalTarget => ({ refusal, path: '', decodedPath: '', query: '', oddities: 0 });

function oddities(path: string): number {
  return (
    (path.includes('%2F') ? ODD_ENCODED_SLASH : 0) |
    (path.includes(';') ? ODD_SEMICOLON : 0) |
    (path.includes('//') ? ODD_DOUBLE_SLASH : 0)
  );
}

function normaliseEscapes(raw: string): { text: string; refusal: string | undefined } {
  let text = '';
  let from = 0;
  for (let at = raw.indexOf('%'); at >= 0; at = raw.indexOf('%', from)) {
    const hex = raw.slice(at + 1, at + 3);
    if (!/^[0-9A-Fa-f]{2}$/.test(hex)) return { text: '', refusal: 'bad percent-encoding in the path' };
    const byte = Number.parseInt(hex, 16);
    if (byte < 0x20 || byte === 0x7f) return { text: '', refusal: 'encoded control character in the path' };
    if (byte === 0x2e) return { text: '', refusal: 'encoded dot in the path' };
    if (byte === 0x5c) return { text: '', refusal: 'encoded backslash in the path' };
    text += raw.slice(from, at) + (isUnreserved(byte) ? String.fromCharCode(byte) : `%${hex.toUpperCase()}`);
    from = at + 3;
  }
  return { text: text + raw.slice(from), refusal: undefined };
}

const isUnreserved = (byte: number): boolean =>
  (byte >= 0x61 && byte <= 0x7a) ||
  (byte >= 0x41 && byte <= 0x5a) ||
  (byte >= 0x30 && byte <= 0x39) ||
  byte === 0x2d ||
  byte === 0x5f ||
  byte === 0x7e;

/** What policies compare: everything decoded but `%2F`, which would look like a separator. Undefined: not UTF-8. */
function decode(path: string): string | undefined {
  if (!path.includes('%')) return path;
  try {
    return decodeURIComponent(path.replaceAll('%2F', '%252F'));
  } catch {
    return undefined;
  }
}
