import type { Proof } from './decision.ts';
import type { Reading } from './signal.ts';

/** The types of attributes; each has its operators (policy-language 10). `level` is none < low < medium < high. */
export type AttributeType =
  | 'string'
  | 'number'
  | 'duration'
  | 'instant'
  | 'date'
  | 'boolean'
  | 'list'
  | 'address'
  | 'version'
  | 'level';

/** How a reading moves while request and session stay the same; decides how long a decision may be remembered. */
export type TimeDependence =
  | 'none'
  /** flips at calendar boundaries in some time zone (hour, weekday, date): all of them are multiples of 15 minutes UTC */
  | 'calendar'
  /** is the request's instant itself */
  | 'instant'
  /** now − origin: grows by one ms a ms */
  | 'age'
  /** moves in ways nobody can predict (idle: every request resets it); programs that read it are not cached */
  | 'erratic';

/** What the catalogue says of one attribute: the only place where an attribute is declared (policy-language 9). */
export interface AttributeSpec {
  /** `group.name`; a family ends in `.*` (`request.header.*`) and is read as `group.family.key` */
  readonly name: string;
  readonly type: AttributeType;
  readonly unit?: string;
  readonly meaning: string;
  /** closed vocabulary, if any: anything else in a rule is a type error */
  readonly values?: readonly string[];
  readonly example: string | number | boolean | readonly string[];
  /** may be known not to be there (claims, headers, params …) */
  readonly mayBeAbsent: boolean;
  /** unknown on a request of nobody (policy-language 4) */
  readonly aboutPerson: boolean;
  /** its group is veiled in the second, login, judgement: identity, session, access */
  readonly veiledForLogin: boolean;
  readonly source: string;
  readonly cost: 'free' | 'cheap' | 'costly';
  /** false: declared so that policies can be written, but nothing computes it yet: always unknown */
  readonly built: boolean;
  /**
   * `request`: part of the decision cache's key · `uncached`: a program that reads it is not cached (size, headers,
   * query) · `credential`: constant for a credential at one epoch · `time`: see `time`
   */
  readonly scope: 'request' | 'uncached' | 'credential' | 'time';
  readonly time: TimeDependence;
  /** comparisons that hold only when case is ignored are unknown (path and params) */
  readonly foldsCase: boolean;
}

/** Where in the policies an attribute is mentioned: what a reader may be specialised on. */
export interface BindSite {
  /** the last part of a family's name, as written; undefined for plain attributes */
  readonly key: string | undefined;
  /** IANA name of the file's time zone */
  readonly timeZone: string;
}

/** Reads one attribute. Synchronous, never throws; what it cannot tell is `unknown`. */
export type Reader<C> = (context: C) => Reading;

export interface Attribute<C> extends AttributeSpec {
  bind(site: BindSite): Reader<C>;
  /** for `time: 'age'`: the instant (ms) the age is counted from, NaN when there is none */
  readonly origin?: (context: C) => number;
}

/** All attributes, and the few things the language itself asks of a context `C`. The policy engine is generic over it. */
export interface Catalogue<C> {
  readonly attributes: ReadonlyMap<string, Attribute<C>>;
  authenticated(context: C): boolean;
  /** every proof of the session, expired ones included */
  proofs(context: C): readonly Proof[];
  /** wall-clock ms of the request */
  now(context: C): number;
}
