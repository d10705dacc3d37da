import type { Catalogue } from '../core/attribute.ts';
import type { Decision, Elevation } from '../core/decision.ts';
import { literalCatalogue, literalOf } from './literal-catalogue.ts';
import { compileProgram } from './program.ts';
import type { PolicySet, PolicyTest } from './syntax.ts';

/** How one literal test came out. */
export interface TestResult {
  readonly file: string;
  readonly line: number;
  readonly policy: string;
  readonly name: string;
  readonly passed: boolean;
  /** what the test asks for, `deny rule sanctioned-country, reason country_restriction` */
  readonly expected: string;
  /** the whole answer in the same words */
  readonly got: string;
}

/** The proofs of a test are those that it describes: none of them has expired. */
const FOREVER: Elevation = {
  none: Number.POSITIVE_INFINITY,
  low: Number.POSITIVE_INFINITY,
  medium: Number.POSITIVE_INFINITY,
  high: Number.POSITIVE_INFINITY,
};

/** Runs every test of a set with the compiler that the gateway uses, each against the rules of its own policy alone. */
export function runTests<C>(set: PolicySet, catalogue: Catalogue<C>): TestResult[] {
  const literal = literalCatalogue(catalogue);
  const results: TestResult[] = [];
  for (const policy of set.layers.values()) {
    if (policy.tests.length === 0) continue;
    const options = { layers: [policy.name], public: false, caseSensitive: false, elevation: FOREVER };
    const { program } = compileProgram(set, literal, options);
    for (const test of policy.tests) {
      const decision = program.evaluate(literalOf(test.given));
      const { name, file, place, expect } = test;
      results.push({
        file,
        line: place.line,
        policy: policy.name,
        name,
        passed: isExpected(decision, expect),
        expected: outcomeText(expect.effect, expect.rule, expect.reason),
        got: outcomeText(decision.effect, ruleOf(decision), reasonOf(decision)),
      });
    }
  }
  return results;
}

const isExpected = (decision: Decision, expect: PolicyTest['expect']): boolean =>
  decision.effect === expect.effect &&
  (expect.rule === undefined || ruleOf(decision) === expect.rule) &&
  (expect.reason === undefined || reasonOf(decision) === expect.reason);

const ruleOf = (decision: Decision): string | undefined =>
  decision.effect === 'login' ? undefined : decision.rule?.rule;
const reasonOf = (decision: Decision): string | undefined =>
  decision.effect === 'allow' ? undefined : decision.reason;

function outcomeText(effect: string, rule: string | undefined, reason: string | undefined): string {
  const details = [
    ...(rule === undefined ? [] : [`rule ${rule}`]),
    ...(reason === undefined ? [] : [`reason ${reason}`]),
  ];
  return details.length === 0 ? effect : `${effect} ${details.join(', ')}`;
}
