import { FIXED_LEVELS, LEVELS, type Level, levelRank, METHODS, type Method } from '../core/decision.ts';
import type { Path } from '../schema/document.ts';
import { parseLiteral } from './literals.ts';
import { isMap, type Report } from './report.ts';
import type { Requirement } from './syntax.ts';

const FIXED: Readonly<Partial<Record<Method, Level>>> = FIXED_LEVELS;

/** Reads `require:` of a step-up. The words of `methods` are checked by the shape of the file. */
export function parseRequire(report: Report, value: unknown, path: Path): Requirement | undefined {
  if (!isMap(value)) return undefined;
  const level = parseLevel(report, value.level, [...path, 'level']);
  let maxAgeMs: number | undefined;
  if (value.max_age !== undefined) {
    const literal = parseLiteral('duration', value.max_age);
    if (literal.ok) maxAgeMs = literal.value as number;
    else report.error([...path, 'max_age'], 'wrong-type', `max_age: ${literal.problem}.`, literal.suggestion);
  }
  const methods = parseMethods(value.methods);
  if (level !== undefined && methods !== undefined && methods.length > 0 && methods.every((m) => tooWeak(m, level))) {
    report.error(
      [...path, 'methods'],
      'impossible-requirement',
      `No proof by ${methods.join(' or ')} ever has level ${level}.`,
      METHODS.filter((m) => FIXED[m] !== undefined && !tooWeak(m, level)).join(', '),
    );
  }
  return { level: level ?? 'none', maxAgeMs, methods, allOf: parseMethods(value.all_of) ?? [] };
}

function parseLevel(report: Report, value: unknown, path: Path): Level | undefined {
  if (value === undefined) return undefined;
  const literal = parseLiteral('level', value);
  if (literal.ok) return literal.value as Level;
  report.error(path, 'unknown-value', `level: ${literal.problem}.`, `one of ${LEVELS.join(', ')}`);
  return undefined;
}

const parseMethods = (value: unknown): readonly Method[] | undefined =>
  Array.isArray(value) ? METHODS.filter((method) => value.includes(method)) : undefined;

const tooWeak = (method: Method, level: Level): boolean => {
  const fixed = FIXED[method];
  return fixed !== undefined && levelRank(fixed) < levelRank(level);
};
