import { and, NO, not, type Tri, triWord, UNKNOWN, YES } from '../core/tri.ts';
import { type Binding, compileAtom, type Read, readingText } from './atom.ts';
import { type Atom, type AttributeRef, type Expression, refsOf } from './syntax.ts';

/** An expression as `explain` shows it: each node with its result, each comparison with what was read. */
export type ExplainedCondition =
  | {
      readonly kind: 'atom';
      readonly attribute: string;
      readonly operator: string;
      /** as written, bounded */
      readonly operand: string;
      readonly result: 'true' | 'false' | 'unknown';
      /** what was read, as text, for each attribute of the comparison; the first is its own */
      readonly values: readonly { readonly attribute: string; readonly value: string }[];
      readonly line: number;
      readonly column: number;
    }
  | {
      readonly kind: 'all' | 'any' | 'not' | 'is';
      /** of the condition, for `is` */
      readonly name: string | undefined;
      readonly result: 'true' | 'false' | 'unknown';
      readonly of: readonly ExplainedCondition[];
      readonly line: number;
      readonly column: number;
    };

export interface Condition<C> {
  readonly test: (context: C) => Tri;
  /** of its dearest comparison: a rank, see `compileComparison`; parts of a conjunction run in this order */
  readonly cost: number;
  explain(context: C): ExplainedCondition;
}

/** What compiling an expression of one policy needs. `costOf` is of reading an attribute: 0 free, 1 cheap, 2 costly. */
export interface ConditionScope<C> {
  readonly binding: Binding<C>;
  readonly costOf: (ref: AttributeRef) => number;
  readonly conditions: ReadonlyMap<string, Expression>;
  /** named conditions are compiled once */
  readonly compiled: Map<string, Condition<C>>;
}

/** Compiles a checked expression. The order in which parts run depends on their cost only; the result never does. */
export function compileCondition<C>(scope: ConditionScope<C>, expression: Expression): Condition<C> {
  switch (expression.kind) {
    case 'atom':
      return compileComparison(scope, expression);
    case 'not': {
      const inner = compileCondition(scope, expression.of);
      const test = (context: C): Tri => not(inner.test(context));
      return branch('not', undefined, expression.place, [inner], test);
    }
    case 'is': {
      const inner = compileNamed(scope, expression.name);
      return branch('is', expression.name, expression.place, [inner], inner.test);
    }
    case 'all':
    case 'any': {
      const parts = expression.of.map((part) => compileCondition(scope, part));
      const tests = [...parts].sort((a, b) => a.cost - b.cost).map((part) => part.test);
      const test = expression.kind === 'all' ? conjunction(tests) : disjunction(tests);
      return branch(expression.kind, undefined, expression.place, parts, test);
    }
  }
}

function compileNamed<C>(scope: ConditionScope<C>, name: string): Condition<C> {
  const known = scope.compiled.get(name);
  if (known !== undefined) return known;
  const body = scope.conditions.get(name);
  if (body === undefined) throw new Error(`a condition that was checked is missing: ${name}`);
  const condition = compileCondition(scope, body);
  scope.compiled.set(name, condition);
  return condition;
}

function conjunction<C>(tests: readonly ((context: C) => Tri)[]): (context: C) => Tri {
  const [first, second] = tests;
  if (tests.length === 2 && first !== undefined && second !== undefined) {
    // the usual number, without the loop
    return (context) => {
      const tri = first(context);
      return tri === NO ? NO : and(tri, second(context));
    };
  }
  return (context) => {
    let result: Tri = YES;
    for (const test of tests) {
      const tri = test(context);
      if (tri === NO) return NO;
      if (tri === UNKNOWN) result = UNKNOWN;
    }
    return result;
  };
}

const disjunction =
  <C>(tests: readonly ((context: C) => Tri)[]) =>
  (context: C): Tri => {
    let result: Tri = NO;
    for (const test of tests) {
      const tri = test(context);
      if (tri === YES) return YES;
      if (tri === UNKNOWN) result = UNKNOWN;
    }
    return result;
  };

type Place = Expression['place'];

function branch<C>(
  kind: 'all' | 'any' | 'not' | 'is',
  name: string | undefined,
  { line, column }: Place,
  parts: readonly Condition<C>[],
  test: (context: C) => Tri,
): Condition<C> {
  const cost = parts.reduce((highest, part) => Math.max(highest, part.cost), 0);
  const explain = (context: C): ExplainedCondition => {
    const of = parts.map((part) => part.explain(context));
    return { kind, name, result: triWord(test(context)), of, line, column };
  };
  return { test, cost, explain };
}

function compileComparison<C>(scope: ConditionScope<C>, atom: Atom): Condition<C> {
  const test = compileAtom(atom, scope.binding);
  const refs = refsOf(atom);
  const reads = refs.map((ref): readonly [string, Read<C>] => [ref.written, scope.binding.read(ref)]);
  const pattern = atom.operator === 'matches' || atom.operator === 'glob' ? 1 : 0;
  const reading = refs.reduce((highest, ref) => Math.max(highest, scope.costOf(ref)), pattern);
  // of what is equally cheap to read, a single value is compared faster than a list is searched or an address parsed
  const comparing = atom.ref.type === 'address' ? 2 : atom.ref.type === 'list' ? 1 : 0;
  const cost = 3 * reading + comparing;
  const operand = operandText(atom);
  const { line, column } = atom.place;
  const explain = (context: C): ExplainedCondition => ({
    kind: 'atom',
    attribute: atom.ref.written,
    operator: atom.operator,
    operand,
    result: triWord(test(context)),
    values: reads.map(([attribute, read]) => ({ attribute, value: readingText(read(context)) })),
    line,
    column,
  });
  return { test, cost, explain };
}

function operandText(atom: Atom): string {
  const parts = atom.operands.map((operand) =>
    operand.kind === 'value' ? operand.text : `{ attribute: ${operand.ref.written} }`,
  );
  const text = parts.length === 1 ? (parts[0] as string) : `[${parts.join(', ')}]`;
  return text.length > 200 ? `${text.slice(0, 199)}…` : text;
}
