import type { Reader } from '../core/attribute.ts';
import { foldHeaderName, type HeaderKind, headerTable } from '../core/header-names.ts';
import { absent, Repeated, unknown } from '../core/signal.ts';
import type { RequestContext } from './context.ts';
import { readUnknown } from './declare.ts';
import { decodeFieldValue } from './octets.ts';

/**
 * Only these are listed by the canonical request. The others (framing, hop-by-hop, identity, forwarding) are removed or
 * rebuilt although clients send them, so that "absent" would be a lie; request.host, size, client_ip and the like say what
 * a policy can want of them.
 */
const LISTED: ReadonlySet<HeaderKind> = new Set(['pass', 'single', 'cookie', 'authorization']);
const kindOf = headerTable([]);

/** A reader of the end-to-end headers of one name, in any spelling, as they go upstream. */
export function headerReader(name: string): Reader<RequestContext> {
  const folded = foldHeaderName(name);
  if (!LISTED.has(kindOf(folded).kind)) return readUnknown;
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
