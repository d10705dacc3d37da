import { RE2JS } from 're2js';

/**
 * A text without its case. Upper then lower, because either may be what a careless upstream does: the long s becomes `s`
 * only by the first and the Kelvin sign becomes `k` only by the second.
 */
export function foldText(text: string): string {
  if (text === lastText) return lastFolded;
  lastFolded = text.toUpperCase().toLowerCase();
  lastText = text;
  return lastFolded;
}
// Many rules look at the same path of the same request: one remembered text makes folding free for all but the first.
let lastText = '';
let lastFolded = '';

const MAX_PATTERN = 1_000;
const MAX_PROGRAM = 2_000;

export interface TextPattern {
  test(text: string): boolean;
  /** the same without regard to case */
  testFolded(text: string): boolean;
}

/** Compiles an RE2 expression, searched anywhere in the text. Returns what is wrong with it otherwise. Bounded in length and size. */
export function compileRegex(source: string): TextPattern | string {
  return compilePattern(source, 0);
}

/** Compiles a glob for the whole text: `*` any run without `/`, `**` any run, `?` one character other than `/`. */
export function compileGlob(source: string): TextPattern | string {
  if (/[[\]{}\\]/.test(source))
    return 'a glob knows only *, ** and ?; brackets, braces and backslashes mean nothing in it';
  const body = source.replace(/\*\*|\*|\?|[^*?]+/g, (part) =>
    part === '**' ? '.*' : part === '*' ? '[^/]*' : part === '?' ? '[^/]' : RE2JS.quote(part),
  );
  return compilePattern(`\\A(?:${body})\\z`, RE2JS.DOTALL);
}

function compilePattern(source: string, flags: number): TextPattern | string {
  if (source.length > MAX_PATTERN) return `the pattern is longer than ${MAX_PATTERN} characters`;
  try {
    const exact = RE2JS.compile(source, flags);
    const folded = RE2JS.compile(source, flags | RE2JS.CASE_INSENSITIVE);
    if (folded.programSize() > MAX_PROGRAM) return 'the pattern is too large once its repetitions are written out';
    return { test: (text) => exact.test(text), testFolded: (text) => folded.test(text) };
  } catch (error) {
    return error instanceof Error ? error.message : 'not a regular expression';
  }
}

/** Which ends of an expression are fixed. `a|b` outside of a group frees both. */
export function anchoring(source: string): 'both' | 'start' | 'end' | 'none' {
  let text = source;
  const flags = /^\(\?([a-zA-Z-]+)\)/.exec(text);
  if (flags?.[1]?.includes('m')) return 'none';
  if (flags !== null) text = text.slice(flags[0].length);
  if (hasTopLevelAlternative(text)) return 'none';
  const start = text.startsWith('^') || text.startsWith('\\A');
  const end =
    (text.endsWith('$') && !isEscaped(text, text.length - 1)) ||
    (text.endsWith('\\z') && !isEscaped(text, text.length - 2));
  return start ? (end ? 'both' : 'start') : end ? 'end' : 'none';
}

function isEscaped(text: string, at: number): boolean {
  let slashes = 0;
  while (text[at - 1 - slashes] === '\\') slashes++;
  return slashes % 2 === 1;
}

function hasTopLevelAlternative(text: string): boolean {
  let depth = 0;
  let inClass = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '\\') i++;
    else if (inClass) inClass = c !== ']';
    else if (c === '[') {
      inClass = true;
      // a `]` right after the opening (or its `^`) is an ordinary member
      if (text[i + 1] === '^') i++;
      if (text[i + 1] === ']') i++;
    } else if (c === '(') depth++;
    else if (c === ')') depth--;
    else if (c === '|' && depth === 0) return true;
  }
  return false;
}
