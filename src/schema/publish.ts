import type { TSchema } from 'typebox';
import { ANNOTATIONS } from './annotations.ts';

type Json = { readonly [key: string]: unknown };

/** Where any text with `${…}` will do for an editor: what it stands for is checked when the file is loaded. */
const FILLED = '#/definitions/filled';
const OUTER = ['description', 'default', 'examples'];

/**
 * A schema as a draft-07 document for editors: our own keywords are gone, and wherever a text of some form, a number or a
 * word is wanted, a text with `${…}` is accepted as well.
 */
export function publishSchema(schema: TSchema): Json {
  const root = publishNode(JSON.parse(JSON.stringify(schema)) as Json) as Json;
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    ...root,
    definitions: {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: this is how people write it
      filled: { type: 'string', pattern: '\\$\\{', description: '${NAME}, ${NAME:-default} or ${file:path}' },
    },
  };
}

/** A schema without our own keywords and otherwise as it is, for files in which `${…}` means nothing. */
export function plainSchema(schema: TSchema): Json {
  const plain = (key: string, value: unknown) => ((ANNOTATIONS as readonly string[]).includes(key) ? undefined : value);
  return JSON.parse(JSON.stringify(schema, plain)) as Json;
}

function publishNode(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(publishNode);
  if (typeof node !== 'object' || node === null) return node;
  const entries = Object.entries(node)
    .filter(([key]) => !(ANNOTATIONS as readonly string[]).includes(key))
    .map(([key, value]) => [key, OUTER.includes(key) ? value : publishNode(value)] as const);
  const out = Object.fromEntries(entries);
  if (!wantsForm(out)) return out;
  const inner = entries.filter(([key]) => !OUTER.includes(key));
  const outer = entries.filter(([key]) => OUTER.includes(key));
  return { ...Object.fromEntries(outer), anyOf: [Object.fromEntries(inner), { $ref: FILLED }] };
}

/** A scalar that not every text satisfies. */
const wantsForm = (node: Json): boolean =>
  (node.type === 'string' &&
    (node.pattern !== undefined || node.enum !== undefined || Number(node.minLength ?? 0) > 1)) ||
  node.type === 'integer' ||
  node.type === 'number' ||
  node.type === 'boolean';
