import { type TSchema, Type } from 'typebox';
import type { AttributeSpec, AttributeType, Catalogue } from '../core/attribute.ts';
import { LEVELS } from '../core/decision.ts';
import { plainSchema } from '../schema/publish.ts';
import { DURATION_PATTERN } from '../schema/units.ts';
import { OPERATOR_TABLE, operatorsOf } from './operators.ts';
import { policyShape, type ShapeParts, testFileShape } from './shape.ts';

/**
 * The JSON Schema (draft-07) of a policy file, for editors: attributes of the catalogue with their meaning and
 * examples, and for each the operators of its type. Loading checks more than a schema can say.
 */
export const policySchema = <C>(catalogue: Catalogue<C>): TSchema => rooted(policyShape, catalogue, 'Sallyport policy');

/** The same for `*.test.yaml`. */
export const policyTestsSchema = <C>(catalogue: Catalogue<C>): TSchema =>
  rooted(testFileShape, catalogue, 'Sallyport policy tests');

function rooted<C>(shape: (parts: ShapeParts) => TSchema, catalogue: Catalogue<C>, title: string): TSchema {
  const specs = [...catalogue.attributes.values()];
  const parts: ShapeParts = {
    when: Type.Unsafe({ $ref: '#/definitions/when' }),
    given: givenSchema(specs),
    level: Type.Unsafe({ enum: [...LEVELS] }),
    duration: Type.Unsafe({ type: 'string', pattern: DURATION_PATTERN, examples: ['15m'] }),
    later: {},
    laterInRules: {},
  };
  return Type.Unsafe({
    $schema: 'http://json-schema.org/draft-07/schema#',
    title,
    ...plainSchema(shape(parts)),
    definitions: { when: whenSchema(specs) },
  });
}

function whenSchema(specs: readonly AttributeSpec[]): object {
  const when = { $ref: '#/definitions/when' };
  const list = { type: 'array', items: when, minItems: 1 };
  const properties: Record<string, object> = {
    all: { ...list, description: 'Every one of these holds.' },
    any: { ...list, description: 'At least one of these holds.' },
    not: { ...when },
    is: { type: 'string', description: 'The condition of this name holds.' },
  };
  const patternProperties: Record<string, object> = {};
  for (const spec of specs) {
    if (spec.name.endsWith('.*')) patternProperties[familyPattern(spec.name)] = matcherSchema(spec);
    else properties[spec.name] = matcherSchema(spec);
  }
  return { type: 'object', minProperties: 1, properties, patternProperties, additionalProperties: false };
}

const familyPattern = (name: string): string => `^${name.slice(0, -2).replaceAll('.', '\\.')}\\.[^*]+$`;

function matcherSchema(spec: AttributeSpec): object {
  const unit = spec.unit === undefined ? '' : ` (${spec.unit})`;
  const soon = spec.built ? '' : ' Not determined by this version: always unknown.';
  const scalar = scalarSchema(spec);
  const reference = {
    type: 'object',
    properties: { attribute: { type: 'string' } },
    required: ['attribute'],
    additionalProperties: false,
  };
  const value = { anyOf: [scalar, reference] };
  const operators: Record<string, object> = {};
  for (const name of operatorsOf(spec.type)) {
    const { operand, attributes, meaning } = OPERATOR_TABLE[name];
    const one = attributes ? value : scalar;
    const shapes: Readonly<Record<typeof operand, object>> = {
      one,
      list: { anyOf: [{ type: 'array', items: one, minItems: 1 }, reference] },
      pair: { type: 'array', items: scalar, minItems: 2, maxItems: 2 },
      flag: { type: 'boolean' },
      text: { type: 'string', minLength: 1 },
      cidr: { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' }, minItems: 1 }] },
    };
    operators[name] = { ...shapes[operand], description: meaning };
  }
  const anyOf: object[] = [spec.type === 'address' ? { type: 'string' } : scalar];
  if (spec.type !== 'boolean' && spec.type !== 'version')
    anyOf.push({ type: 'array', items: spec.type === 'address' ? { type: 'string' } : value, minItems: 1 });
  anyOf.push(reference, { type: 'object', properties: operators, minProperties: 1, additionalProperties: false });
  return { description: `${spec.meaning}${unit}${soon}`, examples: [spec.example], anyOf };
}

const FORMATS: Readonly<Record<AttributeType, object>> = {
  string: { type: 'string' },
  list: { type: 'string' },
  number: { type: 'number' },
  boolean: { type: 'boolean' },
  duration: { type: 'string', pattern: DURATION_PATTERN },
  instant: { type: 'string', pattern: '^\\d{4}-\\d{2}-\\d{2}[Tt]' },
  date: { type: 'string', pattern: '^\\d{4}-\\d{2}-\\d{2}$' },
  address: { type: 'string' },
  version: { type: ['string', 'integer'] },
  level: { enum: [...LEVELS] },
};

const scalarSchema = (spec: AttributeSpec): object =>
  spec.values === undefined || spec.type === 'level' ? FORMATS[spec.type] : { enum: [...spec.values] };

/** `given` by groups: `identity: { sub: … }`, families one deeper. */
function givenSchema(specs: readonly AttributeSpec[]): TSchema {
  const groups: Record<string, { type: 'object'; properties: Record<string, object>; additionalProperties: false }> =
    {};
  for (const spec of specs) {
    const [group, name] = spec.name.split('.') as [string, string];
    groups[group] ??= { type: 'object', properties: {}, additionalProperties: false };
    const scalar = scalarSchema(spec);
    const value = spec.type === 'list' ? { type: 'array', items: scalar } : scalar;
    groups[group].properties[name] = spec.name.endsWith('.*')
      ? {
          type: 'object',
          description: spec.meaning,
          additionalProperties: { anyOf: [value, { type: 'array', items: scalar, minItems: 1 }] },
        }
      : { ...value, description: spec.meaning };
  }
  const names = { type: 'array', items: { type: 'string' }, description: 'Attributes that could not be determined.' };
  return Type.Unsafe({
    type: 'object',
    description: 'What is known of the request; everything else is absent.',
    properties: { ...groups, unknown: names },
    // dotted names work as well
    patternProperties: { '^[a-z_]+\\.': {} },
    additionalProperties: false,
  });
}
