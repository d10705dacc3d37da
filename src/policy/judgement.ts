import type { Decision, Elevation, Proof, RuleRef } from '../core/decision.ts';
import { NO, type Tri, UNKNOWN, YES } from '../core/tri.ts';
import type { Condition } from './condition.ts';
import { isMet, mergeNeeds } from './proofs.ts';
import type { Requirement, Rule } from './syntax.ts';

/** A rule of a program: what the file says, and its condition as a closure. */
export interface CompiledRule<C> {
  readonly ref: RuleRef;
  readonly rule: Rule;
  readonly test: (context: C) => Tri;
  /** undefined: always */
  readonly condition: Condition<C> | undefined;
}

/** What judging asks of a context besides attributes. */
export interface Circumstances<C> {
  proofs(context: C): readonly Proof[];
  now(context: C): number;
}

export type Judgement<C> = (context: C) => Decision;

const NO_RULE_MATCHED: Decision = Object.freeze({ effect: 'deny', rule: undefined, reason: 'no_rule_matched' });
const IMPLICIT_ALLOW: Decision = Object.freeze({ effect: 'allow', rule: undefined });

interface Ready<C> {
  readonly test: (context: C) => Tri;
  readonly skipUnknown: boolean;
  readonly decision: Decision;
}

const ready = <C>(
  rules: readonly CompiledRule<C>[],
  effect: Rule['effect'],
  decide: (rule: CompiledRule<C>) => Decision,
): Ready<C>[] =>
  rules
    .filter((each) => each.rule.effect === effect)
    .map((each) => ({ test: each.test, skipUnknown: each.rule.skipUnknown, decision: Object.freeze(decide(each)) }));

/**
 * The judgement of one set of rules, in layer-then-file order (policy-language 1–3, 5, 7). Denies are judged before
 * allows, and step-ups only for what would be allowed; the result does not depend on that. Nothing is allocated unless a
 * step-up fires. `implicitAllow` is the one rule of a public route.
 */
export function compileJudgement<C>(
  rules: readonly CompiledRule<C>[],
  circumstances: Circumstances<C>,
  options: { readonly implicitAllow: boolean; readonly elevation: Elevation },
): Judgement<C> {
  const denies = ready(rules, 'deny', ({ ref, rule }) => ({
    effect: 'deny',
    rule: ref,
    reason: rule.reason ?? 'policy_denied',
  }));
  const allows = ready(rules, 'allow', ({ ref }) => ({ effect: 'allow', rule: ref }));
  const stepUps = rules.filter((each) => each.rule.effect === 'step_up');

  const judgeStepUps = (context: C): Decision | undefined => {
    const proofs = circumstances.proofs(context);
    const now = circumstances.now(context);
    let certain: CompiledRule<C> | undefined;
    let possible: CompiledRule<C> | undefined;
    const unmet: Requirement[] = [];
    for (const each of stepUps) {
      const tri = each.test(context);
      const { require, skipUnknown } = each.rule;
      if (tri === NO || (tri === UNKNOWN && skipUnknown) || require === undefined) continue;
      if (isMet(require, proofs, now, options.elevation)) continue;
      unmet.push(require);
      if (tri === YES) certain ??= each;
      else possible ??= each;
    }
    const named = certain ?? possible;
    if (named === undefined) return undefined;
    const need = mergeNeeds(unmet);
    if (need === undefined) return { effect: 'deny', rule: named.ref, reason: 'step_up_impossible' };
    return { effect: 'step_up', rule: named.ref, reason: named.rule.reason ?? 'step_up_required', need };
  };

  return (context) => {
    const denied = firstFiring(denies, context);
    if (denied !== undefined) return denied;
    const allowed = options.implicitAllow ? IMPLICIT_ALLOW : firstTrue(allows, context);
    if (allowed === undefined) return NO_RULE_MATCHED;
    return stepUps.length === 0 ? allowed : (judgeStepUps(context) ?? allowed);
  };
}

/** The first rule that is true, else the first that is unknown and does not skip that. */
function firstFiring<C>(rules: readonly Ready<C>[], context: C): Decision | undefined {
  let possible: Decision | undefined;
  for (const each of rules) {
    const tri = each.test(context);
    if (tri === YES) return each.decision;
    if (tri === UNKNOWN && !each.skipUnknown) possible ??= each.decision;
  }
  return possible;
}

function firstTrue<C>(rules: readonly Ready<C>[], context: C): Decision | undefined {
  for (const each of rules) if (each.test(context) === YES) return each.decision;
  return undefined;
}

/**
 * The second judgement (policy-language 4) over rules whose attributes of identity, session and access are veiled: could
 * signing in help? Some allow is true or unknown, and no deny is true.
 */
export function compileLoginJudgement<C>(
  rules: readonly CompiledRule<C>[],
  implicitAllow: boolean,
): (context: C) => boolean {
  const denies = rules.filter((each) => each.rule.effect === 'deny');
  const allows = rules.filter((each) => each.rule.effect === 'allow');
  return (context) =>
    (implicitAllow || allows.some((each) => each.test(context) !== NO)) &&
    !denies.some((each) => each.test(context) === YES);
}
