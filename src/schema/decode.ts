import { resolve } from 'node:path';
import type { Static, TArray, TObject, TRecord, TSchema, TUnion } from 'typebox';
import { type ListenAddress, parseBytes, parseDuration, parseListenAddress, parseRate, type Rate } from './units.ts';

/** What a file's texts are relative to. */
export interface DecodeContext {
  /** absolute directory of the file that names the paths */
  readonly directory: string;
}

/** Functions that turn a validated text into its value, by the name in the schema's `x-decode`. */
const DECODERS = {
  duration: (text: string): number => parseDuration(text),
  bytes: (text: string): number => parseBytes(text),
  rate: (text: string): Rate => parseRate(text),
  address: (text: string): ListenAddress => parseListenAddress(text),
  path: (text: string, context: DecodeContext): string => resolve(context.directory, text),
  lower: (text: string): string => text.toLowerCase(),
} as const;

export type DecoderName = keyof typeof DECODERS;

/** A string schema whose decoded value is what the named decoder returns. */
export interface TDecoded<Name extends DecoderName> extends TSchema {
  '~kind': 'String';
  type: 'string';
  'x-decode': Name;
}

/** One item or a list of them in the file; always a list when decoded. */
export interface TOneOrMany<Item extends TSchema> extends TSchema {
  '~kind': 'Union';
  anyOf: [Item, TArray<Item>];
  'x-decode': 'list';
}

/** A key that may be left out and then has the value that `default` gives (still to be decoded). */
export type TDefaulted<T extends TSchema> = T & { readonly '~optional': true; readonly default: unknown };

/**
 * The type of a decoded value: texts with units are numbers (ms, bytes), keys with a default are always there. Deeply
 * read-only.
 */
export type Decoded<T> =
  T extends TOneOrMany<infer Item>
    ? readonly Decoded<Item>[]
    : T extends { 'x-decode': infer Name extends DecoderName }
      ? ReturnType<(typeof DECODERS)[Name]>
      : T extends TArray<infer Item>
        ? readonly Decoded<Item>[]
        : T extends TUnion<infer Branches>
          ? Decoded<Branches[number]>
          : T extends TObject<infer Properties>
            ? {
                readonly [K in keyof Properties as IsOptional<Properties[K]> extends true ? never : K]: Decoded<
                  Properties[K]
                >;
              } & {
                readonly [K in keyof Properties as IsOptional<Properties[K]> extends true ? K : never]?: Decoded<
                  Properties[K]
                >;
              }
            : T extends TRecord<string, infer Value>
              ? Readonly<Record<string, Decoded<Value>>>
              : T extends TSchema
                ? Static<T>
                : never;

type IsOptional<T> = T extends { default: unknown } ? false : T extends { '~optional': true } ? true : false;

interface Node {
  readonly type?: string;
  readonly default?: unknown;
  readonly 'x-decode'?: DecoderName | 'list';
  readonly anyOf?: readonly Node[];
  readonly items?: Node;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly patternProperties?: Readonly<Record<string, Node>>;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
}

/**
 * The typed value of data that the schema's own check found good: defaults filled in (they are written in the schema as a
 * person would write them), texts with units turned into numbers, everything frozen. Maps stay without prototype. Throws
 * when the data was not checked before.
 */
export const decode = <T extends TSchema>(schema: T, value: unknown, context: DecodeContext): Decoded<T> =>
  // the one cast between validated data and its type
  decodeNode(schema as Node, value, context) as Decoded<T>;

function decodeNode(schema: Node, value: unknown, context: DecodeContext): unknown {
  const given = value === undefined ? schema.default : value;
  if (given === undefined) return undefined;
  const decoder = schema['x-decode'];
  if (decoder === 'list') {
    const item = schema.anyOf?.[0] ?? {};
    return Object.freeze((Array.isArray(given) ? given : [given]).map((each) => decodeNode(item, each, context)));
  }
  if (schema.anyOf !== undefined) {
    const branch = schema.anyOf.find((candidate) => accepts(candidate, given));
    if (branch === undefined) throw new TypeError('no branch of a union accepts the value: it was not validated');
    return decodeNode(branch, given, context);
  }
  if (decoder !== undefined) return freeze(DECODERS[decoder](String(given), context));
  if (schema.items !== undefined) {
    const items = schema.items;
    return Object.freeze((given as readonly unknown[]).map((item) => decodeNode(items, item, context)));
  }
  if (schema.properties !== undefined) return decodeObject(schema.properties, given as object, context);
  if (schema.patternProperties !== undefined) return decodeRecord(schema.patternProperties, given as object, context);
  return given;
}

function decodeObject(properties: Readonly<Record<string, Node>>, given: object, context: DecodeContext): unknown {
  const out: Record<string, unknown> = Object.create(null);
  for (const [key, property] of Object.entries(properties)) {
    const value = decodeNode(property, Reflect.get(given, key), context);
    if (value !== undefined) out[key] = value;
  }
  return Object.freeze(out);
}

function decodeRecord(patterns: Readonly<Record<string, Node>>, given: object, context: DecodeContext): unknown {
  const [schema] = Object.values(patterns);
  const out: Record<string, unknown> = Object.create(null);
  for (const [key, value] of Object.entries(given)) out[key] = decodeNode(schema ?? {}, value, context);
  return Object.freeze(out);
}

/** Enough to tell the branches of a union apart: kind, fixed words, pattern. */
function accepts(schema: Node, value: unknown): boolean {
  if (schema.anyOf !== undefined) return schema.anyOf.some((branch) => accepts(branch, value));
  if (schema.const !== undefined) return schema.const === value;
  if (schema.enum !== undefined) return schema.enum.includes(value);
  switch (schema.type) {
    case 'array':
      return Array.isArray(value);
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value) && fixedWordsAgree(schema, value);
    case 'integer':
      return Number.isInteger(value);
    case 'string':
      return typeof value === 'string' && (schema.pattern === undefined || new RegExp(schema.pattern, 'u').test(value));
    default:
      return typeof value === schema.type;
  }
}

const fixedWordsAgree = (schema: Node, value: object): boolean =>
  Object.entries(schema.properties ?? {}).every(
    ([key, property]) => property.const === undefined || property.const === Reflect.get(value, key),
  );

const freeze = (value: unknown): unknown => (typeof value === 'object' ? Object.freeze(value) : value);
