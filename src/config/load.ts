import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { type Finding, hasErrors, inOrder } from '../core/finding.ts';
import { decode } from '../schema/decode.ts';
import { errorAt, type SourceDocument } from '../schema/document.ts';
import { decodeUtf8 } from '../schema/encoding.ts';
import { interpolate, type Sources } from '../schema/interpolate.ts';
import { type Mended, mend } from '../schema/mend.ts';
import { MAX_FILE_BYTES } from '../schema/scan.ts';
import { compileCheck } from '../schema/validate.ts';
import { readYaml } from '../schema/yaml.ts';
import { crossCheck } from './cross-check.ts';
import { refuseLater } from './later.ts';
import { type Configuration, configurationSchema, type PolicyText } from './schema.ts';

export interface LoadResult {
  /** undefined whenever there is an error among the findings */
  readonly config: Configuration | undefined;
  /** the same beside errors, with what is wrong taken out or replaced: for further checks, never to come into force */
  readonly draft: Configuration | undefined;
  /** the policy files as far as they could be read, so that their problems can be told beside those of the configuration */
  readonly policyFiles: readonly PolicyText[];
  /** those that could not be read, as findings call them */
  readonly unreadPolicies: readonly string[];
  /** everything that is wrong, by file, line and column */
  readonly findings: Finding[];
  /** absolute paths whose change means: load again. Complete as far as the loading got, also when it failed */
  readonly watched: readonly string[];
}

export type Environment = Readonly<Record<string, string | undefined>>;

const checkShape = compileCheck(configurationSchema);

/**
 * Reads a configuration with everything that it names: variables of the environment, files of secrets, the texts of the
 * policies. All problems are reported at once. Synchronous; never throws.
 *
 * @param file path of the configuration, as findings shall show it
 */
export function loadConfiguration(file: string, env: Environment): LoadResult {
  const absolute = resolve(file);
  const watched = new Set([absolute]);
  const findings: Finding[] = [];
  const unreadPolicies: string[] = [];
  let policyFiles: readonly PolicyText[] = Object.freeze([]);
  const draft = load();
  return {
    config: hasErrors(findings) ? undefined : draft,
    draft,
    policyFiles,
    unreadPolicies,
    findings: inOrder(findings),
    watched: [...watched],
  };

  function load(): Configuration | undefined {
    const text = readText(file, absolute);
    if (typeof text !== 'string') {
      findings.push(text);
      return undefined;
    }
    const read = readYaml(file, text);
    findings.push(...read.findings);
    if (read.document === undefined) return undefined;
    const filled = interpolate(read.document, configurationSchema, sourcesOf(env, dirname(absolute), watched));
    const known = refuseLater(filled.document);
    const shape = checkShape(known.document);
    // a string that could not be filled is reported once, and not again for being empty
    const unfilled = new Set(filled.findings.map(placeOf));
    const shapeFindings = shape.findings.filter((each) => !unfilled.has(placeOf(each)));
    findings.push(...filled.findings, ...known.findings, ...shapeFindings);
    // what is right is checked further, so that all problems come at once
    const mended = mend(known.document, configurationSchema, checkShape, [...filled.paths, ...known.paths]);
    return mended === undefined ? undefined : finish(mended, loadPolicyNames(mended));
  }

  function finish(mended: Mended, names: ReadonlySet<string> | undefined): Configuration {
    const settings = decode(configurationSchema, mended.document.value, { directory: dirname(absolute) });
    findings.push(...crossCheck(settings, mended, names));
    const audit = Object.freeze({ file: settings.audit.file ?? join(settings.store.path, 'audit.ndjson') });
    return Object.freeze({ ...settings, audit, file: absolute, policyFiles });
  }

  /** Names of the policies, undefined when there is no directory or not all of it can be read. */
  function loadPolicyNames({ document, isAsWritten }: Mended): ReadonlySet<string> | undefined {
    const { policies: named } = document.value as { readonly policies?: unknown };
    if (typeof named !== 'string' || !isAsWritten(['policies'])) return undefined;
    const texts = readPolicies(named, document);
    if (texts === undefined) return undefined;
    policyFiles = Object.freeze(texts);
    return unreadPolicies.some(isPolicy) ? undefined : policyNames(texts);
  }

  /** The directory's files by name; a directory without a policy would deny everybody, so it is a mistake (security rule 14). */
  function readPolicies(named: string, document: SourceDocument): PolicyText[] | undefined {
    const directory = resolve(dirname(absolute), named);
    watched.add(directory);
    const report = (message: string): undefined => {
      findings.push(errorAt(file, document.locate(['policies']), 'policies-missing', message));
      return undefined;
    };
    let names: string[];
    try {
      names = readdirSync(directory).filter((name) => name.endsWith('.yaml') && !name.startsWith('.'));
    } catch (error) {
      return report(`The directory of policies ${directory} cannot be read (${reasonOf(error)}).`);
    }
    if (!names.some(isPolicy)) {
      return report(`The directory of policies ${directory} holds no policy (*.yaml).`);
    }
    // shown as the configuration itself was named: relative stays relative
    const shown = isAbsolute(named) ? named : join(dirname(file), named);
    const texts: PolicyText[] = [];
    for (const name of names.sort()) {
      const path = join(directory, name);
      watched.add(path);
      const policy = join(shown, name);
      const text = readText(policy, path);
      if (typeof text === 'string') {
        texts.push(Object.freeze({ file: policy, text }));
        continue;
      }
      findings.push(text);
      unreadPolicies.push(policy);
    }
    return texts;
  }
}

/** The text of a file, or what is wrong with it. */
function readText(shown: string, path: string): string | Finding {
  const whole = { line: 1, column: 1 };
  try {
    const { size } = statSync(path);
    if (size > MAX_FILE_BYTES) {
      return errorAt(shown, whole, 'file-too-large', `The file is larger than ${MAX_FILE_BYTES} bytes.`);
    }
    const { text, finding } = decodeUtf8(shown, readFileSync(path));
    return finding ?? text;
  } catch (error) {
    return errorAt(shown, whole, 'file-unreadable', `The file cannot be read (${reasonOf(error)}).`);
  }
}

function sourcesOf(env: Environment, directory: string, watched: Set<string>): Sources {
  return {
    env,
    readFile: (path) => {
      const absolute = resolve(directory, path);
      watched.add(absolute);
      const text = readText(path, absolute);
      if (typeof text === 'string') return { text };
      return { problem: `${path}: ${text.message}` };
    },
  };
}

/** Names that the policy files give themselves; files that cannot be read are the policy engine's to report. */
function policyNames(files: readonly PolicyText[]): ReadonlySet<string> | undefined {
  const names = new Set<string>();
  for (const { file, text } of files) {
    if (!isPolicy(file)) continue;
    const value = readYaml(file, text).document?.value;
    const name = typeof value === 'object' && value !== null ? Reflect.get(value, 'policy') : undefined;
    // one name unknown: nothing can be said about which policies there are
    if (typeof name !== 'string') return undefined;
    names.add(name);
  }
  return names;
}

/** Neither tests nor the reserved name. */
const isPolicy = (file: string): boolean => !file.endsWith('.test.yaml') && basename(file) !== 'roles.yaml';

/** The system's word for what went wrong, `ENOENT`; never the whole message, which repeats the path. */
const reasonOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown error';

const placeOf = ({ line, column }: Finding): string => `${line}:${column}`;
