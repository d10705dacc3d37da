import type { Reading } from '../core/signal.ts';
import type { AttributeRef, Expression } from './syntax.ts';
import { foldText } from './text-match.ts';

/**
 * Where in an index a rule stands: it is false for every request whose text is under none of `keys`. Texts are folded, so one
 * index serves routes that are case-sensitive and those that are not.
 */
export interface Guard<C> {
  readonly attribute: string;
  readonly read: (context: C) => Reading;
  /** whole texts, or beginnings that end in `/` */
  readonly keys: readonly string[];
}

/** What deriving guards asks of the program: a reader, or undefined for what must not be read before it is needed. */
export type FreeReader<C> = (ref: AttributeRef) => ((context: C) => Reading) | undefined;

/**
 * The guards of a rule: what must hold for it, each by itself, and compares a text with constants. A conjunction is false
 * when one of its parts is, whatever the others are, unknown included (policy-language 7).
 */
export function guardsOf<C>(
  expression: Expression | undefined,
  conditions: ReadonlyMap<string, Expression>,
  free: FreeReader<C>,
): readonly Guard<C>[] {
  switch (expression?.kind) {
    case 'all':
      return expression.of.flatMap((part) => guardsOf(part, conditions, free));
    case 'any':
      return shared(expression.of.map((part) => guardsOf(part, conditions, free)));
    case 'is':
      return guardsOf(conditions.get(expression.name), conditions, free);
    case 'atom': {
      const { ref, operator, operands } = expression;
      if (ref.type !== 'string' || !(operator === 'equals' || operator === 'in' || operator === 'prefix')) return [];
      const read = free(ref);
      const keys = operands.map((each) => (each.kind === 'value' ? keyOf(String(each.value), operator) : undefined));
      if (read === undefined || keys.length > MAX_KEYS || !keys.every((key) => key !== undefined)) return [];
      return [{ attribute: ref.written, read, keys: [...new Set(keys)] }];
    }
    default:
      return [];
  }
}

/** A disjunction is false when every part is: what guards them all guards it, with the keys of all. */
const shared = <C>([first = [], ...others]: readonly (readonly Guard<C>[])[]): readonly Guard<C>[] =>
  first.flatMap((guard) => {
    const same = others.map((guards) => guards.find(({ attribute }) => attribute === guard.attribute));
    if (!same.every((each) => each !== undefined)) return [];
    const keys = [...new Set([guard, ...same].flatMap((each) => each.keys))];
    return keys.length > MAX_KEYS ? [] : [{ ...guard, keys }];
  });

/**
 * A beginning is cut after its last `/`, where no letter's folding depends on what follows (a final sigma's does). One
 * without any is no key.
 */
function keyOf(text: string, operator: 'equals' | 'in' | 'prefix'): string | undefined {
  const folded = foldText(text);
  if (operator !== 'prefix') return folded;
  const slash = folded.lastIndexOf('/');
  return slash < 0 ? undefined : folded.slice(0, slash + 1);
}

/** Below this many different keys, looking at every rule costs less than looking it up. */
const MIN_KEYS = 8;
/** A rule with more is looked at always: a long list that many rules name would be written out for each of them. */
const MAX_KEYS = 64;

/**
 * Compiles an index over the attribute whose guards have the most different keys. What it gives for a request are shelves,
 * made by `shelve` of rules in their order: together they hold every rule that may be other than false, some of them twice.
 * A look-up costs what the length of the text allows, not the number of rules; its answer is good until the next one. Without
 * an attribute worth it there is one shelf with all rules.
 */
export function compileIndex<C, R extends { readonly guards: readonly Guard<C>[] }, S>(
  rules: readonly R[],
  shelve: (rules: readonly R[]) => S,
): (context: C) => readonly S[] {
  const everything = [shelve(rules)];
  const best = bestGuard(rules);
  if (best === undefined) return () => everything;
  const { attribute, read } = best;
  const always: R[] = [];
  const byKey = new Map<string, R[]>();
  let depth = 0;
  for (const rule of rules) {
    const guard = rule.guards.find((each) => each.attribute === attribute);
    if (guard === undefined) always.push(rule);
    for (const key of guard?.keys ?? []) {
      const under = byKey.get(key);
      if (under === undefined) byKey.set(key, [rule]);
      else under.push(rule);
      depth = Math.max(depth, key.split('/').length - 1);
    }
  }
  const shelves = new Map([...byKey].map(([key, under]) => [key, shelve(under)]));
  const found = [shelve(always)];
  const add = (key: string): void => {
    const shelf = shelves.get(key);
    if (shelf !== undefined) found.push(shelf);
  };
  return (context) => {
    const reading = read(context);
    // several values, or none that is known: every rule has something to say
    if (typeof reading !== 'string') return everything;
    const text = foldText(reading);
    found.length = 1;
    let slash = text.indexOf('/');
    for (let i = 0; i < depth && slash >= 0; i++) {
      add(text.slice(0, slash + 1));
      slash = text.indexOf('/', slash + 1);
    }
    if (!text.endsWith('/')) add(text);
    return found;
  };
}

function bestGuard<C>(rules: readonly { readonly guards: readonly Guard<C>[] }[]): Guard<C> | undefined {
  const keys = new Map<string, Set<string>>();
  let best: Guard<C> | undefined;
  let most = MIN_KEYS - 1;
  for (const guard of rules.flatMap((rule) => rule.guards)) {
    const known = keys.get(guard.attribute) ?? new Set();
    keys.set(guard.attribute, known);
    for (const key of guard.keys) known.add(key);
    if (known.size <= most) continue;
    most = known.size;
    best = guard;
  }
  return best;
}
