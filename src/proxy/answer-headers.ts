import { foldHeaderName, HOP_BY_HOP } from '../core/header-names.ts';

/**
 * The headers of an upstream's answer as they go to the client: hop-by-hop headers and those that Connection names are gone
 * (RFC 9110 §7.6.1), so are the names that are ours to say, and cookies with our names (security rule 11); an application
 * cannot clear our cookie either. One byte per character, as they came.
 *
 * @throws TypeError when the answer is framed in a way that we did not ask for
 */
export function answerHeaders(status: number, raw: readonly (Buffer | string)[], id: string): string[] {
  const headers: string[] = [];
  let named: Set<string> | undefined;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = text(raw[i] as Buffer);
    const kind = kindOf(name);
    if (kind === 'drop') continue;
    const value = text(raw[i + 1] as Buffer);
    switch (kind) {
      case 'pass':
        headers.push(name, value);
        break;
      case 'connection':
        named = addNames(named, value);
        break;
      case 'set-cookie':
        if (!OWN_COOKIE.test(value)) headers.push(name, value);
        break;
      case 'content-length':
        // RFC 9110 §8.6: not with 204, whatever it says
        if (status !== 204) headers.push(name, value);
        break;
      case 'transfer-encoding':
        if (value.toLowerCase() !== 'chunked') throw new TypeError('a transfer coding that nobody asked for');
        break;
      case 'clear-site-data':
        headers.push(name, value.replace(/"(?:cookies|\*)"/gi, '"cache"'));
        break;
    }
  }
  const kept = named === undefined ? headers : withoutNamed(headers, named);
  kept.push('X-Request-Id', id);
  return kept;
}

const text = (bytes: Buffer | string): string => (typeof bytes === 'string' ? bytes : bytes.toString('latin1'));

type AnswerHeaderKind = 'pass' | 'drop' | (typeof READ)[number];
const READ = ['connection', 'set-cookie', 'content-length', 'transfer-encoding', 'clear-site-data'] as const;

// Upstreams send the same few names for ever; bounded all the same
const known = new Map<string, AnswerHeaderKind>();

function kindOf(name: string): AnswerHeaderKind {
  const before = known.get(name);
  if (before !== undefined) return before;
  const folded = foldHeaderName(name);
  const kind = READ.find((read) => read === folded) ?? (isOurs(folded) ? 'drop' : 'pass');
  if (known.size >= 1000) known.clear();
  if (name.length <= 64) known.set(name, kind);
  return kind;
}

const isOurs = (folded: string): boolean =>
  HOP_BY_HOP.has(folded) || folded === 'x-request-id' || folded === 'set-cookie2' || folded.startsWith('x-sallyport');

// browsers trim names and let a nameless cookie carry one in its value; old ones split at commas
const OWN_COOKIE = /(?:^|,)[\s=]*(?:__host-)?sallyport(?:-login|-device)?\s*(?:=|;|$)/i;

function addNames(named: Set<string> | undefined, value: string): Set<string> | undefined {
  // what nearly every upstream says on every answer
  if (value === 'keep-alive' || value === 'close') return named;
  const names = named ?? new Set();
  for (const token of value.split(',')) {
    const folded = foldHeaderName(token.trim());
    // length is framing: the pool has read it, and the client needs it
    if (folded !== '' && folded !== 'content-length') names.add(folded);
  }
  return names;
}

function withoutNamed(headers: readonly string[], named: ReadonlySet<string>): string[] {
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (!named.has(foldHeaderName(headers[i] as string))) kept.push(headers[i] as string, headers[i + 1] as string);
  }
  return kept;
}
