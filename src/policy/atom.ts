import { type AttributeValue, absent, PartialList, type Reading, Repeated, unknown } from '../core/signal.ts';
import { and, NO, not, or, type Tri, triOf, UNKNOWN, YES } from '../core/tri.ts';
import { networkSet, parseAddress, parseNetwork } from './address.ts';
import {
  agreement,
  holds,
  isEmpty,
  isPresent,
  type Judge,
  judgeReading,
  type Relation,
  relate,
  relateMember,
  relateOverlap,
  relationOf,
  textJudge,
} from './compare.ts';
import type { Atom, AttributeRef, Operand, Scalar } from './syntax.ts';
import { compileGlob, compileRegex, foldText } from './text-match.ts';

/** Reads an attribute of a context `C`; veiled attributes (second judgement) are never read at all. */
export type Read<C> = (context: C) => Reading;

/** How an atom finds its readers and whether a comparison of an attribute folds case. */
export interface Binding<C> {
  read(ref: AttributeRef): Read<C>;
  folds(ref: AttributeRef): boolean;
}

/** Compiles one comparison to a closure. Constants are prepared here, so that a request only compares. */
export function compileAtom<C>(atom: Atom, binding: Binding<C>): (context: C) => Tri {
  const read = binding.read(atom.ref);
  const others = atom.operands.filter((operand) => operand.kind === 'attribute');
  if (others.length > 0) return compileRelative(atom, read, binding);
  const compiled = compileReading(atom, binding.folds(atom.ref));
  if (typeof compiled === 'function') return (context) => compiled(read(context));
  const { judge, whenAbsent } = compiled;
  return (context) => {
    const reading = read(context);
    // what most readings are, spared a call
    return typeof reading === 'string' ? judge(reading) : judgeReading(reading, judge, whenAbsent);
  };
}

type JudgeReading = (reading: Reading) => Tri;
/** How one value is judged, whatever the reading holds of them. */
interface JudgeValue {
  readonly judge: Judge;
  readonly whenAbsent: Tri;
}

/** Comparison with constants. */
function compileReading(atom: Atom, fold: boolean): JudgeReading | JudgeValue {
  const values = atom.operands.map((operand) => (operand as Extract<Operand, { kind: 'value' }>).value);
  const { operator } = atom;
  const { type } = atom.ref;
  switch (operator) {
    case 'present':
      return values[0] === true ? isPresent : (reading) => not(isPresent(reading));
    case 'empty':
      return values[0] === true ? isEmpty : (reading) => not(isEmpty(reading));
    case 'any_of':
    case 'all_of':
      return compileList(operator, values, fold);
    case 'none_of': {
      if (type === 'list') {
        const any = compileList('any_of', values, fold);
        return (reading) => not(any(reading));
      }
      const judge = oneOf(values, relationOf(type, 'equals', fold), fold);
      return { judge: (value) => not(judge(value)), whenAbsent: YES };
    }
    case 'in':
      return scalar(oneOf(values, relationOf(type, 'equals', fold), fold));
    case 'glob':
    case 'matches':
      return scalar(compilePattern(operator, String(values[0]), fold));
    case 'in_cidr':
      return scalar(compileNetworks(values));
    case 'between': {
      const [low, high] = values as [Scalar, Scalar];
      const notBelow = relationOf(type, 'at_least', fold);
      const notAbove = relationOf(type, 'at_most', fold);
      return scalar((value) => and(notBelow(value, low), notAbove(value, high)));
    }
    default: {
      const constant = values[0] as Scalar;
      if (type === 'string') return scalar(textJudge(operator, String(constant), fold));
      const relation = relationOf(type, operator, fold);
      return scalar((value) => relation(value, constant));
    }
  }
}

const scalar = (judge: Judge): JudgeValue => ({ judge, whenAbsent: NO });

function oneOf(values: readonly Scalar[], same: Relation, fold: boolean): Judge {
  const set = new Set(values);
  const kind = typeof values[0];
  if (!fold) {
    // one look-up; only a value of the wrong kind (or NaN) needs the relation, which knows what to say of it
    return (value) => (set.has(value) ? YES : isComparable(value, kind) ? NO : same(value, values[0] as Scalar));
  }
  const folded = new Set(values.map((value) => foldText(String(value))));
  return (value) => {
    if (set.has(value)) return YES;
    if (typeof value !== 'string') return UNKNOWN;
    return folded.has(foldText(value)) ? UNKNOWN : NO;
  };
}

const isComparable = (value: Scalar, kind: string): boolean => typeof value === kind && !Number.isNaN(value);

function compileList(operator: 'any_of' | 'all_of', values: readonly Scalar[], fold: boolean): JudgeReading {
  const same = relationOf('list', 'equals', fold);
  // a plain list is the common case
  if (operator === 'any_of') {
    const wanted: ReadonlySet<unknown> = new Set(values);
    return (reading) => {
      if (!fold && Array.isArray(reading)) {
        for (const member of reading) if (wanted.has(member)) return YES;
        return NO;
      }
      return values.reduce<Tri>((found, value) => or(found, holds(reading, value, same)), NO);
    };
  }
  return (reading) => {
    if (!fold && Array.isArray(reading)) {
      const list: readonly Scalar[] = reading;
      for (const value of values) if (!list.includes(value)) return NO;
      return YES;
    }
    return values.reduce<Tri>((all, value) => and(all, holds(reading, value, same)), YES);
  };
}

function compilePattern(operator: 'glob' | 'matches', source: string, fold: boolean): Judge {
  const pattern = operator === 'glob' ? compileGlob(source) : compileRegex(source);
  if (typeof pattern === 'string') throw new Error(`a pattern that was checked does not compile: ${pattern}`);
  return (value) => {
    if (typeof value !== 'string') return UNKNOWN;
    if (pattern.test(value)) return YES;
    return fold && pattern.testFolded(value) ? UNKNOWN : NO;
  };
}

function compileNetworks(values: readonly Scalar[]): Judge {
  const networks = values.map((value) => parseNetwork(String(value))).filter((network) => network !== undefined);
  const has = networkSet(networks);
  return (value) => {
    const address = typeof value === 'string' ? parseAddress(value) : undefined;
    return address === undefined ? UNKNOWN : triOf(has(address));
  };
}

/** Comparison in which at least one operand is another attribute. */
function compileRelative<C>(atom: Atom, read: Read<C>, binding: Binding<C>): (context: C) => Tri {
  const { operator, ref } = atom;
  const relates = operator === 'in' || operator === 'none_of' ? 'equals' : operator;
  const sides = atom.operands.map((operand) => {
    // each operand folds case for itself: a constant beside an attribute that folds is compared as strictly as alone
    const fold = binding.folds(ref) || (operand.kind === 'attribute' && binding.folds(operand.ref));
    const relation = relationOf(ref.type, relates, fold);
    if (operand.kind === 'attribute') return { relation, read: binding.read(operand.ref) };
    const constant: AttributeValue = operand.value;
    return { relation, read: (): Reading => constant };
  });
  const one = ref.type === 'list' ? relateOverlap : operator === 'in' || operator === 'none_of' ? relateMember : relate;
  const negated = operator === 'none_of';
  const all = operator === 'all_of';
  const judge = (left: Reading, context: C): Tri => {
    let result: Tri = all ? YES : NO;
    for (const side of sides) {
      const tri = one(left, side.read(context), side.relation);
      result = all ? and(result, tri) : or(result, tri);
    }
    return negated ? not(result) : result;
  };
  return (context) => {
    const left = read(context);
    // it is the whole comparison that must hold for every value, not each of its operands for itself
    return left instanceof Repeated ? agreement(left.values, (value) => judge(value, context)) : judge(left, context);
  };
}

/** A reading as people read it, at most 200 characters. */
export function readingText(reading: Reading): string {
  if (reading === absent) return 'absent';
  if (reading === unknown) return 'unknown';
  const text =
    reading instanceof PartialList
      ? `${JSON.stringify(reading.certain)}, possibly ${JSON.stringify(reading.possible)}`
      : reading instanceof Repeated
        ? `repeated ${JSON.stringify(reading.values)}`
        : JSON.stringify(reading);
  return text.length > 200 ? `${text.slice(0, 199)}…` : text;
}
