import { type Elevation, LEVELS, type Proof } from '../../src/core/decision.ts';
import { absent, PartialList, type Reading, Repeated, unknown } from '../../src/core/signal.ts';
import { catalogue, type Situation } from './catalogue.ts';

/**
 * A naive evaluator, written from the page of the language and not from the compiler: it walks the value of the YAML file
 * itself, knows nothing of cost, order or caching, and shares no code with src/policy. Three values are words here.
 */
type Word = 'true' | 'false' | 'unknown';
type Map_ = Readonly<Record<string, unknown>>;

const no = (a: Word): Word => (a === 'true' ? 'false' : a === 'false' ? 'true' : 'unknown');
const every = (all: readonly Word[]): Word =>
  all.includes('false') ? 'false' : all.includes('unknown') ? 'unknown' : 'true';
const some = (all: readonly Word[]): Word => no(every(all.map(no)));
const word = (value: boolean): Word => (value ? 'true' : 'false');

export interface OracleOptions {
  readonly veil: boolean;
  readonly caseSensitive: boolean;
}

function lookup(name: string): {
  readonly type: string;
  readonly folds: boolean;
  readonly veiled: boolean;
  read(context: Situation): Reading;
} {
  const family = `${name.split('.').slice(0, -1).join('.')}.*`;
  const attribute = catalogue.attributes.get(name) ?? catalogue.attributes.get(family);
  if (attribute === undefined) throw new Error(name);
  const key = attribute.name === name ? undefined : name.split('.').at(-1);
  return {
    type: attribute.type,
    folds: attribute.foldsCase,
    veiled: attribute.veiledForLogin,
    read: attribute.bind({ key, timeZone: 'UTC' }),
  };
}

export function oracleWhen(when: unknown, context: Situation, options: OracleOptions): Word {
  return every(
    Object.entries(when as Map_).map(([key, value]) => {
      if (key === 'all') return every((value as unknown[]).map((item) => oracleWhen(item, context, options)));
      if (key === 'any') return some((value as unknown[]).map((item) => oracleWhen(item, context, options)));
      if (key === 'not') return no(oracleWhen(value, context, options));
      return oracleMatcher(key, value, context, options);
    }),
  );
}

function oracleMatcher(name: string, matcher: unknown, context: Situation, options: OracleOptions): Word {
  const { type } = lookup(name);
  const operators: Map_ =
    typeof matcher !== 'object' || 'attribute' in (matcher as object)
      ? {
          [type === 'list' ? 'any_of' : type === 'address' && typeof matcher !== 'object' ? 'in_cidr' : 'equals']:
            matcher,
        }
      : Array.isArray(matcher)
        ? { [type === 'list' ? 'any_of' : type === 'address' ? 'in_cidr' : 'in']: matcher }
        : (matcher as Map_);
  return every(
    Object.entries(operators).map(([operator, operand]) => oracleOperator(name, operator, operand, context, options)),
  );
}

const readingOf = (name: string, context: Situation, options: OracleOptions): Reading => {
  const { veiled, read } = lookup(name);
  return options.veil && veiled ? unknown : read(context);
};

function oracleOperator(
  name: string,
  operator: string,
  operand: unknown,
  context: Situation,
  options: OracleOptions,
  given?: string,
): Word {
  const { type, folds } = lookup(name);
  if (operator === 'none_of') {
    return no(oracleOperator(name, type === 'list' ? 'any_of' : 'in', operand, context, options, given));
  }
  const left = given ?? readingOf(name, context, options);
  if (left instanceof Repeated && operator !== 'present') {
    return agree(left.values.map((value) => oracleOperator(name, operator, operand, context, options, value)));
  }
  if (operator === 'present') {
    if (left === unknown) return 'unknown';
    return word((left !== absent) === operand);
  }
  if (operator === 'empty') {
    if (operand === false) return no(oracleOperator(name, 'empty', true, context, options));
    if (left === absent) return 'true';
    if (left instanceof PartialList)
      return left.certain.length > 0 ? 'false' : left.possible.length > 0 ? 'unknown' : 'true';
    return Array.isArray(left) ? word(left.length === 0) : 'unknown';
  }
  const exact = (ignoreCase: boolean, item: unknown): ((a: unknown, b: unknown) => Word) => {
    return (a, b) => comparison(type, operator, ignoreCase, item)(a, b);
  };
  // one operand after the other: a constant, or a reading
  const against = (item: unknown): Word => {
    const reference =
      typeof item === 'object' && item !== null && 'attribute' in item ? String(item.attribute) : undefined;
    const right: unknown = reference === undefined ? item : readingOf(reference, context, options);
    if (left === unknown || right === unknown) return 'unknown';
    if (left === absent || right === absent) return 'false';
    const folding = !options.caseSensitive && (folds || (reference !== undefined && lookup(reference).folds));
    const strict = pairs(left, right, exact(false, item));
    if (!folding) return strict;
    return pairs(left, right, (a, b) => {
      const same = exact(false, item)(a, b);
      return same === 'false' && exact(true, item)(a, b) === 'true' ? 'unknown' : same;
    });
  };
  if (operator === 'between') {
    const [low, high] = operand as [unknown, unknown];
    const bound = (item: unknown, want: string): Word => oracleOperator(name, want, item, context, options);
    // inclusive at both ends: not before the lower, not after the higher
    if (left === absent) return 'false';
    const lower = type === 'instant' || type === 'date' ? no(bound(low, 'before')) : bound(low, 'at_least');
    const upper = type === 'instant' || type === 'date' ? no(bound(high, 'after')) : bound(high, 'at_most');
    return every([lower, upper]);
  }
  const items = Array.isArray(operand) ? operand : [operand];
  return operator === 'all_of' ? every(items.map(against)) : some(items.map(against));
}

/** Every pair of values of two readings: lists hold by a member, repeated values must agree. */
function pairs(left: Reading, right: unknown, compare: (a: unknown, b: unknown) => Word): Word {
  if (right instanceof Repeated) return agree(right.values.map((value) => pairs(left, value, compare)));
  if (left instanceof PartialList) {
    return some([
      ...left.certain.map((m) => pairs(m, right, compare)),
      ...left.possible.map((m) => every(['unknown', pairs(m, right, compare)])),
    ]);
  }
  if (Array.isArray(left)) return some(left.map((m) => pairs(m as string, right, compare)));
  if (right instanceof PartialList) {
    return some([
      ...right.certain.map((m) => pairs(left, m, compare)),
      ...right.possible.map((m) => every(['unknown', pairs(left, m, compare)])),
    ]);
  }
  if (Array.isArray(right)) return some(right.map((m) => pairs(left, m, compare)));
  return compare(left, right);
}

const agree = (all: readonly Word[]): Word =>
  all.every((a) => a === 'true') ? 'true' : all.every((a) => a === 'false') ? 'false' : 'unknown';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const durationMs = (text: unknown): number => {
  if (typeof text === 'number') return text;
  const match = /^(\d+)([a-z]+)$/.exec(String(text)) as RegExpExecArray;
  return Number(match[1]) * (UNITS[match[2] as string] as number);
};

function comparison(
  type: string,
  operator: string,
  ignoreCase: boolean,
  item: unknown,
): (a: unknown, b: unknown) => Word {
  const fold = (value: unknown): string => (ignoreCase ? String(value).toLowerCase() : String(value));
  switch (type) {
    case 'string':
    case 'list':
      return (a, b) => {
        if (operator === 'prefix') return word(fold(a).startsWith(fold(b)));
        if (operator === 'suffix') return word(fold(a).endsWith(fold(b)));
        // the generator's own few patterns mean the same to the native engine
        if (operator === 'matches') return word(new RegExp(String(item), ignoreCase ? 'i' : '').test(String(a)));
        if (operator === 'glob') {
          const source = String(item)
            .replaceAll('**', '\u0000')
            .replaceAll('*', '[^/]*')
            .replaceAll('?', '[^/]')
            .replaceAll('\u0000', '[^]*');
          return word(new RegExp(`^${source}$`, ignoreCase ? 'i' : '').test(String(a)));
        }
        return word(fold(a) === fold(b));
      };
    case 'boolean':
      return (a, b) => word(a === b);
    case 'number':
      return (a, b) => order(operator, Number(a) - Number(b));
    case 'duration':
      return (a, b) => order(operator, durationMs(a) - durationMs(b));
    case 'level':
      return (a, b) => order(operator, LEVELS.indexOf(a as never) - LEVELS.indexOf(b as never));
    case 'instant':
      return (a, b) => order(operator, Number(a) - Date.parse(String(b)));
    case 'date':
      return (a, b) => order(operator, Date.parse(String(a)) - Date.parse(String(b)));
    case 'version':
      return (a, b) => order(operator, versionOrder(String(a), String(b)));
    case 'address':
      return (a, b) => addressHolds(String(a), String(b), operator);
    default:
      throw new Error(type);
  }
}

function order(operator: string, difference: number): Word {
  if (Number.isNaN(difference)) return 'unknown';
  if (operator === 'below' || operator === 'before') return word(difference < 0);
  if (operator === 'above' || operator === 'after') return word(difference > 0);
  if (operator === 'at_most') return word(difference <= 0);
  if (operator === 'at_least') return word(difference >= 0);
  return word(difference === 0);
}

function versionOrder(a: string, b: string): number {
  if (!/^[\d.]+$/.test(a)) return Number.NaN;
  const pad = (text: string): string =>
    [...text.split('.'), '0', '0', '0']
      .slice(0, 3)
      .map((part) => part.padStart(6, '0'))
      .join('.');
  return pad(a) < pad(b) ? -1 : pad(a) > pad(b) ? 1 : 0;
}

// only the few addresses and networks that the generator makes
const FACTS: Readonly<Record<string, readonly string[]>> = {
  '10.1.2.3': ['10.0.0.0/8', '10.1.0.0/16', '10.1.2.3'],
  '::ffff:10.1.2.3': ['10.0.0.0/8', '10.1.0.0/16', '10.1.2.3'],
  '10.2.0.1': ['10.0.0.0/8', '10.2.0.1'],
  '192.0.2.1': ['192.0.2.1'],
  '2001:db8::1': ['::/0', '2001:db8::/32', '2001:db8::1'],
};
const plain = (text: string): string => text.replace('::ffff:', '');
function addressHolds(a: string, b: string, operator: string): Word {
  const facts = FACTS[a];
  if (facts === undefined || (operator === 'equals' && FACTS[b] === undefined)) return 'unknown';
  return word(operator === 'equals' ? plain(a) === plain(b) : facts.includes(b));
}

interface Fired {
  readonly rule: Map_;
  readonly name: string;
  readonly is: Word;
}

/** The answer to a request, by the sentences of the page in their order. */
export function oracle(rules: readonly Map_[], context: Situation, elevation: Elevation): string {
  const judged = (veil: boolean): Fired[] =>
    rules.map((rule) => ({
      rule,
      name: String(rule.allow ?? rule.deny ?? rule.step_up),
      is: rule.when === undefined ? 'true' : oracleWhen(rule.when, context, { veil, caseSensitive: false }),
    }));
  const first = firstJudgement(judged(false), context, elevation);
  if (first.startsWith('allow') || context.authenticated) return first;
  const second = judged(true);
  const canAllow = second.some((each) => 'allow' in each.rule && each.is !== 'false');
  const mustDeny = second.some((each) => 'deny' in each.rule && each.is === 'true');
  return canAllow && !mustDeny ? 'login' : first;
}

function firstJudgement(all: readonly Fired[], context: Situation, elevation: Elevation): string {
  const firing = (key: string): Fired[] => {
    const fired = all.filter(
      (each) => key in each.rule && (each.is === 'true' || (each.is === 'unknown' && each.rule.unknown !== 'skip')),
    );
    return [...fired.filter((each) => each.is === 'true'), ...fired.filter((each) => each.is === 'unknown')];
  };
  const [denied] = firing('deny');
  if (denied !== undefined) return `deny/${denied.name}/policy_denied`;
  const allowed = all.find((each) => 'allow' in each.rule && each.is === 'true');
  if (allowed === undefined) return 'deny/-/no_rule_matched';
  const unmet = firing('step_up').filter((each) => !met(each.rule.require as Map_, context, elevation));
  const [named] = unmet;
  if (named === undefined) return `allow/${allowed.name}`;
  const sets = unmet.flatMap((each) =>
    (each.rule.require as Map_).methods === undefined ? [] : [(each.rule.require as { methods: string[] }).methods],
  );
  const [one] = sets;
  const impossible = one !== undefined && !one.some((method) => sets.every((set) => set.includes(method)));
  return impossible ? `deny/${named.name}/step_up_impossible` : `step_up/${named.name}/step_up_required`;
}

function met(require: Map_, context: Situation, elevation: Elevation): boolean {
  const young = context.proofs.filter(
    (proof: Proof) =>
      context.now - proof.at < elevation[proof.level] &&
      (require.max_age === undefined || context.now - proof.at <= durationMs(require.max_age)),
  );
  const levels = LEVELS.slice(LEVELS.indexOf((require.level ?? 'none') as never));
  const asked = require.methods as readonly string[] | undefined;
  const one = young.some(
    (proof) => levels.includes(proof.level) && (asked === undefined || asked.includes(String(proof.method))),
  );
  return one && ((require.all_of ?? []) as string[]).every((method) => young.some((proof) => proof.method === method));
}
