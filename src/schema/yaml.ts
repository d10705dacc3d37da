import { Composer, Parser } from 'yaml';
import type { Finding } from '../core/finding.ts';
import { errorAt, lineIndex, type Position, type SourceDocument } from './document.ts';
import { MAX_FILE_BYTES, scanYaml } from './scan.ts';
import { buildTree, documentOf, type Report } from './tree.ts';

export type { Path, Position, SourceDocument } from './document.ts';

export interface YamlResult {
  /**
   * What could be read, undefined when nothing could. It is also given beside errors that leave the rest readable (a
   * duplicate key, a tag …), so that all problems of a file come at once: whoever uses it must look at `findings` first.
   */
  readonly document: SourceDocument | undefined;
  readonly findings: Finding[];
}

/** Problems listed per file; a file of noise has more, and nobody reads them. */
const MAX_FINDINGS = 100;

/**
 * Reads the part of YAML 1.2 (core schema) that a person needs: one document, no anchors, aliases, tags, merges or
 * directives, unique text keys, finite numbers. Size and depth are bounded before the parser runs (security rule 24).
 * Maps become objects without prototype. Never throws. A leading byte order mark is skipped.
 */
export function readYaml(file: string, source: string): YamlResult {
  if (source.length > MAX_FILE_BYTES) {
    return failed(file, { line: 1, column: 1 }, 'file-too-large', `The file is larger than ${MAX_FILE_BYTES} bytes.`);
  }
  const text = source.startsWith('\uFEFF') ? source.slice(1) : source;
  const position = lineIndex(text);
  const findings: Finding[] = [];
  const report = (offset: number, code: string, message: string, suggestion?: string): void => {
    if (findings.length < MAX_FINDINGS) findings.push(errorAt(file, position(offset), code, message, suggestion));
  };
  try {
    const problems = scanYaml(text);
    for (const p of problems) report(p.offset, p.code, p.message, p.suggestion);
    if (problems.some((p) => p.fatal)) return { document: undefined, findings };
    const { contents, readable } = parse(text, report);
    if (!readable) return { document: undefined, findings };
    if (contents === null) report(0, 'file-empty', 'The file is empty.');
    const root = buildTree(contents, report);
    return { document: documentOf(file, root, position), findings };
  } catch (error) {
    // the scan keeps the recursion of the parser shallow; whatever else it trips over is a bad file, not a crash
    const message = error instanceof RangeError ? 'The file is nested too deeply.' : 'The file cannot be parsed.';
    return failed(file, { line: 1, column: 1 }, 'yaml-syntax', message);
  }
}

const PARSE_OPTIONS = {
  version: '1.2',
  schema: 'core',
  merge: false,
  strict: true,
  // its own check compares every pair of keys; ours is a set
  uniqueKeys: false,
} as const;

/** The tree of a text that the scan let through; syntax errors are reported, and stop the parser when there are too many. */
function parse(text: string, report: Report): { contents: unknown; readable: boolean } {
  const composer = new Composer(PARSE_OPTIONS);
  let errors = 0;
  // replaces the parser's own list, which grows by an Error object for each bad token, without end (test: bombs)
  const onError = (source: unknown, _code: string, message: string, warning?: boolean): void => {
    // warnings are about tags, which the scan reports
    if (warning === true) return;
    errors += 1;
    if (errors > MAX_FINDINGS) throw new TooManyErrors();
    report(errorOffset(source), 'yaml-syntax', sentence(message));
  };
  Object.assign(composer, { onError });
  try {
    let contents: unknown = null;
    for (const document of composer.compose(new Parser().parse(text))) contents ??= document.contents;
    return { contents, readable: errors === 0 };
  } catch (error) {
    if (error instanceof TooManyErrors) return { contents: null, readable: false };
    throw error;
  }
}

class TooManyErrors extends Error {}

/** The parser names places as an offset, a range, or a token. */
function errorOffset(source: unknown): number {
  if (typeof source === 'number') return source;
  if (Array.isArray(source)) return Number(source[0]);
  return (source as { readonly offset: number }).offset;
}

const failed = (file: string, at: Position, code: string, message: string): YamlResult => ({
  document: undefined,
  findings: [errorAt(file, at, code, message)],
});

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);
