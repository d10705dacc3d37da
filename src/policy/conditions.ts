import type { Report } from './report.ts';
import type { Expression, Rule } from './syntax.ts';

/** Bounds on what a request may have to compute, once every `is` is written out (policy-language 14). */
const MAX_ATOMS_PER_RULE = 1_000;
const MAX_ATOMS_PER_POLICY = 20_000;
const MAX_DEPTH = 32;

interface Size {
  readonly atoms: number;
  readonly depth: number;
}

/**
 * Refuses conditions that name one another in a circle or too deeply and rules that cost too much, and warns of
 * conditions that no rule uses. Tells whether conditions may be followed without further care.
 */
export function checkConditions(
  report: Report,
  conditions: ReadonlyMap<string, Expression>,
  rules: readonly Rule[],
  places: ReadonlyMap<string, { readonly line: number; readonly column: number }>,
): boolean {
  const before = report.errors();
  const known = new Map<string, Size>();
  const open = new Set<string>();
  const used = new Set<string>();

  const measure = (expression: Expression): Size => {
    switch (expression.kind) {
      case 'atom':
        return { atoms: 1, depth: 0 };
      case 'not':
        return measure(expression.of);
      case 'is':
        return measureCondition(expression);
      case 'all':
      case 'any': {
        let atoms = 0;
        let depth = 0;
        for (const part of expression.of) {
          const size = measure(part);
          atoms += size.atoms;
          depth = Math.max(depth, size.depth);
        }
        return { atoms, depth };
      }
    }
  };

  const measureCondition = (is: Extract<Expression, { kind: 'is' }>): Size => {
    used.add(is.name);
    const found = known.get(is.name);
    const body = conditions.get(is.name);
    if (found !== undefined || body === undefined) return found ?? { atoms: 0, depth: 0 };
    if (open.has(is.name)) {
      const circle = [...open, is.name].slice([...open].indexOf(is.name)).join(' → ');
      report.errorAt(is.place, 'condition-cycle', `These conditions name one another in a circle: ${circle}.`);
      return { atoms: 0, depth: 0 };
    }
    if (open.size >= MAX_DEPTH) {
      report.errorAt(is.place, 'too-costly', `Conditions name one another more than ${MAX_DEPTH} deep.`);
      return { atoms: 0, depth: 0 };
    }
    open.add(is.name);
    const inner = measure(body);
    open.delete(is.name);
    const size = { atoms: inner.atoms, depth: inner.depth + 1 };
    if (size.depth > MAX_DEPTH) {
      report.errorAt(is.place, 'too-costly', `Conditions name one another more than ${MAX_DEPTH} deep.`);
    }
    known.set(is.name, size);
    return size;
  };

  let total = 0;
  for (const rule of rules) {
    const { atoms } = rule.when === undefined ? { atoms: 0 } : measure(rule.when);
    total += atoms;
    if (atoms > MAX_ATOMS_PER_RULE) {
      report.errorAt(
        rule.place,
        'too-costly',
        `This rule makes ${atoms} comparisons once its conditions are written out; ${MAX_ATOMS_PER_RULE} are allowed.`,
      );
    }
  }
  if (total > MAX_ATOMS_PER_POLICY && rules[0] !== undefined && report.errors() === before) {
    report.errorAt(
      rules[0].place,
      'too-costly',
      `The rules make ${total} comparisons; ${MAX_ATOMS_PER_POLICY} are allowed.`,
    );
  }
  const reachable = new Set(used);
  for (const name of conditions.keys()) {
    const place = places.get(name);
    if (reachable.has(name) || place === undefined) continue;
    measureCondition({ kind: 'is', name, place });
    report.warnAt(place, 'unused-condition', `No rule uses the condition "${name}".`);
  }
  return report.errors() === before;
}
