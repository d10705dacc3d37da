import { CST, Lexer } from 'yaml';

/** Largest file, bytes of UTF-8 and UTF-16 units of text alike (policy-language 14). */
export const MAX_FILE_BYTES = 4 * 1024 * 1024;
/** Deepest nesting of maps and lists, as `scanYaml` counts it; the deepest sensible policy needs about a dozen. */
export const MAX_DEPTH = 64;

/** Something that the subset of YAML we read does not have; `fatal` means that the parser must not see the text. */
export interface ScanProblem {
  readonly offset: number;
  readonly code: string;
  readonly message: string;
  readonly suggestion?: string;
  readonly fatal: boolean;
}

const MAX_PROBLEMS = 50;
/** The parser needs about 1 kB for each token: 4 MB of `]` exhaust the heap. A dense file of 4 MB has about a million. */
const MAX_TOKENS = 3_000_000;

/**
 * Looks at the tokens of a text before any tree is built. Depth is bounded here because the parser and the composer are
 * recursive: 20,000 `[` abort the process (security rule 24). The lexer is the parser's own, and is iterative, so that the
 * two cannot disagree about what is a bracket and what is text. A pair in a flow list (`[a: b]`) is seen
 * at its colon, when its key is over, so the true depth is at most twice what is counted, and one for a key. Each syntax
 * error may add a level to that; `readYaml` stops the parser after 100 of them.
 */
export function scanYaml(text: string): ScanProblem[] {
  const problems: ScanProblem[] = [];
  const control = CONTROL.exec(text);
  if (control !== null) {
    return [problem(control.index, 'yaml-control-character', 'A control character is not allowed here.', true)];
  }
  const depth = new DepthGauge();
  let offset = 0;
  let documents = 0;
  let content = false;
  let ended = false;
  let scalarNext = false;
  let tokens = 0;
  for (const token of new Lexer().lex(text)) {
    tokens += 1;
    if (tokens > MAX_TOKENS) {
      return [...problems, problem(offset, 'file-too-large', `The file has more than ${MAX_TOKENS} tokens.`, true)];
    }
    const type: string = scalarNext ? 'scalar' : (CST.tokenType(token) ?? 'error');
    if (!scalarNext && MARKERS.has(token)) {
      if (type === 'flow-error-end') depth.endFlow();
      scalarNext = type === 'scalar';
      continue;
    }
    scalarNext = false;
    if (depth.feed(type, token, offset) > MAX_DEPTH) {
      return [...problems, problem(offset, 'yaml-too-deep', `Nested deeper than ${MAX_DEPTH} levels.`, true)];
    }
    if (type === 'doc-start' ? documents > 0 || content : ended && !BLANK.has(type)) {
      const message = 'A file holds one document; a second one starts here.';
      return [...problems, problem(offset, 'yaml-second-document', message, true)];
    }
    if (type === 'doc-start') documents += 1;
    else if (type === 'doc-end') ended = true;
    else if (!BLANK.has(type) && type !== 'directive-line') content = true;
    const refused = REFUSED.get(type);
    if (refused !== undefined) problems.push({ offset, fatal: problems.length + 1 >= MAX_PROBLEMS, ...refused });
    if (problems.length >= MAX_PROBLEMS) return problems;
    offset += token.length;
  }
  return problems;
}

const problem = (offset: number, code: string, message: string, fatal: boolean): ScanProblem => ({
  offset,
  code,
  message,
  fatal,
});

// biome-ignore lint/suspicious/noControlCharactersInRegex: what YAML 1.2 (5.1) does not allow, and a CR alone
const CONTROL = /\r(?!\n)|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffe\uffff]/;

/** Zero-width tokens of the lexer, which are no part of the text. */
const MARKERS: ReadonlySet<string> = new Set(['\u0002', '\u0018', '\u001f']);

const BLANK: ReadonlySet<string> = new Set(['space', 'newline', 'comment', 'byte-order-mark', 'doc-end']);

const REFUSED: ReadonlyMap<string, { readonly code: string; readonly message: string; readonly suggestion?: string }> =
  new Map([
    ['anchor', { code: 'yaml-alias', message: 'Anchors are not read.', suggestion: 'Write the value out.' }],
    [
      'alias',
      {
        code: 'yaml-alias',
        message: 'Aliases are not read.',
        suggestion: 'Write the value out; text that starts with * needs quotes.',
      },
    ],
    ['tag', { code: 'yaml-tag', message: 'Tags are not read.', suggestion: 'Text that starts with ! needs quotes.' }],
    ['directive-line', { code: 'yaml-directive', message: 'Directives (%) are not read.' }],
  ]);

/** A pair in a list is a map of its own; in a map, only a second colon before the next comma would be another. */
const weight = (open: { readonly list: boolean; readonly colons: number }): number =>
  1 + (open.list ? open.colons : Math.max(0, open.colons - 1));

/** Counts open maps and lists, flow and block, from tokens alone. */
class DepthGauge {
  /** columns at which the block maps and lists that are open began, ascending; a list counts half a column more */
  readonly #block: number[] = [];
  /** what each open flow collection counts: itself, and the pairs that were begun in its current item */
  readonly #flow: { readonly list: boolean; colons: number }[] = [];
  #flowDepth = 0;
  #lineStart = 0;
  /** nothing but white space since the start of the line */
  #fresh = true;
  /** a map or list was seen in this line: whatever opens after it is inside it */
  #opened = false;
  /** column of the node that a `:` would make a key of */
  #nodeColumn = 0;
  #expectNode = true;

  /** Depth after this token. */
  feed(type: string, token: string, offset: number): number {
    const column = offset - this.#lineStart;
    const lineBreak = token.lastIndexOf('\n');
    if (lineBreak >= 0) this.#lineStart = offset + lineBreak + 1;
    if (this.#flow.length > 0) this.#inFlow(type);
    else if (type !== 'space' && type !== 'comment' && type !== 'newline') this.#inBlock(type, column);
    if (this.#flow.length === 0 && lineBreak >= 0 && lineBreak === token.length - 1) {
      this.#fresh = true;
      this.#expectNode = true;
    }
    return this.#block.length + this.#flowDepth;
  }

  /** The lexer gave up on an unclosed flow collection, as the parser will. */
  endFlow(): void {
    this.#flow.length = 0;
    this.#flowDepth = 0;
  }

  #inFlow(type: string): void {
    const open = this.#flow.at(-1);
    if (type === 'flow-seq-start' || type === 'flow-map-start') this.#openFlow(type === 'flow-seq-start');
    else if (type === 'flow-seq-end' || type === 'flow-map-end') {
      this.#flow.pop();
      this.#flowDepth -= open === undefined ? 0 : weight(open);
    } else if (open !== undefined && (type === 'comma' || type === 'map-value-ind')) {
      this.#flowDepth -= weight(open);
      open.colons = type === 'comma' ? 0 : open.colons + 1;
      this.#flowDepth += weight(open);
    }
  }

  #openFlow(list: boolean): void {
    this.#flow.push({ list, colons: 0 });
    this.#flowDepth += 1;
  }

  #inBlock(type: string, column: number): void {
    if (this.#fresh) {
      this.#fresh = false;
      this.#opened = false;
      while ((this.#block.at(-1) ?? -1) > column) this.#block.pop();
    }
    if (this.#expectNode) this.#nodeColumn = column;
    this.#expectNode = type === 'seq-item-ind' || type === 'explicit-key-ind' || type === 'map-value-ind';
    if (type === 'seq-item-ind') this.#open(column + 0.5);
    else if (type === 'explicit-key-ind') this.#open(column);
    else if (type === 'map-value-ind') this.#open(this.#nodeColumn);
    else if (type === 'flow-seq-start' || type === 'flow-map-start') this.#openFlow(type === 'flow-seq-start');
  }

  #open(at: number): void {
    const last = this.#block.at(-1) ?? -1;
    if (this.#opened || last !== at) this.#block.push(Math.max(at, last));
    this.#opened = true;
  }
}
