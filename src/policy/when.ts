import type { Path } from '../schema/document.ts';
import { suggest } from '../schema/suggest.ts';
import { parseMatcher } from './matcher.ts';
import { resolveName, type Specs, suggestName } from './names.ts';
import { didYouMean, isMap, type Report } from './report.ts';
import type { Expression } from './syntax.ts';

/** What a `when` may refer to while it is read. */
export interface Scope {
  readonly specs: Specs;
  readonly report: Report;
  /** names of the file's conditions */
  readonly conditions: ReadonlySet<string>;
}

/**
 * Reads a `when`, a condition, or an item of `all`/`any` (policy-language 6). Reports every problem; what comes back
 * is only complete if none was reported.
 */
export function parseWhen(scope: Scope, value: unknown, path: Path): Expression | undefined {
  const { report } = scope;
  if (!isMap(value)) {
    report.error(path, 'wrong-shape', 'A map of attribute: matcher pairs is needed here.');
    return undefined;
  }
  const keys = Object.keys(value);
  if (keys.length === 0) {
    report.error(
      path,
      'empty-condition',
      'This is empty, so it would always hold.',
      'leave it out if the rule is meant to hold always',
    );
    return undefined;
  }
  const parts: Expression[] = [];
  for (const key of keys) {
    const part = parsePair(scope, key, value[key], [...path, key]);
    if (part !== undefined) parts.push(part);
  }
  if (parts.length === 1) return parts[0];
  return { kind: 'all', of: parts, place: report.place(path) };
}

function parsePair(scope: Scope, key: string, value: unknown, path: Path): Expression | undefined {
  switch (key) {
    case 'all':
    case 'any':
      return parseList(scope, key, value, path);
    case 'not': {
      const of = parseWhen(scope, value, path);
      return of === undefined ? undefined : { kind: 'not', of, place: scope.report.place(path) };
    }
    case 'is':
      return parseIs(scope, value, path);
    case 'cel':
      scope.report.error(
        path,
        'not-available-yet',
        'CEL expressions are not available yet.',
        'write it with attributes, all, any and not',
      );
      return undefined;
    default:
      return parseAttribute(scope, key, value, path);
  }
}

function parseList(scope: Scope, kind: 'all' | 'any', value: unknown, path: Path): Expression | undefined {
  if (!Array.isArray(value)) {
    scope.report.error(path, 'wrong-shape', `"${kind}" needs a list of maps.`, `${kind}: [{ … }, { … }]`);
    return undefined;
  }
  if (value.length === 0) {
    scope.report.error(path, 'empty-list', `"${kind}" of nothing cannot be meant.`);
    return undefined;
  }
  const of: Expression[] = [];
  value.forEach((item: unknown, index) => {
    const part = parseWhen(scope, item, [...path, index]);
    if (part !== undefined) of.push(part);
  });
  return { kind, of, place: scope.report.place(path) };
}

function parseIs(scope: Scope, value: unknown, path: Path): Expression | undefined {
  if (typeof value !== 'string') {
    scope.report.error(path, 'wrong-shape', '"is" needs the name of a condition of this file.');
    return undefined;
  }
  if (!scope.conditions.has(value)) {
    const near = suggest(value, scope.conditions);
    scope.report.error(path, 'unknown-condition', `There is no condition "${value}" in this file.`, didYouMean(near));
    return undefined;
  }
  return { kind: 'is', name: value, place: scope.report.place(path) };
}

function parseAttribute(scope: Scope, key: string, value: unknown, path: Path): Expression | undefined {
  const ref = resolveName(scope.specs, key);
  const spec = ref === undefined ? undefined : scope.specs.get(ref.name);
  if (ref === undefined || spec === undefined) {
    const near = key.endsWith('.*') ? `${key.slice(0, -1)}NAME` : suggestName(scope.specs, key);
    scope.report.error(
      path,
      'unknown-attribute',
      `There is no attribute "${key}".`,
      didYouMean(near ?? suggest(key, ['all', 'any', 'not', 'is'])),
    );
    return undefined;
  }
  return parseMatcher(scope.specs, scope.report, ref, spec, value, path);
}
