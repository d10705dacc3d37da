import type { Decision } from '../core/decision.ts';
import type { Explanation } from '../policy/explain.ts';
import type { Described } from './explain-text.ts';

/** An explanation as data (docs/policy.md, "explain"): snake_case like all JSON of the product, ages in seconds. */
export const explanationJson = (
  request: Described,
  sensitivity: string,
  { decision, authenticated, implicitAllow, rules, login }: Explanation,
) => ({
  request,
  sensitivity,
  decision: decisionJson(decision),
  authenticated,
  implicit_allow: implicitAllow,
  rules,
  login,
});

function decisionJson(decision: Decision): unknown {
  if (decision.effect !== 'step_up') return decision;
  const { level, maxAgeMs, anyOf, allOf } = decision.need;
  const age = maxAgeMs === undefined ? undefined : maxAgeMs / 1000;
  return { ...decision, need: { level, max_age: age, any_of: anyOf, all_of: allOf } };
}
