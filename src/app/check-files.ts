import type { Finding } from '../core/finding.ts';
import { checkPolicies } from '../policy/check.ts';
import type { Known, PolicyFile } from '../policy/load.ts';
import type { TestResult } from '../policy/tests.ts';
import { catalogue } from '../signals/index.ts';

/** What `check --json` prints and the administration API answers. */
export interface CheckReport {
  readonly findings: readonly Finding[];
  readonly tests: readonly Omit<TestResult, 'line'>[];
  readonly summary: {
    readonly errors: number;
    readonly warnings: number;
    readonly passed: number;
    readonly failed: number;
  };
}

/** Counts and shapes what a check found. */
export function checkReport(findings: readonly Finding[], tests: CheckReport['tests']): CheckReport {
  const errors = findings.filter((finding) => finding.severity === 'error').length;
  const failed = tests.filter((test) => !test.passed).length;
  return {
    findings,
    tests: tests.map(({ file, policy, name, passed, expected, got }) => ({
      file,
      policy,
      name,
      passed,
      expected,
      got,
    })),
    summary: { errors, warnings: findings.length - errors, passed: tests.length - failed, failed },
  };
}

/** Checks policies and runs their tests as `check DIRECTORY` does, with the catalogue of this gateway. Never throws. */
export function checkFiles(files: readonly PolicyFile[], known: Known): CheckReport {
  const { findings, tests } = checkPolicies(files, catalogue, known);
  return checkReport(findings, tests);
}
