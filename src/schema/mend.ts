import type { TSchema } from 'typebox';
import type { Path, SourceDocument } from './document.ts';
import type { Problem } from './problems.ts';
import { suggest } from './suggest.ts';
import type { Checked } from './validate.ts';

/** A document that can be decoded although its file is wrong, so that what is right in it can be checked further. */
export interface Mended {
  /** places and secrets are still those of the file, whatever was taken out of lists */
  readonly document: SourceDocument;
  /**
   * Whether the value at a path of `document` is what the file says: nothing at, above or below it was replaced, and no
   * unknown key seems to be a misspelling of one of these.
   */
  isAsWritten(path: Path): boolean;
}

interface Node {
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly type?: string;
  readonly anyOf?: readonly Node[];
  readonly items?: Node;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
}

/** Each round mends what the last one uncovered, an empty list after its items, so few are needed. */
const MAX_ROUNDS = 8;
/** In a list of the result: which item of the file each of its items is. */
type Origins = Map<unknown, number[]>;

/**
 * Mends a document by what its check says: unknown keys and bad items of lists go, bad values of optional keys too, and what
 * must be there gets its default or an example. The result is for checking only and must never come into force.
 *
 * @param also paths that another step has replaced already
 * @returns undefined when nothing sensible is left
 */
export function mend(
  document: SourceDocument,
  schema: TSchema,
  check: (document: SourceDocument) => Checked,
  also: readonly Path[] = [],
): Mended | undefined {
  const origins: Origins = new Map();
  const replaced: Path[] = [...also];
  const value = copy(document.value, origins);
  const origin = (path: Path): Path => {
    let at: unknown = value;
    return path.map((step) => {
      const from = typeof step === 'number' ? (origins.get(at)?.[step] ?? step) : step;
      at = isObject(at) ? Reflect.get(at, step) : undefined;
      return from;
    });
  };
  const mended: SourceDocument = {
    ...document,
    value,
    locate: (path, which) => document.locate(origin(path), which),
    isSecret: (path) => document.isSecret(origin(path)),
  };
  for (let round = 0; ; round++) {
    // a list that lost all of its items stays empty: there is nothing that could stand for them
    const problems = check(mended).problems.filter((problem) => !isEmptied(problem));
    if (problems.length === 0) break;
    if (round === MAX_ROUNDS || problems.some((problem) => problem.path.length === 0 && problem.at === 'value'))
      return undefined;
    replaced.push(...problems.flatMap(replacedBy).map(origin));
    const unique = new Map(problems.map((problem) => [JSON.stringify([problem.path, problem.missing]), problem]));
    // from the end, so that items that are taken out move none that is still to be looked at
    for (const problem of [...unique.values()].sort(laterFirst)) repair(value, schema as Node, problem, origins);
  }
  const isAsWritten = (path: Path): boolean => {
    const here = origin(path);
    return !replaced.some((other) => isWithin(here, other) || isWithin(other, here));
  };
  return { document: mended, isAsWritten };
}

const isEmptied = ({ code, value }: Problem): boolean =>
  code === 'out-of-range' && Array.isArray(value) && value.length === 0;

/** The paths that a problem leaves unsaid. */
function replacedBy({ path, code, missing, word, candidates }: Problem): readonly Path[] {
  if (missing !== undefined) return [[...path, missing]];
  if (code !== 'unknown-key') return [path];
  const meant = typeof word === 'string' ? suggest(word, candidates ?? []) : undefined;
  return meant === undefined ? [] : [[...path.slice(0, -1), meant]];
}

function repair(root: unknown, schema: Node, { path, missing, value }: Problem, origins: Origins): void {
  const holder = path.slice(0, -1).reduce<unknown>((at, step) => (isObject(at) ? Reflect.get(at, step) : at), root);
  const key = path.at(-1);
  if (missing !== undefined) {
    const map = key === undefined ? root : isObject(holder) ? Reflect.get(holder, key) : undefined;
    if (isObject(map)) Reflect.set(map, missing, placeholder(nodeAt(schema, [...path, missing])));
  } else if (Array.isArray(holder)) {
    holder.splice(Number(key), 1);
    origins.get(holder)?.splice(Number(key), 1);
  } else if (isObject(holder) && key !== undefined) {
    const wanted = nodeAt(schema, path.slice(0, -1))?.required?.includes(String(key)) === true;
    // twice the same in a list that is good otherwise: once is what was meant
    if (Array.isArray(value) && value.every((item) => typeof item === 'string') && new Set(value).size < value.length)
      keepFirst(Reflect.get(holder, key) as unknown[], origins);
    else if (wanted) Reflect.set(holder, key, placeholder(nodeAt(schema, path)));
    else Reflect.deleteProperty(holder, key);
  }
}

function keepFirst(list: unknown[], origins: Origins): void {
  for (let i = list.length - 1; i > 0; i--) {
    if (list.indexOf(list[i]) === i) continue;
    list.splice(i, 1);
    origins.get(list)?.splice(i, 1);
  }
}

/** The part of a schema that describes the value at a path. */
function nodeAt(schema: Node, path: Path): Node | undefined {
  let at: Node | undefined = schema;
  for (const step of path) {
    const branches: readonly Node[] = at === undefined ? [] : (at.anyOf ?? [at]);
    at =
      typeof step === 'number'
        ? branches.find((branch) => branch.items !== undefined)?.items
        : branches.find((branch) => Object.hasOwn(branch.properties ?? {}, step))?.properties?.[step];
  }
  return at;
}

/** Something that the schema accepts, as a file would say it. */
function placeholder(node: Node | undefined): unknown {
  if (node === undefined) return undefined;
  const known = node.default ?? node.examples?.[0] ?? node.const ?? node.enum?.[0];
  if (known !== undefined) return copy(known, new Map());
  if (node.anyOf !== undefined) return placeholder(node.anyOf[0]);
  if (node.items !== undefined) return [];
  const out: Record<string, unknown> = Object.create(null);
  for (const key of node.required ?? []) out[key] = placeholder(node.properties?.[key]);
  return node.type === 'object' ? out : 'x';
}

const isWithin = (path: Path, outer: Path): boolean => outer.every((step, i) => String(step) === String(path[i]));

/** Later items of lists before earlier ones, what is deeper before what holds it. */
function laterFirst({ path: a }: Problem, { path: b }: Problem): number {
  const at = a.findIndex((step, i) => i >= b.length || String(step) !== String(b[i]));
  if (at < 0 || at >= b.length) return b.length - a.length;
  const [one, other] = [a[at], b[at]];
  return typeof one === 'number' && typeof other === 'number' ? other - one : String(one) < String(other) ? -1 : 1;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** A deep copy of parsed data, maps without prototype. */
function copy(value: unknown, origins: Origins): unknown {
  if (Array.isArray(value)) {
    const list = value.map((item) => copy(item, origins));
    origins.set(
      list,
      list.map((_, i) => i),
    );
    return list;
  }
  if (!isObject(value)) return value;
  const out: Record<string, unknown> = Object.create(null);
  for (const [key, item] of Object.entries(value)) out[key] = copy(item, origins);
  return out;
}
