/** What a text of JSON is, or in a sentence why it is refused. */
export type ParsedJson =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly detail: string };

/** Nesting of maps and lists; nothing that people send to us needs more. */
const MAX_DEPTH = 32;
/** Names that reach a prototype wherever an object is filled by name (security rule 24). */
const REACHING = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * Reads JSON that a stranger sent (RFC 8259): nesting is bounded before anything walks the value, maps come back without a
 * prototype, and keys that reach one are refused. The caller bounds the length. Never throws.
 */
export function parseJson(text: string): ParsedJson {
  if (isDeeperThan(text, MAX_DEPTH)) return { ok: false, detail: `It is nested deeper than ${MAX_DEPTH} levels.` };
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return { ok: false, detail: 'It is not JSON.' };
  }
  const refused: string[] = [];
  const value = bare(parsed, refused);
  return refused.length === 0 ? { ok: true, value } : { ok: false, detail: `The key "${refused[0]}" is refused.` };
}

/** Counts brackets outside of strings; what is no JSON may count wrongly, and the parser refuses it afterwards. */
function isDeeperThan(text: string, most: number): boolean {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (inString) {
      if (character === '\\') i++;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === '[' || character === '{') {
      depth++;
      if (depth > most) return true;
    } else if (character === ']' || character === '}') depth--;
  }
  return false;
}

/** A copy whose maps have no prototype. */
function bare(value: unknown, refused: string[]): unknown {
  if (Array.isArray(value)) return value.map((item) => bare(item, refused));
  if (typeof value !== 'object' || value === null) return value;
  const out: Record<string, unknown> = Object.create(null);
  for (const [key, item] of Object.entries(value)) {
    if (REACHING.has(key)) refused.push(key);
    else out[key] = bare(item, refused);
  }
  return out;
}
