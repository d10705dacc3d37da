import type { AttributeSpec } from '../core/attribute.ts';
import { LEVELS } from '../core/decision.ts';
import type { Path } from '../schema/document.ts';
import { suggest } from '../schema/suggest.ts';
import { parseNetwork } from './address.ts';
import { kindOf, parseLiteral, typeText } from './literals.ts';
import { resolveName, type Specs, suggestName } from './names.ts';
import { isOperator, listOperator, OPERATOR_TABLE, operatorsOf, scalarOperator } from './operators.ts';
import { didYouMean, isMap, type Report } from './report.ts';
import type { AttributeRef, Expression, Operand, Operator } from './syntax.ts';
import { anchoring, compileGlob, compileRegex } from './text-match.ts';

interface Site {
  readonly specs: Specs;
  readonly report: Report;
  readonly ref: AttributeRef;
  readonly spec: AttributeSpec;
}

/** Reads what stands behind an attribute: a scalar, a list, another attribute, or a map of operators (policy-language 6, 10). */
export function parseMatcher(
  specs: Specs,
  report: Report,
  ref: AttributeRef,
  spec: AttributeSpec,
  value: unknown,
  path: Path,
): Expression | undefined {
  const site: Site = { specs, report, ref, spec };
  const place = report.place(path);
  const atom = (operator: Operator, operand: unknown, at: Path): Expression | undefined => {
    const operands = parseOperands(site, operator, operand, at);
    return operands === undefined ? undefined : { kind: 'atom', ref, operator, operands, place: report.place(at) };
  };
  if (Array.isArray(value)) {
    const operator = listOperator(ref.type);
    if (operator !== undefined) return atom(operator, value, path);
    report.error(path, 'wrong-type', `${ref.written} is ${typeText(ref.type)}; a list cannot be meant.`);
    return undefined;
  }
  if (!isMap(value)) {
    const operator = scalarOperator(ref.type);
    const listed = OPERATOR_TABLE[operator].operand === 'list';
    return atom(operator, listed ? [value] : value, path);
  }
  if (isReference(value)) {
    return atom(ref.type === 'list' ? 'any_of' : 'equals', ref.type === 'list' ? [value] : value, path);
  }
  const names = Object.keys(value);
  if (names.length === 0) {
    report.error(path, 'empty-condition', `${ref.written} is compared with nothing.`);
    return undefined;
  }
  const parts: Expression[] = [];
  for (const name of names) {
    if (!isOperator(name) || !OPERATOR_TABLE[name].types.includes(ref.type)) {
      reportOperator(site, name, [...path, name]);
      continue;
    }
    const part = atom(name, value[name], [...path, name]);
    if (part !== undefined) parts.push(part);
  }
  return parts.length === 1 ? parts[0] : { kind: 'all', of: parts, place };
}

function reportOperator(site: Site, name: string, path: Path): void {
  const offered = operatorsOf(site.ref.type);
  const known = isOperator(name);
  const message = known
    ? `${site.ref.written} is ${typeText(site.ref.type)}; "${name}" does not apply to it.`
    : `There is no operator "${name}".`;
  const near = (known ? RELATED[site.ref.type]?.[name] : undefined) ?? suggest(name, offered);
  site.report.error(
    path,
    known ? 'operator-not-of-type' : 'unknown-operator',
    message,
    didYouMean(near) ?? `One of ${offered.join(', ')}.`,
  );
}

// What people reach for who think of another type.
const RELATED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  list: { in: 'any_of', equals: 'any_of', present: 'present' },
  string: { any_of: 'in', below: 'equals', in_cidr: 'prefix' },
  instant: { below: 'before', at_most: 'before', above: 'after', at_least: 'after' },
  date: { below: 'before', at_most: 'before', above: 'after', at_least: 'after' },
  number: { before: 'below', after: 'above', any_of: 'in' },
  duration: { before: 'below', after: 'above', any_of: 'in' },
  address: { in: 'in_cidr', any_of: 'in_cidr', prefix: 'in_cidr', none_of: 'not: { …: { in_cidr: […] } }' },
  version: { above: 'at_least', at_most: 'below' },
  boolean: { in: 'equals', none_of: 'equals' },
};

const isReference = (value: unknown): value is { readonly attribute: unknown } =>
  isMap(value) && Object.keys(value).length === 1 && 'attribute' in value;

function parseOperands(site: Site, operator: Operator, value: unknown, path: Path): readonly Operand[] | undefined {
  switch (OPERATOR_TABLE[operator].operand) {
    case 'flag':
      return typeof value === 'boolean' ? [constant(value)] : wrong(site, path, operator, 'true or false', value);
    case 'one':
      if (Array.isArray(value)) return wrong(site, path, operator, 'one value', value, listOperator(site.ref.type));
      return whole([
        isReference(value)
          ? reference(site, operator, value.attribute, path, false)
          : scalar(site, operator, value, path),
      ]);
    case 'list':
      if (isReference(value)) return whole([reference(site, operator, value.attribute, path, true)]);
      if (!Array.isArray(value))
        return wrong(site, path, operator, 'a list', value, isMap(value) ? undefined : `[${String(value)}]`);
      if (value.length === 0) return empty(site, path, operator);
      return whole(
        value.map((item: unknown, index) => {
          const at = [...path, index];
          return isReference(item)
            ? reference(site, operator, item.attribute, at, false)
            : scalar(site, operator, item, at);
        }),
      );
    case 'pair':
      return parsePair(site, value, path);
    case 'text':
      return parsePattern(site, operator, value, path);
    case 'cidr':
      return parseNetworks(site, value, path);
  }
}

const constant = (value: string | number | boolean, text = JSON.stringify(value)): Operand => ({
  kind: 'value',
  value,
  text,
});

const whole = (operands: readonly (Operand | undefined)[]): readonly Operand[] | undefined =>
  operands.every((operand) => operand !== undefined) ? operands : undefined;

function wrong(
  site: Site,
  path: Path,
  operator: string,
  needed: string,
  value: unknown,
  suggestion?: string,
): undefined {
  site.report.error(path, 'wrong-type', `"${operator}" needs ${needed}, not ${kindOf(value)}.`, suggestion);
}

function empty(site: Site, path: Path, operator: string): undefined {
  site.report.error(path, 'empty-list', `"${operator}" of nothing cannot be meant.`);
}

function scalar(site: Site, operator: Operator, value: unknown, path: Path): Operand | undefined {
  const { ref, spec, report } = site;
  const literal = parseLiteral(ref.type, value);
  if (!literal.ok) {
    report.error(
      path,
      'wrong-type',
      `${ref.written} is ${typeText(ref.type)}: ${literal.problem}.`,
      literal.suggestion,
    );
    return undefined;
  }
  const isPart = operator === 'prefix' || operator === 'suffix';
  if (isPart && literal.value === '') {
    report.error(path, 'empty-text', `Every text has an empty ${operator}.`, `${ref.written}: { present: true }`);
    return undefined;
  }
  const words = ref.type === 'level' ? LEVELS : spec.values;
  if (words !== undefined && !isPart && !words.includes(String(literal.value))) {
    const near = suggest(String(literal.value), words);
    report.error(
      path,
      'unknown-value',
      `${ref.written} is never ${kindOf(value)}.`,
      didYouMean(near) ?? `One of ${words.join(', ')}.`,
    );
    return undefined;
  }
  return constant(literal.value, JSON.stringify(value));
}

function reference(site: Site, operator: Operator, written: unknown, path: Path, whole: boolean): Operand | undefined {
  const { ref, specs, report } = site;
  const other = typeof written === 'string' ? resolveName(specs, written) : undefined;
  if (other === undefined) {
    const near = typeof written === 'string' ? suggestName(specs, written) : undefined;
    report.error(path, 'unknown-attribute', `There is no attribute ${kindOf(written)}.`, didYouMean(near));
    return undefined;
  }
  const member = ref.type === 'list' ? 'string' : ref.type;
  const listed = whole && operator !== 'all_of' && member === 'string' && other.type === 'list';
  if (other.type === member || listed) return { kind: 'attribute', ref: other };
  report.error(
    path,
    'wrong-type',
    `${other.written} is ${typeText(other.type)}, which "${operator}" cannot compare with ${ref.written}, ${typeText(ref.type)}.`,
  );
  return undefined;
}

function parsePair(site: Site, value: unknown, path: Path): readonly Operand[] | undefined {
  if (!Array.isArray(value) || value.length !== 2)
    return wrong(site, path, 'between', 'a list of two values, [lowest, highest]', value);
  const operands = whole(value.map((item: unknown, index) => scalar(site, 'between', item, [...path, index])));
  const [low, high] = operands ?? [];
  if (low?.kind !== 'value' || high?.kind !== 'value') return undefined;
  if (low.value <= high.value) return operands;
  const { written, type } = site.ref;
  const [from, to] = type === 'number' || type === 'duration' ? ['at_least', 'at_most'] : ['after', 'before'];
  site.report.error(
    path,
    'empty-range',
    `Nothing lies between ${low.text} and ${high.text}: the lower end comes first.`,
    `any: [{ ${written}: { ${from}: ${low.text} } }, { ${written}: { ${to}: ${high.text} } }] if it is to wrap around`,
  );
  return undefined;
}

function parsePattern(site: Site, operator: Operator, value: unknown, path: Path): readonly Operand[] | undefined {
  if (typeof value !== 'string' || value === '') return wrong(site, path, operator, 'a pattern', value);
  const compiled = operator === 'glob' ? compileGlob(value) : compileRegex(value);
  if (typeof compiled === 'string') {
    site.report.error(path, 'bad-pattern', `${kindOf(value)} cannot be used: ${compiled}.`);
    return undefined;
  }
  const fixed = operator === 'glob' ? 'both' : anchoring(value);
  if (fixed !== 'both') {
    const where = fixed === 'none' ? 'at neither end' : `only at its ${fixed}`;
    site.report.warn(
      path,
      'unanchored-pattern',
      `${kindOf(value)} is anchored ${where}, so it also matches inside of longer texts.`,
      `^(?:${value.replace(/^\^|\$$/g, '')})$`,
    );
  }
  return [constant(value)];
}

function parseNetworks(site: Site, value: unknown, path: Path): readonly Operand[] | undefined {
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (items.length === 0) return empty(site, path, 'in_cidr');
  return whole(
    items.map((item, index) => {
      const at = Array.isArray(value) ? [...path, index] : path;
      const network = typeof item === 'string' ? parseNetwork(item) : undefined;
      if (network === undefined) {
        site.report.error(
          at,
          'wrong-type',
          `A network such as 10.0.0.0/8 or 2001:db8::/32 is needed, not ${kindOf(item)}.`,
        );
        return undefined;
      }
      if (network.hostBitsSet) {
        site.report.warn(at, 'host-bits', `${String(item)} names an address inside of the network.`, network.canonical);
      }
      return constant(String(item));
    }),
  );
}
