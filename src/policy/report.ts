import type { Finding } from '../core/finding.ts';
import type { Path, SourceDocument } from '../schema/document.ts';
import type { Place } from './syntax.ts';

/** Collects the findings of one document; every finding has the position of what it is about. */
export interface Report {
  readonly file: string;
  readonly findings: Finding[];
  error(path: Path, code: string, message: string, suggestion?: string): void;
  warn(path: Path, code: string, message: string, suggestion?: string): void;
  /** the same for what has been read already and remembers its place */
  errorAt(place: Place, code: string, message: string, suggestion?: string): void;
  warnAt(place: Place, code: string, message: string, suggestion?: string): void;
  /** position of the key at `path` (of the item, for lists) */
  place(path: Path): Place;
  /** number of errors so far: a part that added none may be used */
  errors(): number;
}

export function openReport(document: SourceDocument): Report {
  const findings: Finding[] = [];
  let errors = 0;
  const place = (path: Path): Place => {
    const { line, column } = document.locate(path, 'key');
    return { line, column };
  };
  const add = (severity: Finding['severity'], at: Place, code: string, message: string, suggestion?: string): void => {
    if (severity === 'error') errors++;
    const finding = { file: document.file, ...at, code, severity, message };
    findings.push(suggestion === undefined ? finding : { ...finding, suggestion });
  };
  return {
    file: document.file,
    findings,
    error: (path, code, message, suggestion) => add('error', place(path), code, message, suggestion),
    warn: (path, code, message, suggestion) => add('warning', place(path), code, message, suggestion),
    errorAt: (at, code, message, suggestion) =>
      add('error', { line: at.line, column: at.column }, code, message, suggestion),
    warnAt: (at, code, message, suggestion) =>
      add('warning', { line: at.line, column: at.column }, code, message, suggestion),
    place,
    errors: () => errors,
  };
}

export type Fields = Readonly<Record<string, unknown>>;

/** A map of the document; not a list, not null. */
export const isMap = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The suggestion that a near word makes; the same sentence as for keys of the configuration. */
export const didYouMean = (near: string | undefined): string | undefined =>
  near === undefined ? undefined : `Did you mean ${near}?`;
