import { isAlias, isMap, isScalar, isSeq, type Node } from 'yaml';
import type { Path, Position, SourceDocument } from './document.ts';

/** Never keys of anything (security rule 24). */
const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** A value together with the offset where it starts; `keys` are offsets of the keys, for maps. */
export interface Built {
  readonly value: unknown;
  readonly offset: number;
  readonly items?: readonly Built[];
  readonly entries?: ReadonlyMap<string, { readonly key: number; readonly value: Built }>;
}

/** Takes a problem at an offset of the text. */
export type Report = (offset: number, code: string, message: string, suggestion?: string) => void;

/** Plain data from the parser's nodes; what our subset does not have is reported and left out. Recursion is bounded by the scan. */
export const buildTree = (contents: unknown, report: Report): Built => new Builder(report).build(contents, 0);

class Builder {
  readonly #report: Report;
  constructor(report: Report) {
    this.#report = report;
  }

  build(node: unknown, fallback: number): Built {
    const offset = (node as Node | null)?.range?.[0] ?? fallback;
    if (isMap(node)) return this.#map(node.items, offset);
    if (isSeq(node)) {
      const items = node.items.map((item) => this.build(item, offset));
      return { value: items.map((item) => item.value), offset, items };
    }
    if (isScalar(node)) return { value: this.#scalar(node.value, offset), offset };
    // an alias was reported by the scan; a missing node is null, as the core schema says
    return { value: null, offset: isAlias(node) ? offset : fallback };
  }

  #map(pairs: readonly { readonly key: unknown; readonly value: unknown }[], offset: number): Built {
    const value: Record<string, unknown> = Object.create(null);
    const entries = new Map<string, { key: number; value: Built }>();
    for (const pair of pairs) {
      const keyOffset = (pair.key as Node | null)?.range?.[0] ?? offset;
      const built = this.build(pair.value, keyOffset);
      const key = this.#key(pair.key, keyOffset);
      if (key === undefined) continue;
      if (entries.has(key)) {
        this.#report(keyOffset, 'duplicate-key', `The key "${shorten(key)}" is here twice.`);
        continue;
      }
      entries.set(key, { key: keyOffset, value: built });
      value[key] = built.value;
    }
    return { value, offset, entries };
  }

  #key(node: unknown, offset: number): string | undefined {
    const key = isScalar(node) ? node.value : undefined;
    if (typeof key !== 'string') {
      if (!isAlias(node)) this.#report(offset, 'yaml-key', 'A key must be text.', 'Put it in quotes.');
      return undefined;
    }
    if (FORBIDDEN_KEYS.has(key)) {
      this.#report(offset, 'forbidden-key', `"${key}" is never a key.`);
      return undefined;
    }
    if (key === '<<') {
      this.#report(offset, 'yaml-merge', 'Merge keys (<<) are not read.', 'Write the entries out.');
      return undefined;
    }
    return key;
  }

  #scalar(value: unknown, offset: number): unknown {
    if (typeof value === 'number' && !(Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER)) {
      this.#report(offset, 'number-out-of-range', 'A number must be finite and at most 2^53.', 'Text needs quotes.');
      return null;
    }
    if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      return value;
    // only a tag gives anything else, and the scan reported it
    return null;
  }
}

const shorten = (text: string): string => (text.length > 64 ? `${text.slice(0, 63)}…` : text);

/** The document of a tree. */
export function documentOf(file: string, root: Built, position: (offset: number) => Position): SourceDocument {
  return {
    file,
    value: root.value,
    locate: (path: Path, which = 'value') => position(offsetOf(root, path, which)),
    isSecret: () => false,
  };
}

function offsetOf(root: Built, path: Path, which: 'key' | 'value'): number {
  let at = root;
  let offset = root.offset;
  for (const step of path) {
    if (at.items !== undefined) {
      const item = at.items[Number(step)];
      if (item === undefined) break;
      at = item;
      offset = item.offset;
    } else {
      const entry = at.entries?.get(String(step));
      if (entry === undefined) break;
      at = entry.value;
      offset = which === 'key' ? entry.key : entry.value.offset;
    }
  }
  return offset;
}
