/**
 * Kleene's three-valued logic, ordered no < unknown < yes, so that `and` is min, `or` is max and `not` is 2 − x.
 * Numbers, because rules are judged per request and an enum of strings compares slower. Source: policy-language 7.
 */
export const NO = 0;
export const UNKNOWN = 1;
export const YES = 2;
export type Tri = typeof NO | typeof UNKNOWN | typeof YES;

export const not = (a: Tri): Tri => (2 - a) as Tri;
export const and = (a: Tri, b: Tri): Tri => (a < b ? a : b);
export const or = (a: Tri, b: Tri): Tri => (a > b ? a : b);
export const triOf = (value: boolean): Tri => (value ? YES : NO);

/** The word people read in `explain` and in recorded decisions. */
export const triWord = (a: Tri): 'false' | 'unknown' | 'true' => (a === YES ? 'true' : a === NO ? 'false' : 'unknown');
