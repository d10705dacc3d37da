import type { Decision, Elevation } from '../core/decision.ts';
import { type Tri, triWord, UNKNOWN, YES } from '../core/tri.ts';
import type { ExplainedCondition } from './condition.ts';
import type { Circumstances, CompiledRule } from './judgement.ts';
import { isMet } from './proofs.ts';

export interface ExplainedRule {
  readonly policy: string;
  readonly rule: string;
  readonly effect: 'allow' | 'deny' | 'step_up';
  readonly file: string;
  readonly line: number;
  readonly result: 'true' | 'false' | 'unknown';
  /** it has its effect: true, or for deny and step_up unknown without `unknown: skip`; a step-up fires even when it is met */
  readonly fires: boolean;
  /** whether the proofs of the session meet it; undefined for allow and deny */
  readonly met: boolean | undefined;
  /** undefined: a rule without `when` */
  readonly condition: ExplainedCondition | undefined;
}

/** Why a decision is what it is: every rule, in layer-then-file order. Plain data, ready for JSON. */
export interface Explanation {
  readonly decision: Decision;
  readonly authenticated: boolean;
  /** a public route's allow that stands in no file */
  readonly implicitAllow: boolean;
  readonly rules: readonly ExplainedRule[];
  /** the second judgement, of requests of nobody only: identity, session and access are unknown in it */
  readonly login: readonly ExplainedRule[] | undefined;
}

/** Judges every rule in full, without any of the short cuts of `evaluate`. */
export function explainDecision<C>(
  decision: Decision,
  context: C,
  circumstances: Circumstances<C> & { authenticated(context: C): boolean },
  rules: readonly CompiledRule<C>[],
  veiled: readonly CompiledRule<C>[] | undefined,
  elevation: Elevation,
  implicitAllow: boolean,
): Explanation {
  const explain = ({ ref, rule, test, condition }: CompiledRule<C>): ExplainedRule => {
    const tri: Tri = test(context);
    const met =
      rule.require === undefined
        ? undefined
        : isMet(rule.require, circumstances.proofs(context), circumstances.now(context), elevation);
    return {
      policy: ref.policy,
      rule: ref.rule,
      effect: rule.effect,
      file: ref.file,
      line: ref.line,
      result: triWord(tri),
      fires: tri === YES || (tri === UNKNOWN && rule.effect !== 'allow' && !rule.skipUnknown),
      met,
      condition: condition?.explain(context),
    };
  };
  return {
    decision,
    authenticated: circumstances.authenticated(context),
    implicitAllow,
    rules: rules.map(explain),
    login: veiled?.map(explain),
  };
}
