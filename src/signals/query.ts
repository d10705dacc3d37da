import type { Reader } from '../core/attribute.ts';
import { absent, Repeated, type Unknown, unknown } from '../core/signal.ts';
import type { RequestContext } from './context.ts';
import { decodeForm } from './octets.ts';

/** Parameters by decoded name. A map, never an object: `__proto__` is a name like any other. */
export type Query = ReadonlyMap<string, string | Repeated | Unknown>;

/**
 * Reads a query (`?…` or empty, one character per octet) as form data. What servers are known to read in different ways is
 * unknown and not a guess: a value with a bad escape or octets that are not UTF-8 makes its own name unknown; such a name, or
 * a raw `;` (which some servers take for `&`), makes the whole query unknown. A name that occurs twice is `Repeated`.
 */
export function parseQuery(query: string): Query | Unknown {
  if (query.includes(';')) return unknown;
  const parameters = new Map<string, string | Repeated | Unknown>();
  for (let start = 1; start < query.length; ) {
    const next = query.indexOf('&', start);
    const end = next < 0 ? query.length : next;
    if (end > start) {
      // cut first: looking for `=` beyond the piece would make a query of nothing but names quadratic
      const piece = query.slice(start, end);
      const equals = piece.indexOf('=');
      const name = decodeForm(equals < 0 ? piece : piece.slice(0, equals));
      if (name === undefined) return unknown;
      const value = equals < 0 ? '' : (decodeForm(piece.slice(equals + 1)) ?? unknown);
      parameters.set(name, merge(parameters.get(name), value));
    }
    start = end + 1;
  }
  return parameters;
}

function merge(before: string | Repeated | Unknown | undefined, value: string | Unknown): string | Repeated | Unknown {
  if (before === undefined) return value;
  if (before === unknown || value === unknown) return unknown;
  if (typeof before === 'string') return new Repeated([before, value]);
  // built here and not handed out yet: appending in place keeps a query of one name a thousand times linear
  (before.values as string[]).push(value);
  return before;
}

/** A reader of one parameter. All readers share the parse of the query seen last, so a rule set pays for it once. */
export const queryReader =
  (name: string): Reader<RequestContext> =>
  (context) => {
    const query = parsed(context.facts.query);
    return query === unknown ? unknown : (query.get(name) ?? absent);
  };

// one slot is enough: a decision is made in one turn. Parsing is pure, so that it does not matter whose query it was.
let lastText = '';
let lastQuery: Query | Unknown = parseQuery('');
function parsed(text: string): Query | Unknown {
  if (text !== lastText) {
    lastQuery = parseQuery(text);
    lastText = text;
  }
  return lastQuery;
}
