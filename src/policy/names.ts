import type { AttributeSpec } from '../core/attribute.ts';
import { suggest } from '../schema/suggest.ts';
import type { AttributeRef } from './syntax.ts';

/** The declared attributes, whatever context they are read from. */
export type Specs = ReadonlyMap<string, AttributeSpec>;

/**
 * Finds the attribute that a policy means: itself, or the longest family whose `*` the rest of the name fills
 * (`identity.claims.department` → `identity.claims.*`). Undefined when there is none.
 */
export function resolveName(specs: Specs, written: string): AttributeRef | undefined {
  if (written.includes('*') || written.length > 256) return undefined;
  const plain = specs.get(written);
  if (plain !== undefined) return { written, name: written, key: undefined, type: plain.type };
  for (let at = written.lastIndexOf('.'); at > 0; at = written.lastIndexOf('.', at - 1)) {
    const family = specs.get(`${written.slice(0, at)}.*`);
    const key = written.slice(at + 1);
    if (family !== undefined && key !== '') return { written, name: family.name, key, type: family.type };
  }
  return undefined;
}

/** The declared name that a wrong one was probably meant to be, with its key where it is a family. */
export function suggestName(specs: Specs, written: string): string | undefined {
  const candidates: string[] = [];
  for (const name of specs.keys()) {
    if (!name.endsWith('.*')) {
      candidates.push(name);
      continue;
    }
    const family = name.slice(0, -1);
    const key = written
      .split('.')
      .slice(family.split('.').length - 1)
      .join('.');
    candidates.push(key === '' ? `${family}NAME` : family + key);
  }
  return suggest(written, candidates);
}

/**
 * One spelling for one thing in tests and overlays: header names are the same in any case and with `_` or `.` for `-`
 * (security rule 8), all other names are as written.
 */
export function literalName(ref: AttributeRef): string {
  if (ref.name !== 'request.header.*' || ref.key === undefined) return ref.written;
  return `request.header.${ref.key.toLowerCase().replace(/[^a-z0-9]/g, '-')}`;
}
