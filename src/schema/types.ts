import Type, { type Static, type TInteger, type TObject, type TProperties, type TSchema, type TString } from 'typebox';
import type { DecoderName, TDecoded, TDefaulted, TOneOrMany } from './decode.ts';
import { BYTES_PATTERN, DURATION_PATTERN, LISTEN_PATTERN, RATE_PATTERN } from './units.ts';

export type { Decoded } from './decode.ts';

/** A value's meaning (for the reference and for editors) and further keywords of JSON Schema. */
type Options = { readonly description: string; readonly [key: string]: unknown };

const text = (expects: string, pattern: string, example: string, options: Options): TString =>
  Type.String({ pattern, 'x-expects': expects, examples: [example], ...options });

const decoded = <Name extends DecoderName>(name: Name, schema: TString): TDecoded<Name> =>
  Object.assign(schema, { 'x-decode': name });

/** `30m`, `1h30m`, `500ms`; decodes to milliseconds. */
export const Duration = (options: Options): TDecoded<'duration'> =>
  decoded('duration', text('a duration such as 30m, 1h30m or 500ms', DURATION_PATTERN, '30m', options));

/** `16KiB`, `100MB`; decodes to bytes. */
export const Bytes = (options: Options): TDecoded<'bytes'> =>
  decoded('bytes', text('a size such as 16KiB, 100MB or 512B', BYTES_PATTERN, '16KiB', options));

/** `600/1m`, `100/s`; decodes to a number and milliseconds. */
export const RateLimit = (options: Options): TDecoded<'rate'> =>
  decoded('rate', text('a rate such as 600/1m or 100/s, up to 1000000 in 1s to 24h', RATE_PATTERN, '600/1m', options));

/** `127.0.0.1:8080`, `[::1]:8080`; decodes to `{ host, port }`. */
export const Listen = (options: Options): TDecoded<'address'> =>
  decoded(
    'address',
    text('an address such as 127.0.0.1:8080 or [::1]:8080', LISTEN_PATTERN, '127.0.0.1:8080', options),
  );

/** A path; relative ones are relative to the file that names them, decoding makes them absolute. */
export const FilePath = (options: Options): TDecoded<'path'> =>
  decoded('path', Type.String({ minLength: 1, maxLength: 4096, 'x-expects': 'a path', ...options }));

const OCTET = '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';
/** A range of addresses, `10.0.0.0/8` or `fd00::/8`; a bare address is a range of one. Whoever uses it parses it. */
export const Cidr = (options: Options): TString =>
  text(
    'a range of addresses such as 10.0.0.0/8 or fd00::/8',
    `^((${OCTET}\\.){3}${OCTET}(/(3[0-2]|[12]?[0-9]))?|(?=[0-9A-Fa-f:.]*:)[0-9A-Fa-f:.]{2,45}(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?)$`,
    '10.0.0.0/8',
    options,
  );

const LABEL = '[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?';
/** A host name without port and trailing dot, or an IP address (IPv6 in brackets). Decodes to lower case. */
export const Host = (options: Options): TDecoded<'lower'> =>
  decoded(
    'lower',
    text(
      'a host name such as wiki.example.com',
      `^(${LABEL}(\\.${LABEL})*|\\[[0-9A-Fa-f:.]{2,45}\\])$`,
      'wiki.example.com',
      {
        maxLength: 253,
        ...options,
      },
    ),
  );

/** A host name, or one with `*.` for exactly one label in front. Decodes to lower case. */
export const HostPattern = (options: Options): TDecoded<'lower'> =>
  decoded(
    'lower',
    text(
      'a host name such as wiki.example.com or *.example.com',
      `^((\\*\\.)?${LABEL}(\\.${LABEL})*|\\[[0-9A-Fa-f:.]{2,45}\\])$`,
      'wiki.example.com',
      { maxLength: 253, ...options },
    ),
  );

/** A name that people choose: of a route, a provider, a policy. */
export const Name = (options: Options): TString =>
  text(
    'a name of lower-case letters, digits and -, beginning with a letter',
    '^[a-z][a-z0-9-]{0,62}$',
    'wiki',
    options,
  );

/** A value that is never printed; it should come from the environment or a file. */
export const Secret = (minLength: number, options: Options): TString =>
  Type.String({ minLength, maxLength: 4096, 'x-secret': true, 'x-expects': 'text', ...options });

/** Plain text, not empty. */
export const Text = (options: Options): TString => Type.String({ minLength: 1, maxLength: 4096, ...options });

/** A whole number within bounds, both inclusive. */
export const Whole = (minimum: number, maximum: number, options: Options): TInteger =>
  Type.Integer({ minimum, maximum, ...options });

export const Flag = (options: Options) => Type.Boolean({ ...options });

/** One of a few words. */
export const OneOf = <const Words extends readonly string[]>(words: Words, options: Options) =>
  Type.Unsafe<Words[number]>(Type.String({ enum: [...words], ...options }));

/** One value, or a list of at least one; decodes to a list. */
export const OneOrMany = <Item extends TSchema>(item: Item, options: Options): TOneOrMany<Item> =>
  Type.Union([item, Type.Array(item, { minItems: 1, uniqueItems: true })], {
    'x-decode': 'list',
    ...options,
  }) as unknown as TOneOrMany<Item>;

/** A list of different items; may be empty. */
export const List = <Item extends TSchema>(item: Item, options: Options) =>
  Type.Array(item, { uniqueItems: true, 'x-expects': 'a list', ...options });

/** A key that may be left out and has no default. */
export const optional = Type.Optional;

/** A map with exactly these keys: any other is an error. */
export const Section = <Properties extends TProperties>(
  properties: Properties,
  options: Options,
): TObject<Properties> => Type.Object(properties, { additionalProperties: false, 'x-expects': 'a map', ...options });

/** A key that may be left out; `value` is its default, written as in a file. */
export const withDefault = <T extends TSchema>(schema: T, value: Static<T>): TDefaulted<T> =>
  Type.Optional(Object.assign(schema, { default: value })) as unknown as TDefaulted<T>;

/** A section that may be left out, which is the same as leaving it empty: all of its keys have defaults. */
export const optionalSection = <Properties extends TProperties>(
  properties: Properties,
  options: Options,
): TDefaulted<TObject<Properties>> =>
  Type.Optional(Object.assign(Section(properties, options), { default: {} })) as unknown as TDefaulted<
    TObject<Properties>
  >;
