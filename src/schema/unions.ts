import type { ErrorObject } from 'ajv';

/** A part of a JSON Schema. */
export type Schema = { readonly [key: string]: unknown };

/** An error and, once unions are folded, the errors that stand for it. */
export interface Folded {
  readonly error: ErrorObject;
  /** replaces the message of a union in which no branch is near */
  readonly alternatives?: readonly Schema[];
}

/**
 * Ajv reports the errors of all branches and then that of the union. They are replaced by those of the one branch that
 * the value was meant for, if that can be told, else by the union's own.
 */
export function foldUnions(errors: readonly ErrorObject[]): Folded[] {
  const out: Folded[] = [];
  for (const error of errors) {
    if (error.keyword === 'if') continue;
    if (error.keyword !== 'anyOf' && error.keyword !== 'oneOf') {
      out.push({ error });
      continue;
    }
    const inside: Folded[] = [];
    while (out.length > 0 && isWithin(out.at(-1) as Folded, error)) inside.unshift(out.pop() as Folded);
    const branches = error.schema as readonly Schema[];
    out.push(...inside.filter((item) => !isOfUnion(item.error, error)));
    const chosen = chooseBranch(branches, inside, error) ?? wrongWord(branches, inside, error);
    if (chosen === undefined) out.push({ error, alternatives: branches });
    else out.push(...chosen);
  }
  return out;
}

const isWithin = (item: Folded, union: ErrorObject): boolean =>
  item.error.instancePath === union.instancePath || item.error.instancePath.startsWith(`${union.instancePath}/`);

/** Errors of referenced schemas cannot be told apart by their path; they count as the union's, which is reported anyhow. */
const isOfUnion = (error: ErrorObject, union: ErrorObject): boolean =>
  error.schemaPath.startsWith(`${union.schemaPath}/`) || !error.schemaPath.startsWith('#/properties/');

function chooseBranch(
  branches: readonly Schema[],
  inside: readonly Folded[],
  union: ErrorObject,
): readonly Folded[] | undefined {
  const groups = branches.map((branch, index) => inside.filter((item) => isOfBranch(item.error, union, index, branch)));
  const possible = groups.filter(
    (group, index) =>
      group.length > 0 && fits(branches[index] as Schema, union.data) && !wrongDiscriminator(group, union),
  );
  if (possible.length === 0) return undefined;
  if (possible.length === 1) return possible[0];
  // several branches of the right kind: only errors deeper down tell anything, and the branch with the fewest is nearest
  const deeper = possible.filter((group) => group.some((item) => item.error.instancePath !== union.instancePath));
  if (deeper.length === 0) return undefined;
  return deeper.reduce((best, group) => (group.length < best.length ? group : best));
}

/**
 * Maps that are told apart by a fixed word, with a word that none of them has, or without one: one error about the word says
 * more than that the map is none of them.
 */
function wrongWord(
  branches: readonly Schema[],
  inside: readonly Folded[],
  union: ErrorObject,
): readonly Folded[] | undefined {
  const groups = branches.map((branch, index) => inside.filter((item) => isOfBranch(item.error, union, index, branch)));
  const word = Object.entries((branches[0]?.properties ?? {}) as object).find(([, schema]) => 'const' in schema)?.[0];
  if (word === undefined) return undefined;
  const errors = groups.map((group) =>
    group.find(({ error }) =>
      error.keyword === 'const'
        ? error.instancePath === `${union.instancePath}/${word}`
        : error.keyword === 'required' &&
          error.instancePath === union.instancePath &&
          (error.params as { missingProperty?: unknown }).missingProperty === word,
    ),
  );
  const [first] = errors;
  if (first === undefined || errors.some((item) => item?.error.keyword !== first.error.keyword)) return undefined;
  if (first.error.keyword === 'required') return [first];
  const allowedValues = errors.flatMap((item) => (item === undefined ? [] : [item.error.params.allowedValue]));
  return [{ error: { ...first.error, keyword: 'enum', params: { allowedValues }, parentSchema: {} } }];
}

function isOfBranch(error: ErrorObject, union: ErrorObject, index: number, branch: Schema): boolean {
  const own = `${union.schemaPath}/${index}`;
  if (error.schemaPath === own || error.schemaPath.startsWith(`${own}/`)) return true;
  const ref = branch.$ref;
  if (typeof ref !== 'string') return false;
  return error.schemaPath.startsWith(`${ref}/`) || error.schemaPath.startsWith(`#/$defs/${ref}/`);
}

/** The value has the kind of thing that the branch describes. A referenced branch is taken for a map. */
function fits(branch: Schema, value: unknown): boolean {
  if (branch.const !== undefined || branch.enum !== undefined) return false;
  const type = typeof branch.$ref === 'string' ? 'object' : branch.type;
  if (type === undefined) return true;
  const types = Array.isArray(type) ? type : [type];
  return types.includes(kindOf(value)) || (types.includes('integer') && kindOf(value) === 'number');
}

const wrongDiscriminator = (group: readonly Folded[], union: ErrorObject): boolean =>
  group.some(
    ({ error }) =>
      error.keyword === 'const' &&
      error.instancePath.startsWith(`${union.instancePath}/`) &&
      depth(error) === depth(union) + 1,
  );

const depth = (error: ErrorObject): number => error.instancePath.split('/').length;

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}
