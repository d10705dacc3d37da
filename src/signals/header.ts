import type { Reader } from '../core/attribute.ts';
import { absent, Repeated, unknown } from '../core/signal.ts';
import type { RequestContext } from './context.ts';
import { readUnknown } from './declare.ts';
import { decodeFieldValue } from './octets.ts';

/** The one spelling of a header's name: lower case, whatever is not a letter or digit is `-` (security rule 8). */
export const foldHeaderName = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '-');

/**
 * Headers that describe the connection or the framing. The canonical request does not list them although clients send them,
 * so "absent" would be a lie; the attributes request.host, size and is_upgrade say what a policy can want of them.
 * Source: RFC 9110 §7.6.1, RFC 9112 §6.
 */
const FRAMING: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** A reader of the end-to-end headers of one folded name, as they go upstream. */
export function headerReader(name: string): Reader<RequestContext> {
  const folded = foldHeaderName(name);
  if (FRAMING.has(folded)) return readUnknown;
  return ({ facts }) => {
    const first = facts.headerNames.indexOf(folded);
    if (first < 0) return absent;
    const value = decodeFieldValue(facts.headers[2 * first + 1] as string);
    if (value === undefined) return unknown;
    let next = facts.headerNames.indexOf(folded, first + 1);
    if (next < 0) return value;
    const values = [value];
    for (; next >= 0; next = facts.headerNames.indexOf(folded, next + 1)) {
      const another = decodeFieldValue(facts.headers[2 * next + 1] as string);
      if (another === undefined) return unknown;
      values.push(another);
    }
    return new Repeated(values);
  };
}
