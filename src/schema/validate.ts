import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { TSchema } from 'typebox';
import type { Finding } from '../core/finding.ts';
import { ANNOTATIONS } from './annotations.ts';
import { type Decoded, decode } from './decode.ts';
import { errorAt, type Path, type SourceDocument } from './document.ts';
import { explainErrors, type Problem } from './problems.ts';
import { suggest } from './suggest.ts';

/** Problems listed per document. */
const MAX_FINDINGS = 200;

/** What a check found: for people, and for `mend`. */
export interface Checked {
  readonly findings: Finding[];
  readonly problems: readonly Problem[];
}

/**
 * Compiles a schema (draft-07) into a check of documents: no coercion, no defaults filled in, all problems at once in the
 * order of the file, each at its place, with a suggestion where one is near. The check never throws; this function throws
 * on a bad schema.
 */
export function compileSchema(schema: TSchema): (document: SourceDocument) => Finding[] {
  const check = compileCheck(schema);
  return (document) => check(document).findings;
}

/** `compileSchema` for callers that go on with what is right. */
export function compileCheck(schema: TSchema): (document: SourceDocument) => Checked {
  const validate = compileValidator(schema);
  return (document) => {
    if (validate(withPrototypes(document.value)) === true) return { findings: [], problems: [] };
    const problems = explainErrors((validate.errors ?? []) as readonly ErrorObject[]);
    const findings = problems.slice(0, MAX_FINDINGS).map((problem) => findingOf(document, problem));
    findings.sort((a, b) => a.line - b.line || a.column - b.column);
    return { findings, problems };
  };
}

/** One thing that is wrong with data that came in a request. */
export interface JsonProblem {
  /** RFC 6901; of a key that is missing that of its map, of one too many its own; empty: the whole */
  readonly pointer: string;
  /** a sentence; never repeats a value */
  readonly detail: string;
}

export type JsonOutcome<T extends TSchema> =
  | { readonly ok: true; readonly value: Decoded<T> }
  | { readonly ok: false; readonly problems: readonly JsonProblem[] };

/**
 * Compiles a schema into a reader of plain data (`parseJson`): what is good comes back copied by the schema, frozen and
 * without prototypes, with defaults filled in. The reader never throws; this function throws on a bad schema.
 */
export function compileJson<T extends TSchema>(schema: T): (value: unknown) => JsonOutcome<T> {
  const validate = compileValidator(schema);
  return (value) => {
    if (validate(withPrototypes(value)) === true) return { ok: true, value: decode(schema, value, { directory: '/' }) };
    const problems = explainErrors((validate.errors ?? []) as readonly ErrorObject[]).slice(0, MAX_JSON_PROBLEMS);
    return { ok: false, problems: problems.map(jsonProblemOf) };
  };
}

/** Compiles a schema into whether plain data is as it says. Never throws; this function throws on a bad schema. */
export function compileGuard(schema: TSchema): (value: unknown) => boolean {
  const validate = compileValidator(schema);
  return (value) => validate(withPrototypes(value)) === true;
}

const MAX_JSON_PROBLEMS = 20;

function jsonProblemOf({ path, at, text }: Problem): JsonProblem {
  const pointer = path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  const what = at === 'key' ? text : `This ${text}`;
  return { pointer, detail: `${what}.` };
}

function compileValidator(schema: TSchema): ValidateFunction {
  const ajv = new Ajv({
    allErrors: true,
    strict: true,
    strictTypes: false,
    verbose: true,
    allowUnionTypes: true,
    ownProperties: true,
    messages: false,
    validateFormats: false,
  });
  for (const keyword of ANNOTATIONS) ajv.addKeyword({ keyword, valid: true });
  return ajv.compile(schema);
}

/**
 * A copy whose maps are ordinary objects: Ajv compares items with a function that calls methods of Object. Keys that reach
 * a prototype never come this far (`readYaml`), and Ajv looks at own properties only.
 */
function withPrototypes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withPrototypes);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withPrototypes(item)]));
}

function findingOf(document: SourceDocument, problem: Problem): Finding {
  const at = document.locate(problem.path, problem.at);
  const secret = document.isSecret(problem.path);
  const where = problem.at === 'key' ? '' : `${pathText(problem.path)} `;
  const got = problem.showValue && !secret ? `, not ${show(problem.value)}` : '';
  const near = secret ? undefined : suggestionOf(problem);
  const message = `${where}${problem.text}${got}.`;
  return errorAt(document.file, at, problem.code, capital(message), near);
}

function suggestionOf(problem: Problem): string | undefined {
  if (problem.candidates === undefined || typeof problem.word !== 'string') return undefined;
  const near = suggest(problem.word, problem.candidates);
  return near === undefined ? undefined : `Did you mean ${near}?`;
}

/** `routes[0].match.path`, or "The file" for the root. */
export function pathText(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[\w-]+$/.test(step)) text += text === '' ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text === '' ? 'the file' : text;
}

const capital = (text: string): string => (text.startsWith('the file') ? `T${text.slice(1)}` : text);

/** A value as a person wrote it, bounded; maps and lists by kind only. */
function show(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a map';
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
