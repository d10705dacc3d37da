import type { ErrorObject } from 'ajv';
import type { Path } from './document.ts';
import { type Folded, foldUnions, type Schema } from './unions.ts';

/** One thing that is wrong with a value, before it has a place in a file. */
export interface Problem {
  readonly path: Path;
  readonly at: 'key' | 'value';
  readonly code: string;
  /** completes "<path> …"; a whole sentence without full stop when `at` is `key` */
  readonly text: string;
  readonly showValue: boolean;
  readonly value: unknown;
  /** what was written, and what could have been meant */
  readonly word?: unknown;
  readonly candidates?: readonly string[];
  /** the key that is not there */
  readonly missing?: string;
}

/** Turns the errors of Ajv (verbose, allErrors) into problems: one for each mistake, not one for each branch of a union. */
export function explainErrors(errors: readonly ErrorObject[]): Problem[] {
  const folded = foldUnions(errors);
  const problems: Problem[] = [];
  const seen = new Set<string>();
  for (const item of folded) {
    const problem = explain(item);
    const key = `${problem.code} ${JSON.stringify(problem.path)} ${problem.text}`;
    if (seen.has(key)) continue;
    seen.add(key);
    problems.push(problem);
  }
  return problems;
}

function explain({ error, alternatives }: Folded): Problem {
  const path = pathOf(error);
  const base = { path, at: 'value', showValue: true, value: error.data } as const;
  const schema = (error.parentSchema ?? {}) as Schema;
  if (alternatives !== undefined) return { ...base, ...explainUnion(alternatives, error.data, schema) };
  const params = error.params as { readonly [key: string]: unknown };
  switch (error.keyword) {
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const key = String(params.additionalProperty ?? params.unevaluatedProperty);
      const known = Object.keys((schema.properties as object | undefined) ?? {});
      return {
        path: [...path, key],
        at: 'key',
        code: 'unknown-key',
        text: `Unknown key "${short(key)}"${ofParent(path)}`,
        showValue: false,
        value: undefined,
        word: key,
        candidates: known,
      };
    }
    case 'required':
      return {
        ...base,
        at: 'key',
        code: 'missing-key',
        text: `${path.length === 0 ? 'The file' : pathName(path)} needs the key "${String(params.missingProperty)}"`,
        showValue: false,
        missing: String(params.missingProperty),
      };
    case 'propertyNames': {
      const key = String(params.propertyName);
      return {
        ...base,
        path: [...path, key],
        at: 'key',
        code: 'bad-key',
        text: `"${short(key)}" cannot be a key here`,
        showValue: false,
      };
    }
    case 'enum':
      return { ...base, ...explainWords(params.allowedValues as readonly unknown[], error.data, schema) };
    case 'const':
      return { ...base, ...explainWords([params.allowedValue], error.data, schema) };
    default:
      return { ...base, code: codeOf(error.keyword), ...explainKeyword(error.keyword, params, schema, error.data) };
  }
}

type Told = Partial<Problem> & { readonly text: string };

function explainKeyword(
  keyword: string,
  params: { readonly [key: string]: unknown },
  schema: Schema,
  value: unknown,
): Told {
  const limit = String(params.limit);
  switch (keyword) {
    case 'type':
      return { text: `must be ${expectation(schema)}` };
    case 'pattern':
    case 'format':
      return { text: `must be ${expectation(schema)}` };
    case 'minLength':
      return { text: limit === '1' ? 'must not be empty' : `must have at least ${limit} characters`, showValue: false };
    case 'maxLength':
      return { text: `must have at most ${limit} characters`, showValue: false };
    case 'minimum':
      return { text: `must be at least ${limit}` };
    case 'maximum':
      return { text: `must be at most ${limit}` };
    case 'exclusiveMinimum':
      return { text: `must be more than ${limit}` };
    case 'exclusiveMaximum':
      return { text: `must be less than ${limit}` };
    case 'minItems':
      return { text: limit === '1' ? 'must not be empty' : `must have at least ${limit} items`, showValue: false };
    case 'maxItems':
      return { text: `must have at most ${limit} items`, showValue: false };
    case 'uniqueItems': {
      const item = Array.isArray(value) ? value[Number(params.i)] : undefined;
      return { text: `has ${typeof item === 'string' ? `"${short(item)}"` : 'the same item'} twice`, showValue: false };
    }
    case 'minProperties':
      return { text: limit === '1' ? 'must not be empty' : `must have at least ${limit} entries`, showValue: false };
    case 'maxProperties':
      return { text: `must have at most ${limit} ${limit === '1' ? 'entry' : 'entries'}`, showValue: false };
    case 'not':
      return { text: `must not be ${expectation((schema.not as Schema | undefined) ?? {})}`, showValue: false };
    default:
      return { text: 'is not valid here' };
  }
}

const codeOf = (keyword: string): string =>
  keyword === 'type' ? 'wrong-type' : /^(min|max|exclusive)/.test(keyword) ? 'out-of-range' : 'bad-value';

function explainWords(words: readonly unknown[], value: unknown, schema: Schema): Told & { readonly code: string } {
  const list = words.map((word) => (typeof word === 'string' ? word : JSON.stringify(word)));
  const expects = typeof schema['x-expects'] === 'string' ? schema['x-expects'] : undefined;
  const text = expects ?? (list.length === 1 ? `${list[0]}` : `one of ${list.join(', ')}`);
  return { code: 'bad-value', text: `must be ${text}`, word: value, candidates: list };
}

/** No branch is near: say all that would do; when all are words, as a list of words. */
function explainUnion(branches: readonly Schema[], value: unknown, schema: Schema): Told & { readonly code: string } {
  if (typeof schema['x-expects'] === 'string') {
    const words = branches.flatMap(wordsOf).filter((word) => typeof word === 'string');
    return { code: 'bad-value', text: `must be ${schema['x-expects']}`, word: value, candidates: words };
  }
  if (branches.every((branch) => wordsOf(branch).length > 0))
    return explainWords(branches.flatMap(wordsOf), value, schema);
  const words = branches.flatMap(wordsOf);
  const kinds = [...new Set(branches.map(expectation))];
  return {
    code: 'wrong-type',
    text: `must be ${kinds.join(' or ')}`,
    word: value,
    candidates: words.filter((word) => typeof word === 'string'),
  };
}

const wordsOf = (branch: Schema): readonly unknown[] =>
  branch.const !== undefined ? [branch.const] : Array.isArray(branch.enum) ? branch.enum : [];

/** Completes "must be …". */
function expectation(schema: Schema): string {
  if (typeof schema['x-expects'] === 'string') return schema['x-expects'];
  const words = wordsOf(schema);
  if (words.length > 0) return words.map((word) => JSON.stringify(word)).join(' or ');
  if (Array.isArray(schema.anyOf)) return [...new Set((schema.anyOf as Schema[]).map(expectation))].join(' or ');
  const types = Array.isArray(schema.type) ? schema.type : [schema.type];
  return types.map((type) => KINDS.get(String(type)) ?? 'something else').join(' or ');
}

const KINDS: ReadonlyMap<string, string> = new Map([
  ['object', 'a map'],
  ['array', 'a list'],
  ['string', 'text'],
  ['number', 'a number'],
  ['integer', 'a whole number'],
  ['boolean', 'true or false'],
  ['null', 'null'],
]);

const ofParent = (path: Path): string => (path.length === 0 ? '' : ` in ${pathName(path)}`);
const pathName = (path: Path): string =>
  path.map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`)).join('');
const short = (text: string): string => (text.length > 64 ? `${text.slice(0, 63)}…` : text);

/** JSON pointer to path; steps into lists become numbers by what the data is, which `locate` does not mind. */
function pathOf(error: ErrorObject): Path {
  if (error.instancePath === '') return [];
  return error.instancePath
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((step) => (/^(0|[1-9]\d*)$/.test(step) ? Number(step) : step));
}
