import { OWN_COOKIES } from './cookies.ts';

export interface SplitCookies {
  /** our own cookies: the value, or null when the name came more than once (two session cookies are none, rule 17) */
  readonly own: ReadonlyMap<string, string | null>;
  /** the line without them, for the upstream */
  readonly rest: string;
}

const NONE: ReadonlyMap<string, string | null> = new Map();

/** Takes the gateway's own cookies out of a Cookie line (RFC 6265 §4.2.1). What is not ours stays byte for byte. */
export function splitCookies(line: string): SplitCookies {
  if (!/sallyport/i.test(line)) return { own: NONE, rest: line };
  const own = new Map<string, string | null>();
  const rest: string[] = [];
  for (const part of line.split(';')) {
    const equals = part.indexOf('=');
    const name = (equals < 0 ? part : part.slice(0, equals)).trim();
    if (OWN_COOKIES.has(name)) {
      own.set(name, own.has(name) || equals < 0 ? null : part.slice(equals + 1).trim());
    } else if (!LOOKS_OWN.test(part)) {
      rest.push(part);
    }
  }
  return { own, rest: rest.join(';').trim() };
}

// an upstream may ignore case, split at commas, take a nameless cookie's value for a name or decode names: ours must not be
// found there under any spelling
const LOOKS_OWN = /(?:^|,)[\s="]*(?:__host-)?sallyport(?:-login|-device)?\s*(?:=|%3d|"|$)/i;
