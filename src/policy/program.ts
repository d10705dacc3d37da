import type { Attribute, Catalogue, Reader } from '../core/attribute.ts';
import type { Decision, Elevation } from '../core/decision.ts';
import type { Finding } from '../core/finding.ts';
import { unknown } from '../core/signal.ts';
import { YES } from '../core/tri.ts';
import { suggest } from '../schema/suggest.ts';
import type { Read } from './atom.ts';
import { type ConditionScope, compileCondition } from './condition.ts';
import { type Explanation, explainDecision } from './explain.ts';
import { type CompiledRule, compileJudgement, compileLoginJudgement } from './judgement.ts';
import { didYouMean } from './report.ts';
import { guardsOf, type Source } from './rule-index.ts';
import {
  type AttributeRef,
  atomsOf,
  type Policy,
  type PolicySet,
  refsOf,
  SENSITIVITIES,
  type Sensitivity,
} from './syntax.ts';
import { compileValidity } from './validity.ts';

/** What a route says about its policies. */
export interface ProgramOptions {
  /** `policy:` of the route, in its order */
  readonly layers: readonly string[];
  /** `public: true`: one implicit allow; the layers may only deny */
  readonly public: boolean;
  /** `case_sensitive: true`: no comparison is unknown for its case */
  readonly caseSensitive: boolean;
  /** ms that a proof of each level counts; `none` may be Infinity */
  readonly elevation: Elevation;
  /** a sensitivity of the route's own; the highest of it and the layers' counts */
  readonly sensitivity?: Sensitivity;
}

/** The compiled policies of one route. Pure: no I/O, no clock, never throws unless a reader does. */
export interface Program<C> {
  evaluate(context: C): Decision;
  /** attributes as written that its rules read, sorted */
  readonly reads: readonly string[];
  /** readers of exactly the request-scoped attributes that it reads; null: its decisions must not be remembered */
  readonly cacheKey: readonly Reader<C>[] | null;
  /** earliest wall-clock ms at which a remembered decision may differ; Infinity if never. With `cacheKey: null`, now. */
  validUntil(context: C): number;
  readonly sensitivity: Sensitivity;
  explain(context: C): Explanation;
}

/**
 * Compiles the policies of one route. Findings without a file are about the route itself and get its position from the
 * caller. With an error the program denies everything, so that one that is used by mistake opens nothing.
 */
export function compileProgram<C>(
  set: PolicySet,
  catalogue: Catalogue<C>,
  options: ProgramOptions,
): { readonly program: Program<C>; readonly findings: Finding[] } {
  const findings: Finding[] = [];
  const policies = findLayers(set, options, findings);
  if (options.public) for (const policy of policies) findings.push(...checkPublic(policy, catalogue));
  return {
    program: buildProgram(findings.length > 0 ? [] : policies, catalogue, options, findings.length > 0),
    findings,
  };
}

function findLayers(set: PolicySet, options: ProgramOptions, findings: Finding[]): Policy[] {
  const policies: Policy[] = [];
  const seen = new Set<string>();
  if (options.layers.length === 0 && !options.public) {
    findings.push(
      ofRoute('route-without-policy', 'The route names no policy and is not public.', 'policy: [NAME] or public: true'),
    );
  }
  for (const name of options.layers) {
    const policy = set.layers.get(name);
    if (seen.has(name)) findings.push(ofRoute('duplicate-layer', `The policy "${name}" is named twice.`));
    else if (policy !== undefined) policies.push(policy);
    else if (set.broken.has(name)) findings.push(ofRoute('broken-policy', `The policy "${name}" has errors.`));
    else
      findings.push(
        ofRoute('unknown-policy', `There is no policy "${name}".`, didYouMean(suggest(name, set.layers.keys()))),
      );
    seen.add(name);
  }
  return policies;
}

const ofRoute = (code: string, message: string, suggestion?: string): Finding => {
  const finding = { file: '', line: 1, column: 1, code, severity: 'error', message } as const;
  return suggestion === undefined ? finding : { ...finding, suggestion };
};

/** Policies of a public route judge requests of nobody: only denies, only over what is known of nobody (policy-language 5). */
function checkPublic<C>(policy: Policy, catalogue: Catalogue<C>): Finding[] {
  const findings: Finding[] = [];
  const add = (place: { readonly line: number; readonly column: number }, code: string, message: string): void => {
    findings.push({ file: policy.file, line: place.line, column: place.column, code, severity: 'error', message });
  };
  for (const rule of policy.rules) {
    if (rule.effect !== 'deny') {
      add(
        rule.place,
        'public-route-effect',
        `A public route uses this policy, which may then only deny; "${rule.name}" is ${rule.effect}.`,
      );
    }
    for (const atom of atomsOf(rule.when, policy.conditions)) {
      const personal = refsOf(atom).find((ref) => catalogue.attributes.get(ref.name)?.aboutPerson === true);
      if (personal === undefined) continue;
      add(
        atom.place,
        'public-route-person',
        `A public route uses this policy, but ${personal.written} is about a person.`,
      );
    }
  }
  return findings;
}

function buildProgram<C>(
  policies: readonly Policy[],
  catalogue: Catalogue<C>,
  options: ProgramOptions,
  denyAll: boolean,
): Program<C> {
  const rules = policies.flatMap((policy) => policy.rules);
  const atoms = policies.flatMap((policy) =>
    policy.rules.flatMap((rule) => [...atomsOf(rule.when, policy.conditions)]),
  );
  const refs = new Map(atoms.flatMap(refsOf).map((ref): [string, AttributeRef] => [ref.written, ref]));
  const validity = compileValidity(atoms, rules, catalogue, options.elevation);
  const implicitAllow = options.public && !denyAll;

  const open = compileRules(policies, catalogue, options.caseSensitive, false);
  const judge = compileJudgement(open, catalogue, { implicitAllow, elevation: options.elevation });
  // most requests are somebody's: the second judgement is compiled when the first request of nobody needs it
  let veiled: readonly CompiledRule<C>[] | undefined;
  let helps: ((context: C) => boolean) | undefined;
  const veiledRules = (): readonly CompiledRule<C>[] => {
    veiled ??= compileRules(policies, catalogue, options.caseSensitive, true);
    return veiled;
  };
  const loginHelps = (context: C): boolean => {
    helps ??= compileLoginJudgement(veiledRules(), implicitAllow);
    return helps(context);
  };

  const evaluate = (context: C): Decision => {
    const decision = judge(context);
    if (decision.effect === 'allow' || catalogue.authenticated(context)) return decision;
    if (loginHelps(context)) return LOGIN;
    // nobody can step up; the algebra says that this is never reached, and if it were, the answer is no
    return decision.effect === 'deny' ? decision : { effect: 'deny', rule: undefined, reason: 'policy_denied' };
  };

  return {
    evaluate,
    reads: [...refs.keys()].sort(),
    cacheKey: validity.cacheable ? requestReaders([...refs.values()], catalogue) : null,
    validUntil: validity.validUntil,
    sensitivity: highest([options.sensitivity, ...policies.map((policy) => policy.sensitivity)]),
    explain: (context) => {
      const second = catalogue.authenticated(context) ? undefined : veiledRules();
      return explainDecision(evaluate(context), context, catalogue, open, second, options.elevation, implicitAllow);
    },
  };
}

const LOGIN: Decision = Object.freeze({ effect: 'login', reason: 'login_required' });
const COST = { free: 0, cheap: 1, costly: 2 } as const;

function compileRules<C>(
  policies: readonly Policy[],
  catalogue: Catalogue<C>,
  caseSensitive: boolean,
  veil: boolean,
): CompiledRule<C>[] {
  const attribute = (ref: AttributeRef): Attribute<C> => {
    const found = catalogue.attributes.get(ref.name);
    if (found === undefined) throw new Error(`an attribute that was checked is missing: ${ref.name}`);
    return found;
  };
  const isVeiled = (ref: AttributeRef): boolean => veil && attribute(ref).veiledForLogin;
  return policies.flatMap((policy) => {
    const bound = new Map<string, Read<C>>();
    const read = (ref: AttributeRef): Read<C> => {
      const known = bound.get(ref.written);
      if (known !== undefined) return known;
      const reader: Read<C> = isVeiled(ref)
        ? () => unknown
        : attribute(ref).bind({ key: ref.key, timeZone: policy.timeZone });
      bound.set(ref.written, reader);
      return reader;
    };
    const scope: ConditionScope<C> = {
      binding: { read, folds: (ref) => !caseSensitive && attribute(ref).foldsCase },
      costOf: (ref) => (isVeiled(ref) ? 0 : COST[attribute(ref).cost]),
      conditions: policy.conditions,
      compiled: new Map(),
    };
    const sourceOf = (ref: AttributeRef): Source<C> | undefined => {
      const { cost, foldsCase: folds } = attribute(ref);
      // lists are looked up member by member, unfolded
      return cost === 'free' && !isVeiled(ref) && !(folds && ref.type === 'list')
        ? { read: read(ref), folds }
        : undefined;
    };
    return policy.rules.map((rule): CompiledRule<C> => {
      const condition = rule.when === undefined ? undefined : compileCondition(scope, rule.when);
      const ref = Object.freeze({ policy: policy.name, rule: rule.name, file: policy.file, line: rule.place.line });
      const guards = guardsOf(rule.when, policy.conditions, sourceOf);
      return { ref, rule, condition, test: condition?.test ?? (() => YES), guards };
    });
  });
}

/** Request-scoped attributes never depend on the time zone of the file that reads them. */
const requestReaders = <C>(refs: readonly AttributeRef[], catalogue: Catalogue<C>): Reader<C>[] =>
  refs.flatMap((ref) => {
    const attribute = catalogue.attributes.get(ref.name);
    return attribute?.scope === 'request' ? [attribute.bind({ key: ref.key, timeZone: 'UTC' })] : [];
  });

/** The highest that is said; medium if none is (policy-language 5). */
const highest = (said: readonly (Sensitivity | undefined)[]): Sensitivity =>
  SENSITIVITIES.findLast((word) => said.includes(word)) ?? 'medium';
