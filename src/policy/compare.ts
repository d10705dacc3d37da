import type { AttributeType } from '../core/attribute.ts';
import { LEVELS, type Level, levelRank } from '../core/decision.ts';
import { absent, PartialList, type Reading, Repeated, unknown } from '../core/signal.ts';
import { and, NO, or, type Tri, triOf, UNKNOWN, YES } from '../core/tri.ts';
import { parseAddress, sameAddress } from './address.ts';
import { parseVersion } from './literals.ts';
import type { Operator, Scalar } from './syntax.ts';
import { foldText } from './text-match.ts';

/** Compares one value with one other. Values of the wrong kind, NaN and unreadable text are unknown: no comparison was made. */
export type Relation = (left: Scalar, right: Scalar) => Tri;
/** Judges one value. */
export type Judge = (value: Scalar) => Tri;

/** The relation of an operator on a type. `fold`: what holds only when case is ignored is unknown (policy-language 7). */
export function relationOf(type: AttributeType, operator: Operator, fold: boolean): Relation {
  if (type === 'string' || type === 'list') return textRelation(TEXT[operator] ?? TEXT.equals, fold);
  if (type === 'boolean')
    return (a, b) => (typeof a === 'boolean' && typeof b === 'boolean' ? triOf(a === b) : UNKNOWN);
  if (type === 'address') return addressRelation;
  const compare = COMPARE[type];
  const holds = ORDER[operator] ?? ORDER.equals;
  return (a, b) => {
    const sign = compare(a, b);
    return Number.isNaN(sign) ? UNKNOWN : triOf(holds(sign));
  };
}

type TextTest = (a: string, b: string) => boolean;
const TEXT: Readonly<Partial<Record<Operator, TextTest>> & { equals: TextTest }> = {
  equals: (a, b) => a === b,
  prefix: (a, b) => a.startsWith(b),
  suffix: (a, b) => a.endsWith(b),
};

const textRelation = (test: TextTest, fold: boolean): Relation => {
  if (!fold) return (a, b) => (typeof a === 'string' && typeof b === 'string' ? triOf(test(a, b)) : UNKNOWN);
  return (a, b) => {
    if (typeof a !== 'string' || typeof b !== 'string') return UNKNOWN;
    return test(a, b) ? YES : test(foldText(a), foldText(b)) ? UNKNOWN : NO;
  };
};

/** The same against a constant, whose folding is done once. */
export function textJudge(operator: Operator, constant: string, fold: boolean): Judge {
  const test = TEXT[operator] ?? TEXT.equals;
  const folded = foldText(constant);
  if (!fold) return (value) => (typeof value === 'string' ? triOf(test(value, constant)) : UNKNOWN);
  return (value) => {
    if (typeof value !== 'string') return UNKNOWN;
    if (test(value, constant)) return YES;
    return test(foldText(value), folded) ? UNKNOWN : NO;
  };
}

const addressRelation: Relation = (a, b) => {
  const left = typeof a === 'string' ? parseAddress(a) : undefined;
  const right = typeof b === 'string' ? parseAddress(b) : undefined;
  return left === undefined || right === undefined ? UNKNOWN : triOf(sameAddress(left, right));
};

type Sign = (sign: number) => boolean;
const ORDER: Readonly<Partial<Record<Operator, Sign>> & { equals: Sign }> = {
  equals: (sign) => sign === 0,
  below: (sign) => sign < 0,
  before: (sign) => sign < 0,
  at_most: (sign) => sign <= 0,
  above: (sign) => sign > 0,
  after: (sign) => sign > 0,
  at_least: (sign) => sign >= 0,
};

/** Sign of the comparison, NaN where there is none. */
type Compare = (a: Scalar, b: Scalar) => number;
const numbers: Compare = (a, b) =>
  typeof a === 'number' && typeof b === 'number' && Number.isFinite(a) && Number.isFinite(b)
    ? Math.sign(a - b)
    : Number.NaN;
const days: Compare = (a, b) =>
  typeof a === 'string' && typeof b === 'string' ? (a < b ? -1 : a > b ? 1 : 0) : Number.NaN;
const levels: Compare = (a, b) => (isLevel(a) && isLevel(b) ? levelRank(a) - levelRank(b) : Number.NaN);
const isLevel = (value: Scalar): value is Level => LEVELS.includes(value as Level);
const versions: Compare = (a, b) => {
  const left = typeof a === 'string' ? parseVersion(a) : undefined;
  const right = typeof b === 'string' ? parseVersion(b) : undefined;
  if (left === undefined || right === undefined) return Number.NaN;
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return Math.sign(difference);
  }
  return 0;
};
const COMPARE: Readonly<Record<'number' | 'duration' | 'instant' | 'date' | 'level' | 'version', Compare>> = {
  number: numbers,
  duration: numbers,
  instant: numbers,
  date: days,
  level: levels,
  version: versions,
};

/** Applies a judgement of single values to a reading: absent has its own answer, repeated values must agree (policy-language 7). */
export function judgeReading(reading: Reading, judge: Judge, whenAbsent: Tri): Tri {
  if (typeof reading === 'string' || typeof reading === 'number' || typeof reading === 'boolean') return judge(reading);
  if (reading === absent) return whenAbsent;
  if (reading instanceof Repeated) return agreement(reading.values, judge);
  // unknown, or a list where one value was declared
  return UNKNOWN;
}

/** True if it holds for every value, false if for none, otherwise unknown. */
export function agreement(values: readonly string[], judge: Judge): Tri {
  let lowest: Tri = YES;
  let highest: Tri = NO;
  for (const value of values) {
    const tri = judge(value);
    lowest = and(lowest, tri);
    highest = or(highest, tri);
  }
  return lowest === highest ? lowest : UNKNOWN;
}

/** Whether a list holds one value: certain members answer, possible ones leave it open. */
export function holds(list: Reading, value: Scalar, same: Relation): Tri {
  if (list instanceof PartialList) {
    return or(among(list.certain, value, same), and(UNKNOWN, among(list.possible, value, same)));
  }
  if (Array.isArray(list)) return among(list as readonly string[], value, same);
  return list === absent ? NO : UNKNOWN;
}

function among(members: readonly string[], value: Scalar, same: Relation): Tri {
  let found: Tri = NO;
  for (const member of members) {
    found = or(found, same(member, value));
    if (found === YES) return YES;
  }
  return found;
}

/** `empty`: an absent list has no members. */
export function isEmpty(list: Reading): Tri {
  if (list === absent) return YES;
  if (list instanceof PartialList) return list.certain.length > 0 ? NO : list.possible.length > 0 ? UNKNOWN : YES;
  return Array.isArray(list) ? triOf(list.length === 0) : UNKNOWN;
}

export const isPresent = (reading: Reading): Tri => (reading === unknown ? UNKNOWN : triOf(reading !== absent));

/** Two readings, either of which may be unknown (then it is unknown) or absent (then it is false). */
export function relate(left: Reading, right: Reading, relation: Relation): Tri {
  if (left === unknown || right === unknown) return UNKNOWN;
  if (left === absent || right === absent) return NO;
  return judgeReading(left, (a) => judgeReading(right, (b) => relation(a, b), NO), NO);
}

/** `left in right`, where right may be one value or a list. */
export function relateMember(left: Reading, right: Reading, same: Relation): Tri {
  if (left === unknown || right === unknown) return UNKNOWN;
  if (left === absent || right === absent) return NO;
  if (!Array.isArray(right) && !(right instanceof PartialList)) return relate(left, right, same);
  return judgeReading(left, (value) => holds(right, value, (member, one) => same(one, member)), NO);
}

/** Whether the list `left` holds `right`, or any member of it when that is a list itself. */
export function relateOverlap(left: Reading, right: Reading, same: Relation): Tri {
  if (left === unknown || right === unknown) return UNKNOWN;
  if (left === absent || right === absent) return NO;
  if (right instanceof PartialList) {
    return or(anyHeld(left, right.certain, same), and(UNKNOWN, anyHeld(left, right.possible, same)));
  }
  if (Array.isArray(right)) return anyHeld(left, right as readonly string[], same);
  return judgeReading(right, (value) => holds(left, value, same), NO);
}

const anyHeld = (list: Reading, values: readonly string[], same: Relation): Tri =>
  values.reduce<Tri>((found, value) => or(found, holds(list, value, same)), NO);
