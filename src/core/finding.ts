/** One problem in a file that a person wrote. All problems of a file are reported at once (architecture, "One source"). */
export interface Finding {
  readonly file: string;
  /** 1-based; 1:1 when the problem is about the file as a whole */
  readonly line: number;
  readonly column: number;
  /** stable, kebab-case: `unknown-attribute` */
  readonly code: string;
  readonly severity: 'error' | 'warning';
  /** a sentence that says what is wrong */
  readonly message: string;
  /** what to write instead */
  readonly suggestion?: string;
}

/** Thrown where a configuration or policy set cannot be used; carries all findings. The CLI exits 78 on it. */
export class InvalidConfiguration extends Error {
  readonly findings: readonly Finding[];
  constructor(findings: readonly Finding[]) {
    super(`${findings.filter((f) => f.severity === 'error').length} problem(s) in the configuration`);
    this.name = 'InvalidConfiguration';
    this.findings = findings;
  }
}

export const hasErrors = (findings: readonly Finding[]): boolean => findings.some((f) => f.severity === 'error');

/** By file, line and column, each once: the same mistake may be seen from several places. */
export function inOrder(findings: readonly Finding[]): Finding[] {
  const unique = new Map(
    findings.map((each) => [JSON.stringify([each.file, each.line, each.column, each.code, each.message]), each]),
  );
  return [...unique.values()].sort((a, b) =>
    a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1,
  );
}
