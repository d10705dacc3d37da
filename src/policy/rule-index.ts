import type { Reading } from '../core/signal.ts';
import type { AttributeRef, Expression } from './syntax.ts';
import { foldText } from './text-match.ts';

/** How an index reads an attribute. */
export interface Source<C> {
  readonly read: (context: C) => Reading;
  /** texts that differ in case only may be the same: keys and readings are folded */
  readonly folds: boolean;
}

/** Gives nothing for what must not be read before it is needed. */
export type SourceOf<C> = (ref: AttributeRef) => Source<C> | undefined;

/**
 * What a rule can be found by: it is false for every request whose text is under none of the keys, or whose list holds none
 * of them.
 */
export interface Guard<C> extends Source<C> {
  readonly ref: AttributeRef;
  /** whole texts, beginnings that end in `/`, or members */
  readonly keys: readonly string[];
}

/** A rule with more is looked at always: a long list that many rules name would be written out for each of them. */
const MAX_KEYS = 64;
/** With fewer, looking at every rule costs less than looking them up. */
const MIN_KEYS = 8;

/**
 * The guards of a rule: each must hold for it, by itself. A conjunction is false when one of its parts is, whatever the others
 * are, unknown included, and a disjunction when all of its parts are (policy-language 7).
 */
export function guardsOf<C>(
  expression: Expression | undefined,
  conditions: ReadonlyMap<string, Expression>,
  sourceOf: SourceOf<C>,
): readonly Guard<C>[] {
  switch (expression?.kind) {
    case 'all':
      return expression.of.flatMap((part) => guardsOf(part, conditions, sourceOf));
    case 'any':
      return shared(expression.of.map((part) => guardsOf(part, conditions, sourceOf)));
    case 'is':
      return guardsOf(conditions.get(expression.name), conditions, sourceOf);
    case 'atom': {
      const { ref, operator, operands } = expression;
      const source = sourceOf(ref);
      const values = operands.flatMap((each) => (each.kind === 'value' ? [String(each.value)] : []));
      if (source === undefined || values.length < operands.length) return [];
      const keys = keysOf(ref, operator, source.folds ? values.map(foldText) : values);
      return keys.length === 0 || keys.length > MAX_KEYS ? [] : [{ ...source, ref, keys }];
    }
    default:
      return [];
  }
}

function keysOf({ type }: AttributeRef, operator: string, values: readonly string[]): readonly string[] {
  if (type === 'list') return operator === 'any_of' ? values : operator === 'all_of' ? values.slice(0, 1) : [];
  if (type !== 'string') return [];
  if (operator === 'equals' || operator === 'in') return values;
  if (operator === 'prefix') return beginnings(values);
  // patterns fold in their own way, which is ours for these characters only
  return operator === 'glob' ? beginnings(values.map((text) => /^[!-)+->@-~]*/.exec(text)?.[0] ?? '')) : [];
}

/** Cut after the last `/`: what follows does not change how the letters before it are folded, as it does a final sigma. */
function beginnings(texts: readonly string[]): readonly string[] {
  const cut = texts.map((text) => text.slice(0, text.lastIndexOf('/') + 1));
  return cut.includes('') ? [] : cut;
}

const shared = <C>([first = [], ...others]: readonly (readonly Guard<C>[])[]): readonly Guard<C>[] =>
  first.flatMap((guard) => {
    const same = others.map((guards) => guards.find(({ ref }) => ref.written === guard.ref.written));
    if (!same.every((each) => each !== undefined)) return [];
    const keys = [guard, ...same].flatMap((each) => each.keys);
    return keys.length > MAX_KEYS ? [] : [{ ...guard, keys }];
  });

interface Guarded<C> {
  readonly guards: readonly Guard<C>[];
}

/** The rules of an index that are found by one attribute. */
interface Drawer<C, R> {
  readonly guard: Guard<C>;
  readonly rules: R[];
  readonly byKey: Map<string, Set<R>>;
}

/**
 * Compiles an index. What it gives for a request are shelves, made by `shelve` of rules in their order: together they hold
 * every rule that may be other than false, some of them twice. A look-up costs what texts and lists of the request are long,
 * not what the rules are many; its answer is good until the next one.
 */
export function compileIndex<C, R extends Guarded<C>, S>(
  rules: readonly R[],
  shelve: (rules: readonly R[]) => S,
): (context: C) => readonly S[] {
  const drawers = [...sort<C, R>(rules).values()].filter(({ byKey }) => byKey.size >= MIN_KEYS);
  const away = new Set(drawers.flatMap((drawer) => drawer.rules));
  const found = [shelve(rules.filter((rule) => !away.has(rule)))];
  const lookUps = drawers.map((drawer) => compileDrawer(drawer, shelve, found));
  return (context) => {
    found.length = 1;
    for (const lookUp of lookUps) lookUp(context);
    return found;
  };
}

/** Puts each rule into the drawer of that guard of its own which tells most rules apart. */
function sort<C, R extends Guarded<C>>(rules: readonly R[]): ReadonlyMap<string, Drawer<C, R>> {
  const keys = new Map<string, Set<string>>();
  for (const { ref, keys: own } of rules.flatMap((rule) => rule.guards)) {
    const known = keys.get(ref.written) ?? new Set();
    for (const key of own) known.add(key);
    keys.set(ref.written, known);
  }
  const weight = ({ ref }: Guard<C>): number => keys.get(ref.written)?.size ?? 0;
  const drawers = new Map<string, Drawer<C, R>>();
  for (const rule of rules) {
    const [guard] = rule.guards.toSorted((a, b) => weight(b) - weight(a));
    if (guard === undefined) continue;
    const drawer: Drawer<C, R> = drawers.get(guard.ref.written) ?? { guard, rules: [], byKey: new Map() };
    drawers.set(guard.ref.written, drawer);
    drawer.rules.push(rule);
    for (const key of guard.keys) drawer.byKey.set(key, (drawer.byKey.get(key) ?? new Set()).add(rule));
  }
  return drawers;
}

function compileDrawer<C, R, S>(
  { guard, rules, byKey }: Drawer<C, R>,
  shelve: (rules: readonly R[]) => S,
  found: S[],
): (context: C) => void {
  const { ref, read, folds } = guard;
  const whole = shelve(rules);
  const shelves = new Map([...byKey].map(([key, under]) => [key, shelve([...under])]));
  const depth = [...byKey.keys()].reduce((most, key) => Math.max(most, key.split('/').length - 1), 0);
  const add = (key: string): void => {
    const shelf = shelves.get(key);
    if (shelf !== undefined) found.push(shelf);
  };
  const addText = (text: string): void => {
    let slash = text.indexOf('/');
    for (let i = 0; i < depth && slash >= 0; i++) {
      add(text.slice(0, slash + 1));
      slash = text.indexOf('/', slash + 1);
    }
    if (!text.endsWith('/')) add(text);
  };
  return (context) => {
    const reading = read(context);
    if (ref.type === 'string' && typeof reading === 'string') addText(folds ? foldText(reading) : reading);
    else if (ref.type === 'list' && Array.isArray(reading)) for (const member of reading) add(member);
    // several values, or none that is known: every rule has something to say
    else found.push(whole);
  };
}
