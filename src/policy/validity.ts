import type { Attribute, Catalogue } from '../core/attribute.ts';
import type { Elevation } from '../core/decision.ts';
import type { Atom, Rule } from './syntax.ts';
import { refsOf } from './syntax.ts';

/** All calendar boundaries of all time zones are multiples of 15 minutes UTC. */
const CALENDAR_MS = 15 * 60_000;

/**
 * How long a decision holds while the request's attributes and the credential stay the same: for each time-dependent
 * predicate of a program, when it can flip.
 */
export interface Validity<C> {
  /** false: the program reads something whose change cannot be foreseen or is not part of a key */
  readonly cacheable: boolean;
  /** earliest wall-clock ms after `now` at which the decision may differ; Infinity if none */
  validUntil(context: C): number;
}

/** An atom and the attributes of the catalogue that it reads, its own first. */
export function compileValidity<C>(
  atoms: readonly Atom[],
  rules: readonly Rule[],
  catalogue: Catalogue<C>,
  elevation: Elevation,
): Validity<C> {
  const instants = new Set<number>();
  const ages = new Map<(context: C) => number, Set<number>>();
  let calendar = false;
  let cacheable = true;
  for (const atom of atoms) {
    const attributes = refsOf(atom).map((ref) => catalogue.attributes.get(ref.name) as Attribute<C>);
    if (!attributes.every((each) => isForeseeable(each, attributes.length > 1))) {
      cacheable = false;
      continue;
    }
    const [own] = attributes as [Attribute<C>];
    const constants = atom.operands.flatMap((operand) =>
      operand.kind === 'value' && typeof operand.value === 'number' ? [operand.value] : [],
    );
    if (own.time === 'calendar') calendar = true;
    else if (own.time === 'instant') for (const constant of constants) addBoth(instants, constant);
    else if (own.time === 'age' && own.origin !== undefined) {
      const thresholds = ages.get(own.origin) ?? new Set<number>();
      for (const constant of constants) addBoth(thresholds, constant);
      ages.set(own.origin, thresholds);
    }
  }
  const maxAges = rules.flatMap((rule) => (rule.require?.maxAgeMs === undefined ? [] : [rule.require.maxAgeMs]));
  const fixed = [...instants];
  const aging = [...ages].map(([origin, thresholds]) => ({ origin, thresholds: [...thresholds] }));

  const validUntil = (context: C): number => {
    const now = catalogue.now(context);
    if (!cacheable) return now;
    let earliest = calendar ? (Math.floor(now / CALENDAR_MS) + 1) * CALENDAR_MS : Number.POSITIVE_INFINITY;
    // comparisons with NaN are false: an age without origin never flips
    const consider = (at: number): void => {
      if (at > now && at < earliest) earliest = at;
    };
    for (const at of fixed) consider(at);
    for (const { origin, thresholds } of aging) {
      const from = origin(context);
      for (const threshold of thresholds) consider(from + threshold);
    }
    for (const proof of catalogue.proofs(context)) {
      consider(proof.at + elevation[proof.level]);
      consider(proof.at + elevation[proof.level] + 1);
      for (const maxAge of maxAges) consider(proof.at + maxAge + 1);
    }
    return earliest;
  };
  return { cacheable, validUntil };
}

/**
 * `below` and `at_least` flip at a threshold, `above` and `at_most` one ms later, `equals` at both. Looking again at both
 * costs nothing and needs no table of operators.
 */
function addBoth(to: Set<number>, threshold: number): void {
  to.add(threshold);
  to.add(threshold + 1);
}

function isForeseeable<C>(attribute: Attribute<C>, compared: boolean): boolean {
  if (attribute.scope === 'uncached' || attribute.time === 'erratic') return false;
  if (attribute.time === 'age' && attribute.origin === undefined) return false;
  if (attribute.scope === 'time' && attribute.time === 'none') return false;
  return attribute.time === 'none' || !compared;
}
