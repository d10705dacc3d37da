import type { Decision, Need } from '../core/decision.ts';
import type { ExplainedRule, Explanation } from '../policy/explain.ts';

/** The request, in the words of the output. */
export interface ShownRequest {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly route: string | null;
  readonly as: string | null;
}

/** A decision as data: the age in seconds. */
export type DecisionJson =
  | Exclude<Decision, { readonly effect: 'step_up' }>
  | (Omit<Extract<Decision, { readonly effect: 'step_up' }>, 'need'> & { readonly need: NeedJson });

export interface NeedJson {
  readonly level: Need['level'];
  readonly max_age: number | undefined;
  readonly any_of: Need['anyOf'];
  readonly all_of: Need['allOf'];
}

/** An explanation as data (docs/policy.md, "explain"): snake_case like all JSON of the product. */
export interface ExplanationJson {
  readonly request: ShownRequest;
  readonly sensitivity: string;
  readonly decision: DecisionJson;
  readonly authenticated: boolean;
  readonly implicit_allow: boolean;
  readonly rules: readonly ExplainedRule[];
  readonly login: readonly ExplainedRule[] | undefined;
}

export const explanationJson = (
  request: ShownRequest,
  sensitivity: string,
  { decision, authenticated, implicitAllow, rules, login }: Explanation,
): ExplanationJson => ({
  request,
  sensitivity,
  decision: decisionJson(decision),
  authenticated,
  implicit_allow: implicitAllow,
  rules,
  login,
});

function decisionJson(decision: Decision): DecisionJson {
  if (decision.effect !== 'step_up') return decision;
  const { level, maxAgeMs, anyOf, allOf } = decision.need;
  const age = maxAgeMs === undefined ? undefined : maxAgeMs / 1000;
  return { ...decision, need: { level, max_age: age, any_of: anyOf, all_of: allOf } };
}
