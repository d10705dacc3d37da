/**
 * `application/x-www-form-urlencoded`, read in exactly one way: a name that occurs twice, a bad escape, text that is not
 * UTF-8 or more than 64 fields make the whole of it undefined. A map, so that no name can reach a prototype.
 * Source: WHATWG URL, section 5, minus its leniency.
 */
export function parseUrlencoded(text: string): ReadonlyMap<string, string> | undefined {
  const fields = new Map<string, string>();
  if (text === '') return fields;
  const pairs = text.split('&', MAX_FIELDS + 1);
  if (pairs.length > MAX_FIELDS) return undefined;
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    const value = decode(equals < 0 ? '' : pair.slice(equals + 1));
    if (name === undefined || value === undefined || fields.has(name)) return undefined;
    fields.set(name, value);
  }
  return fields;
}

const MAX_FIELDS = 64;

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
