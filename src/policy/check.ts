import type { Catalogue } from '../core/attribute.ts';
import type { Finding } from '../core/finding.ts';
import { type Known, loadPolicies, type PolicyFile } from './load.ts';
import { runTests, type TestResult } from './tests.ts';

/**
 * All that can be said of a directory of policies without the routes of a configuration: findings, and how the tests of those policies
 * that have no errors came out. A failed test is no finding; whoever reports both counts it as an error.
 */
export function checkPolicies<C>(
  files: readonly PolicyFile[],
  catalogue: Catalogue<C>,
  known: Known = {},
): { readonly findings: Finding[]; readonly tests: TestResult[] } {
  const { set, findings } = loadPolicies(files, catalogue, known);
  return { findings, tests: runTests(set, catalogue) };
}
