import type { Decision, Elevation, Proof, RuleRef } from '../core/decision.ts';
import { NO, type Tri, UNKNOWN, YES } from '../core/tri.ts';
import type { Condition } from './condition.ts';
import { isMet, mergeNeeds } from './proofs.ts';
import { compileIndex, type Guard } from './rule-index.ts';
import type { Requirement, Rule } from './syntax.ts';

/** A rule of a program: what the file says, and its condition as a closure. */
export interface CompiledRule<C> {
  readonly ref: RuleRef;
  readonly rule: Rule;
  readonly test: (context: C) => Tri;
  /** undefined: always */
  readonly condition: Condition<C> | undefined;
  /** what it can be found by */
  readonly guards: readonly Guard<C>[];
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
  /** place among all rules, in layer-then-file order */
  readonly order: number;
  readonly ref: RuleRef;
  readonly test: (context: C) => Tri;
  readonly rule: Rule;
  /** of an allow or deny */
  readonly decision: Decision;
  readonly guards: readonly Guard<C>[];
}

/** Rules by effect, each in their order. */
interface Shelf<R> {
  readonly denies: readonly R[];
  readonly allows: readonly R[];
  readonly stepUps: readonly R[];
}

const shelve = <R extends { readonly rule: Rule }>(rules: readonly R[]): Shelf<R> => {
  const of = (effect: Rule['effect']) => rules.filter(({ rule }) => rule.effect === effect);
  return { denies: of('deny'), allows: of('allow'), stepUps: of('step_up') };
};

/**
 * The judgement of one set of rules, in layer-then-file order (policy-language 1–3, 5, 7). Denies are judged before
 * allows, and step-ups only for what would be allowed; the result does not depend on that, nor on the rules that the index
 * leaves out, which are false. Nothing is allocated unless a step-up fires. `implicitAllow` is the one rule of a public route.
 */
export function compileJudgement<C>(
  rules: readonly CompiledRule<C>[],
  circumstances: Circumstances<C>,
  options: { readonly implicitAllow: boolean; readonly elevation: Elevation },
): Judgement<C> {
  const find = compileIndex<C, Ready<C>, Shelf<Ready<C>>>(
    rules.map(({ ref, rule, test, guards }, order): Ready<C> => {
      const { effect, reason = 'policy_denied' } = rule;
      const decision: Decision = effect === 'allow' ? { effect, rule: ref } : { effect: 'deny', rule: ref, reason };
      return { order, ref, test, rule, decision: Object.freeze(decision), guards };
    }),
    shelve,
  );

  const judgeStepUps = (shelves: readonly Shelf<Ready<C>>[], context: C): Decision | undefined => {
    let unmet: Unmet<C>[] | undefined;
    for (const { stepUps } of shelves) {
      for (const each of stepUps) {
        const tri = each.test(context);
        const { require, skipUnknown } = each.rule;
        if (tri === NO || (tri === UNKNOWN && skipUnknown) || require === undefined) continue;
        if (isMet(require, circumstances.proofs(context), circumstances.now(context), options.elevation)) continue;
        unmet ??= [];
        unmet.push({ tri, require, each });
      }
    }
    return unmet && demand(unmet.sort((a, b) => a.each.order - b.each.order));
  };

  return (context) => {
    const shelves = find(context);
    const denied = firstFiring(shelves, context);
    if (denied !== undefined) return denied;
    const allowed = options.implicitAllow ? IMPLICIT_ALLOW : firstTrue(shelves, context);
    return allowed === undefined ? NO_RULE_MATCHED : (judgeStepUps(shelves, context) ?? allowed);
  };
}

interface Unmet<C> {
  readonly tri: Tri;
  readonly require: Requirement;
  readonly each: Ready<C>;
}

/** What all step-ups that fired and are not met ask for together; the answer names the first of them that is true. */
function demand<C>(unmet: readonly Unmet<C>[]): Decision | undefined {
  const named = unmet.find(({ tri }) => tri === YES) ?? unmet[0];
  if (named === undefined) return undefined;
  const { ref, rule } = named.each;
  const need = mergeNeeds(unmet.map(({ require }) => require));
  if (need === undefined) return { effect: 'deny', rule: ref, reason: 'step_up_impossible' };
  return { effect: 'step_up', rule: ref, reason: rule.reason ?? 'step_up_required', need };
}

/** The first rule that is true, else the first that is unknown and does not skip that. */
function firstFiring<C>(shelves: readonly Shelf<Ready<C>>[], context: C): Decision | undefined {
  let certain: Ready<C> | undefined;
  let possible: Ready<C> | undefined;
  for (const { denies } of shelves) {
    for (const each of denies) {
      if (certain !== undefined && certain.order < each.order) break;
      const tri = each.test(context);
      if (tri === YES) certain = each;
      else if (tri === UNKNOWN && !each.rule.skipUnknown && !(possible !== undefined && possible.order < each.order))
        possible = each;
    }
  }
  return (certain ?? possible)?.decision;
}

function firstTrue<C>(shelves: readonly Shelf<Ready<C>>[], context: C): Decision | undefined {
  let first: Ready<C> | undefined;
  for (const { allows } of shelves) {
    for (const each of allows) {
      if (first !== undefined && first.order < each.order) break;
      if (each.test(context) === YES) first = each;
    }
  }
  return first?.decision;
}

/**
 * The second judgement (policy-language 4) over rules whose attributes of identity, session and access are veiled: could
 * signing in help? Some allow is true or unknown, and no deny is true.
 */
export function compileLoginJudgement<C>(
  rules: readonly CompiledRule<C>[],
  implicitAllow: boolean,
): (context: C) => boolean {
  const find = compileIndex<C, CompiledRule<C>, Shelf<CompiledRule<C>>>(rules, shelve);
  return (context) => {
    const shelves = find(context);
    return (
      (implicitAllow || shelves.some(({ allows }) => allows.some((each) => each.test(context) !== NO))) &&
      !shelves.some(({ denies }) => denies.some((each) => each.test(context) === YES))
    );
  };
}
