import type { TSchema } from 'typebox';
import type { Finding } from '../core/finding.ts';
import { errorAt, type Path, type SourceDocument } from './document.ts';
import { suggest } from './suggest.ts';

/** Where the values of `${…}` come from. */
export interface Sources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** text of a file named in `${file:…}`, or a sentence that says why there is none */
  readFile(path: string): { readonly text: string } | { readonly problem: string };
}

/** Largest text that comes out of one string, characters. */
const MAX_LENGTH = 1024 * 1024;

/**
 * Fills `${NAME}`, `${NAME:-default}` (for unset and empty variables) and `${file:path}` in the strings of a parsed
 * document; `$${` stands for `${`. It runs after parsing and does not look at what it filled in, so a value can never add
 * structure. Where the schema wants a number or a boolean and the filled text reads as one, it becomes one; everything
 * else about it is checked like what was written. Strings that got anything from outside are secret in the result.
 */
export function interpolate(
  document: SourceDocument,
  schema: TSchema,
  sources: Sources,
): {
  readonly document: SourceDocument;
  readonly findings: Finding[];
  /** of the strings that could not be filled */
  readonly paths: readonly Path[];
} {
  const findings: Finding[] = [];
  const paths: Path[] = [];
  const secrets = new Set<string>();
  const walk = (value: unknown, path: Path, node: Node | undefined): unknown => {
    if (typeof value === 'string') {
      if (!value.includes('${')) return value;
      const filled = fill(value, sources, (code, message, suggestion) => {
        findings.push(errorAt(document.file, document.locate(path), code, message, suggestion));
        paths.push(path);
      });
      if (filled.outside) secrets.add(JSON.stringify(path.map(String)));
      return asSchemaWants(filled.text, node);
    }
    if (Array.isArray(value)) return value.map((item, i) => walk(item, [...path, i], itemsOf(node)));
    if (typeof value !== 'object' || value === null) return value;
    const out: Record<string, unknown> = Object.create(null);
    for (const [key, item] of Object.entries(value)) out[key] = walk(item, [...path, key], propertyOf(node, key));
    return out;
  };
  const value = walk(document.value, [], schema as Node);
  const isSecret = (path: Path): boolean => document.isSecret(path) || secrets.has(JSON.stringify(path.map(String)));
  return { document: { ...document, value, isSecret }, findings, paths };
}

type Report = (code: string, message: string, suggestion?: string) => void;

// one alternative for each form; the last two are mistakes that would otherwise be taken for text
const PLACE = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{file:([^}]+)\}|\$\{[^}]*\}?/gu;

function fill(text: string, sources: Sources, report: Report): { readonly text: string; readonly outside: boolean } {
  let outside = false;
  const filled = text.replace(PLACE, (place: string, name?: string, fallback?: string, file?: string) => {
    if (place === '$${') return '${';
    if (file !== undefined) {
      const found = sources.readFile(file);
      if ('problem' in found) {
        report('missing-file', found.problem);
        return '';
      }
      outside = true;
      return found.text.replace(/\r?\n$/u, '');
    }
    if (name === undefined) {
      report(
        'bad-interpolation',
        `${JSON.stringify(place)} is not \${NAME}, \${NAME:-default} or \${file:path}.`,
        'Write $${ for a literal ${.',
      );
      return '';
    }
    const value = Object.hasOwn(sources.env, name) ? sources.env[name] : undefined;
    if (value === undefined || (value === '' && fallback !== undefined)) {
      if (fallback !== undefined) return fallback;
      const near = suggest(name, Object.keys(sources.env));
      report('missing-variable', `The environment variable ${name} is not set.`, near && `Did you mean ${near}?`);
      return '';
    }
    outside = true;
    return value;
  });
  if (filled.length <= MAX_LENGTH) return { text: filled, outside };
  report('bad-interpolation', `The filled text is longer than ${MAX_LENGTH} characters.`);
  return { text: '', outside };
}

interface Node {
  readonly type?: string;
  readonly anyOf?: readonly Node[];
  readonly items?: Node;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly patternProperties?: Readonly<Record<string, Node>>;
}

const branches = (node: Node | undefined): readonly Node[] => (node === undefined ? [] : (node.anyOf ?? [node]));

const itemsOf = (node: Node | undefined): Node | undefined => branches(node).find((branch) => branch.items)?.items;

function propertyOf(node: Node | undefined, key: string): Node | undefined {
  for (const branch of branches(node)) {
    if (branch.properties !== undefined && Object.hasOwn(branch.properties, key)) return branch.properties[key];
    if (branch.patternProperties !== undefined) return Object.values(branch.patternProperties)[0];
  }
  return undefined;
}

function asSchemaWants(text: string, node: Node | undefined): unknown {
  const types = branches(node).map((branch) => branch.type);
  if (types.includes('string')) return text;
  if (
    (types.includes('integer') || types.includes('number')) &&
    /^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?$/u.test(text)
  ) {
    return Number(text);
  }
  if (types.includes('boolean') && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}
