/**
 * What reading an attribute gives: a value, `absent` (known not to be there: no such claim) or `unknown` (could not be
 * determined). The two states are symbols and not wrapper objects, so that a present value costs no allocation on the
 * request path (docs/adr/0002).
 */
export const absent: unique symbol = Symbol('absent');
export const unknown: unique symbol = Symbol('unknown');
export type Absent = typeof absent;
export type Unknown = typeof unknown;

/** Values an attribute can have. Instants are wall-clock ms, durations ms, addresses and versions text. */
export type AttributeValue = string | number | boolean | readonly string[];

/**
 * Several values under one name (two headers of one name, a repeated query parameter). A comparison with it is true if it
 * holds for every value, false if for none, otherwise unknown (policy-language 7).
 */
export class Repeated {
  readonly values: readonly string[];
  constructor(values: readonly string[]) {
    this.values = values;
  }
}

/**
 * A list some of whose members are only possible (a contextual role whose condition is unknown): list operators are
 * Kleene per member.
 */
export class PartialList {
  readonly certain: readonly string[];
  readonly possible: readonly string[];
  constructor(certain: readonly string[], possible: readonly string[]) {
    this.certain = certain;
    this.possible = possible;
  }
}

export type Reading = AttributeValue | Repeated | PartialList | Absent | Unknown;
