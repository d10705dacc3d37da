import type { Finding } from '../core/finding.ts';

/** 1-based; columns count UTF-16 code units, as editors do. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Steps from the root of a document: key of a map, index of a list. */
export type Path = readonly (string | number)[];

/** A parsed file whose values know where they were written. */
export interface SourceDocument {
  readonly file: string;
  /** plain data: maps are objects without prototype, lists arrays, scalars string, finite number, boolean or null */
  readonly value: unknown;
  /**
   * Where the value at `path` was written, or with `'key'` the key that names it (for list items both are the item). A
   * path that leaves the document gives the deepest part of it that exists. Never throws.
   */
  locate(path: Path, which?: 'key' | 'value'): Position;
  /** the string at `path` was filled from the environment or a file: no finding may print it */
  isSecret(path: Path): boolean;
}

/** Line starts of a text, so that an offset becomes a position by binary search. */
export function lineIndex(text: string): (offset: number) => Position {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] as number) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (starts[low] as number) + 1 };
  };
}

/** An error at a place of a file. */
export const errorAt = (file: string, at: Position, code: string, message: string, suggestion?: string): Finding => ({
  file,
  line: at.line,
  column: at.column,
  code,
  severity: 'error',
  message,
  ...(suggestion === undefined ? {} : { suggestion }),
});
