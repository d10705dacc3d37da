import type { AttributeType } from '../core/attribute.ts';
import type { Effect, Level, Method } from '../core/decision.ts';
import type { ReasonCode } from '../core/reasons.ts';
import type { Reading } from '../core/signal.ts';
import type { RoleSet } from './roles.ts';

/**
 * A checked policy: what the files say, with every name resolved and every literal parsed. Plain data, independent of
 * the context that it will be judged on; compileProgram turns it into closures.
 */

/** 1-based position in the file of the policy. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** An attribute as a policy mentions it. */
export interface AttributeRef {
  /** as written, `request.header.x-team` */
  readonly written: string;
  /** its name in the catalogue, `request.header.*` */
  readonly name: string;
  /** what stands in place of the `*` of a family */
  readonly key: string | undefined;
  readonly type: AttributeType;
}

/** The operators after shorthand is expanded: `in` of a list attribute is `any_of`, a scalar is `equals`. */
export const OPERATORS = [
  'equals',
  'in',
  'any_of',
  'all_of',
  'none_of',
  'empty',
  'present',
  'prefix',
  'suffix',
  'glob',
  'matches',
  'below',
  'at_most',
  'above',
  'at_least',
  'between',
  'before',
  'after',
  'in_cidr',
] as const;
export type Operator = (typeof OPERATORS)[number];

/** Instants and durations are ms, dates `YYYY-MM-DD`, everything else as in core/signal.ts. */
export type Scalar = string | number | boolean;
export type Operand =
  | { readonly kind: 'value'; readonly value: Scalar; readonly text: string }
  | { readonly kind: 'attribute'; readonly ref: AttributeRef };

/** One comparison. */
export interface Atom {
  readonly kind: 'atom';
  readonly ref: AttributeRef;
  readonly operator: Operator;
  /** one for most operators, two for `between`, one or more for lists */
  readonly operands: readonly Operand[];
  readonly place: Place;
}

export type Expression =
  | Atom
  | { readonly kind: 'all' | 'any'; readonly of: readonly Expression[]; readonly place: Place }
  | { readonly kind: 'not'; readonly of: Expression; readonly place: Place }
  | { readonly kind: 'is'; readonly name: string; readonly place: Place };

/** What a step-up asks for (policy-language 3). Ages in ms. */
export interface Requirement {
  readonly level: Level;
  readonly maxAgeMs: number | undefined;
  readonly methods: readonly Method[] | undefined;
  readonly allOf: readonly Method[];
}

export interface Rule {
  readonly name: string;
  readonly effect: 'allow' | 'deny' | 'step_up';
  readonly reason: ReasonCode | undefined;
  /** a deny or step-up that does not fire on unknown (policy-language 7) */
  readonly skipUnknown: boolean;
  /** undefined: always */
  readonly when: Expression | undefined;
  readonly require: Requirement | undefined;
  readonly place: Place;
}

export const SENSITIVITIES = ['low', 'medium', 'high', 'critical'] as const;
export type Sensitivity = (typeof SENSITIVITIES)[number];

export interface Policy {
  readonly name: string;
  readonly file: string;
  readonly place: Place;
  readonly timeZone: string;
  readonly sensitivity: Sensitivity | undefined;
  /** by name; they refer to one another without cycles and within bounds */
  readonly conditions: ReadonlyMap<string, Expression>;
  readonly rules: readonly Rule[];
  readonly tests: readonly PolicyTest[];
}

/** One literal test (policy-language, `tests:`). */
export interface PolicyTest {
  readonly name: string;
  /** the file that it stands in: the policy's own, or a `*.test.yaml` */
  readonly file: string;
  readonly place: Place;
  /** what `given` names, by the attribute's name as written (`literalName`); `unknown:` included */
  readonly given: ReadonlyMap<string, Reading>;
  readonly expect: {
    readonly effect: Effect;
    readonly rule: string | undefined;
    readonly reason: string | undefined;
  };
}

/** All policies of a directory. `layers` holds those without errors; `broken` names the others. `roles` is what roles.yaml says. */
export interface PolicySet {
  readonly layers: ReadonlyMap<string, Policy>;
  readonly broken: ReadonlySet<string>;
  readonly roles: RoleSet;
}

/** Every comparison of an expression, conditions that it names included. */
export function* atomsOf(
  expression: Expression | undefined,
  conditions: ReadonlyMap<string, Expression>,
  seen: Set<string> = new Set(),
): Generator<Atom> {
  if (expression === undefined) return;
  if (expression.kind === 'atom') yield expression;
  else if (expression.kind === 'not') yield* atomsOf(expression.of, conditions, seen);
  else if (expression.kind === 'is') {
    if (seen.has(expression.name)) return;
    seen.add(expression.name);
    yield* atomsOf(conditions.get(expression.name), conditions, seen);
  } else for (const part of expression.of) yield* atomsOf(part, conditions, seen);
}

/** The attributes that an atom reads: its own and those that its operands name. */
export function refsOf(atom: Atom): AttributeRef[] {
  const refs = [atom.ref];
  for (const operand of atom.operands) if (operand.kind === 'attribute') refs.push(operand.ref);
  return refs;
}
