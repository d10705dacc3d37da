import type { AttributeSpec } from '../core/attribute.ts';
import { LEVELS } from '../core/decision.ts';
import { type Reading, Repeated, unknown } from '../core/signal.ts';
import type { Path } from '../schema/document.ts';
import { suggest } from '../schema/suggest.ts';
import { kindOf, parseLiteral, typeText } from './literals.ts';
import { literalName, resolveName, type Specs, suggestName } from './names.ts';
import { didYouMean, isMap, type Report } from './report.ts';
import type { AttributeRef } from './syntax.ts';

/** A value for an attribute as a person writes it, in `given` or after `--set`; or what is wrong with it. */
export type GivenValue =
  | { readonly ok: true; readonly reading: Reading }
  | {
      readonly ok: false;
      readonly code: 'wrong-type' | 'unknown-value';
      readonly message: string;
      readonly suggestion?: string;
    };

/** Parses one value by the attribute's type. A list behind one member of a family of texts is a name that occurs several times. */
export function parseGivenValue(ref: AttributeRef, spec: AttributeSpec, value: unknown): GivenValue {
  const items: unknown[] = Array.isArray(value) ? value : [value];
  const isList = ref.type === 'list';
  const repeats = Array.isArray(value) && ref.type === 'string' && ref.key !== undefined && value.length > 0;
  if (Array.isArray(value) !== isList && !repeats) {
    const message = `${ref.written} is ${typeText(ref.type)}, not ${kindOf(value)}.`;
    const wrong = { ok: false, code: 'wrong-type', message } as const;
    return isList && (typeof value === 'string' || typeof value === 'number')
      ? { ...wrong, suggestion: `[${value}]` }
      : wrong;
  }
  const values: (string | number | boolean)[] = [];
  const words = ref.type === 'level' ? LEVELS : spec.values;
  for (const item of items) {
    const literal = parseLiteral(ref.type, item);
    if (!literal.ok) {
      const wrong = {
        ok: false,
        code: 'wrong-type',
        message: `${ref.written} is ${typeText(ref.type)}: ${literal.problem}.`,
      } as const;
      return literal.suggestion === undefined ? wrong : { ...wrong, suggestion: literal.suggestion };
    }
    if (words !== undefined && !words.includes(String(literal.value))) {
      const suggestion = didYouMean(suggest(String(literal.value), words)) ?? `One of ${words.join(', ')}.`;
      return { ok: false, code: 'unknown-value', message: `${ref.written} is never ${kindOf(item)}.`, suggestion };
    }
    values.push(literal.value);
  }
  if (isList) return { ok: true, reading: values.map(String) };
  return {
    ok: true,
    reading: values.length > 1 ? new Repeated(values.map(String)) : (values[0] as string | number | boolean),
  };
}

/**
 * Reads `given` of a test: groups of attributes (`identity: { sub: ann }`, deeper for families; dotted names work as
 * well) and `unknown:`, a list of names. Keys of the result are literal names.
 */
export function parseGiven(specs: Specs, report: Report, given: unknown, path: Path): Map<string, Reading> {
  const readings = new Map<string, Reading>();
  if (given === undefined) return readings;
  if (!isMap(given)) {
    report.error(path, 'wrong-shape', 'A map of groups is needed here.', 'identity: { sub: ann }');
    return readings;
  }
  const walk = (written: string, value: unknown, at: Path): void => {
    const ref = resolveName(specs, written);
    const spec = ref === undefined ? undefined : specs.get(ref.name);
    if (isMap(value) && (ref === undefined || ref.key !== undefined)) {
      if (![...specs.keys()].some((name) => name.startsWith(`${written}.`)) && ref === undefined)
        unknownName(written, at);
      else for (const key of Object.keys(value)) walk(`${written}.${key}`, value[key], [...at, key]);
      return;
    }
    if (ref === undefined || spec === undefined) {
      unknownName(written, at);
      return;
    }
    const parsed = parseGivenValue(ref, spec, value);
    if (parsed.ok) readings.set(literalName(ref), parsed.reading);
    else report.error(at, parsed.code, parsed.message, parsed.suggestion);
  };
  const unknownName = (written: string, at: Path): void => {
    report.error(
      at,
      'unknown-attribute',
      `There is no attribute "${written}".`,
      didYouMean(suggestName(specs, written)),
    );
  };
  for (const key of Object.keys(given)) if (key !== 'unknown') walk(key, given[key], [...path, key]);
  readUnknown(specs, report, given.unknown, [...path, 'unknown'], readings, unknownName);
  return readings;
}

function readUnknown(
  specs: Specs,
  report: Report,
  value: unknown,
  path: Path,
  readings: Map<string, Reading>,
  unknownName: (written: string, at: Path) => void,
): void {
  if (value === undefined) return;
  if (!Array.isArray(value)) {
    report.error(path, 'wrong-shape', '"unknown" needs a list of attributes.', `[${String(value)}]`);
    return;
  }
  for (const [index, item] of (value as unknown[]).entries()) {
    const at = [...path, index];
    const ref = typeof item === 'string' ? resolveName(specs, item) : undefined;
    if (ref === undefined) {
      unknownName(String(item), at);
      continue;
    }
    const name = literalName(ref);
    if (readings.has(name) && readings.get(name) !== unknown) {
      report.error(at, 'contradiction', `${ref.written} has a value and is unknown at once.`);
    }
    readings.set(name, unknown);
  }
}
