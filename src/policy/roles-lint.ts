import { suggest } from '../schema/suggest.ts';
import { didYouMean, type Report } from './report.ts';
import type { RoleSet } from './roles.ts';
import { atomsOf, type Policy } from './syntax.ts';

/** Names told for one policy. */
const MAX_WARNINGS = 100;

/**
 * Warns of roles and permissions that a policy compares and that `roles.yaml` does not define. A role may still be one that
 * an account or a provider has, so it is no error. Says nothing where there is no such file.
 */
export function lintRoleNames(report: Report, roles: RoleSet, policy: Policy): void {
  if (roles.file === undefined) return;
  const told = new Set<string>();
  for (const expression of [...policy.rules.map((rule) => rule.when), ...policy.conditions.values()]) {
    // conditions are walked by themselves, so what `is` names is not followed
    for (const { ref, operands, place } of atomsOf(expression, new Map())) {
      const what = WHAT.get(ref.name);
      if (what === undefined) continue;
      const known: ReadonlyMap<string, unknown> = what === 'role' ? roles.roles : roles.permissions;
      for (const operand of operands) {
        if (operand.kind !== 'value' || typeof operand.value !== 'string' || known.has(operand.value)) continue;
        const key = `${what} ${operand.value}`;
        if (told.has(key) || told.size >= MAX_WARNINGS) continue;
        told.add(key);
        const message = `roles.yaml has no ${what} ${operand.text}.`;
        report.warnAt(place, `unknown-${what}`, message, didYouMean(suggest(operand.value, known.keys())));
      }
    }
  }
}

const WHAT: ReadonlyMap<string, 'role' | 'permission'> = new Map([
  ['identity.roles', 'role'],
  ['identity.permissions', 'permission'],
]);
