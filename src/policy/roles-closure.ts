import type { Access } from '../core/subject.ts';
import { accessOf } from './roles.ts';

/** A role as the file says it; every name is known, none is repeated. */
export interface RoleDraft {
  readonly inherits: readonly string[];
  readonly permissions: readonly string[];
}

export interface Closed {
  /** every role that neither inherits in a circle nor from a role that does */
  readonly roles: ReadonlyMap<string, Access>;
  /** each circle once, as its names in order of inheritance: the last inherits the first */
  readonly circles: readonly (readonly string[])[];
  /** writing this role out would pass the bound; undefined: all fit */
  readonly tooLarge: string | undefined;
}

/** Names looked at while inheritance is written out: bounds time and memory, whatever the file says (policy-language 14). */
export const MAX_CLOSURE = 1_000_000;

/** Writes inheritance out: whoever is asked later only looks up. No recursion, so a long chain is no danger. */
export function closeRoles(drafts: ReadonlyMap<string, RoleDraft>): Closed {
  const roles = new Map<string, Access>();
  const heirs = new Map<string, string[]>();
  const missing = new Map<string, number>();
  const ready: string[] = [];
  for (const [name, { inherits }] of drafts) {
    missing.set(name, inherits.length);
    if (inherits.length === 0) ready.push(name);
    for (const parent of inherits) {
      const known = heirs.get(parent);
      if (known === undefined) heirs.set(parent, [name]);
      else known.push(name);
    }
  }
  let looked = 0;
  // grows while it is walked: a role is ready once all that it inherits is written out
  for (const name of ready) {
    const { inherits, permissions } = drafts.get(name) as RoleDraft;
    const parents = inherits.map((parent) => roles.get(parent) as Access);
    for (const parent of parents) looked += parent.roles.length + parent.permissions.length;
    looked += 1 + permissions.length;
    if (looked > MAX_CLOSURE) return { roles, circles: [], tooLarge: name };
    roles.set(
      name,
      accessOf(
        new Set([name, ...parents.flatMap((parent) => parent.roles)]),
        new Set([...permissions, ...parents.flatMap((parent) => parent.permissions)]),
      ),
    );
    for (const heir of heirs.get(name) ?? []) {
      const left = (missing.get(heir) as number) - 1;
      missing.set(heir, left);
      if (left === 0) ready.push(heir);
    }
  }
  return { roles, circles: circlesOf(drafts, roles), tooLarge: undefined };
}

/** What is left over inherits something that is left over, so following that always ends in a circle. */
function circlesOf(drafts: ReadonlyMap<string, RoleDraft>, closed: ReadonlyMap<string, Access>): string[][] {
  const circles: string[][] = [];
  const seen = new Set<string>();
  for (const start of drafts.keys()) {
    if (closed.has(start)) continue;
    const steps = new Map<string, number>();
    let at: string | undefined = start;
    while (at !== undefined && !seen.has(at)) {
      seen.add(at);
      steps.set(at, steps.size);
      at = drafts.get(at)?.inherits.find((parent) => !closed.has(parent));
    }
    const first = at === undefined ? undefined : steps.get(at);
    // undefined: the walk ran into one that was told already
    if (first !== undefined) circles.push([...steps.keys()].slice(first));
  }
  return circles;
}
