import type { Specs } from './names.ts';
import { literalName } from './names.ts';
import type { Report } from './report.ts';
import { type AttributeRef, atomsOf, type Policy, type PolicyTest, refsOf } from './syntax.ts';

/** Every attribute that the rules of a policy read, by the name that tests and overlays use for it. */
export function readsOf(policy: Policy): Map<string, AttributeRef> {
  const reads = new Map<string, AttributeRef>();
  const seen = new Set<string>();
  for (const rule of policy.rules) {
    for (const atom of atomsOf(rule.when, policy.conditions, seen)) {
      for (const ref of refsOf(atom)) reads.set(literalName(ref), ref);
    }
  }
  return reads;
}

/** Warns of what can be meant but often is not: absence not thought of, attributes that nothing determines yet. */
export function lintReads(report: Report, specs: Specs, policy: Policy): void {
  for (const rule of policy.rules) {
    if (rule.effect === 'allow') continue;
    const atoms = [...atomsOf(rule.when, policy.conditions)];
    const guarded = new Set(atoms.filter((atom) => atom.operator === 'present').map((atom) => atom.ref.written));
    for (const atom of atoms) {
      if (atom.operator === 'present' || atom.operator === 'empty') continue;
      for (const { written, name } of refsOf(atom)) {
        if (guarded.has(written) || specs.get(name)?.mayBeAbsent !== true) continue;
        guarded.add(written);
        report.warnAt(
          atom.place,
          'absence-not-considered',
          `${written} may be absent, and then "${rule.name}" ${atom.operator === 'none_of' ? 'sees none of these values' : 'compares as false'}.`,
          `say what absence means: ${written}: { present: … }`,
        );
      }
    }
  }
  const told = new Set<string>();
  for (const expression of [...policy.rules.map((rule) => rule.when), ...policy.conditions.values()]) {
    for (const atom of atomsOf(expression, new Map())) {
      for (const { written, name } of refsOf(atom)) {
        if (told.has(written) || specs.get(name)?.built !== false) continue;
        told.add(written);
        report.warnAt(atom.place, 'attribute-not-built', `Nothing determines ${written} yet, so it is always unknown.`);
      }
    }
  }
}

const DEFAULTED: ReadonlySet<string> = new Set(['request.method', 'time.now', 'identity.authenticated']);

/** Warns of a test that leaves out what is never absent at run time: it tests a request that cannot happen. */
export function lintTest(report: Report, specs: Specs, policy: Policy, test: PolicyTest): void {
  const anonymous = !test.given.has('identity.sub') && test.given.get('identity.authenticated') !== true;
  const missing: string[] = [];
  for (const [name, ref] of readsOf(policy)) {
    const spec = specs.get(ref.name);
    if (spec === undefined || spec.mayBeAbsent || test.given.has(name) || DEFAULTED.has(name)) continue;
    if (!(anonymous && spec.veiledForLogin)) missing.push(ref.written);
  }
  if (missing.length === 0) return;
  report.warnAt(
    test.place,
    'test-leaves-out',
    `The policy reads ${missing.join(', ')}, which at run time ${missing.length === 1 ? 'is' : 'are'} never absent, but this test does not say what ${missing.length === 1 ? 'it is' : 'they are'}.`,
    'give a value, or list it under unknown',
  );
}
