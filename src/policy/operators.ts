import type { AttributeType } from '../core/attribute.ts';
import type { Operator } from './syntax.ts';

/** How the operand of an operator is written. */
export type OperandShape = 'one' | 'list' | 'pair' | 'flag' | 'text' | 'cidr';

interface OperatorRow {
  readonly types: readonly AttributeType[];
  readonly operand: OperandShape;
  /** may be compared with another attribute */
  readonly attributes: boolean;
  readonly meaning: string;
}

const SCALARS: readonly AttributeType[] = [
  'string',
  'number',
  'duration',
  'instant',
  'date',
  'boolean',
  'address',
  'version',
  'level',
];
const MEMBERS: readonly AttributeType[] = ['string', 'number', 'duration', 'instant', 'date', 'level'];
const MOMENTS: readonly AttributeType[] = ['instant', 'date'];

/** THE operator table (policy-language 10): which types have which operator, and what it is compared with. */
export const OPERATOR_TABLE: Readonly<Record<Operator, OperatorRow>> = {
  equals: { types: SCALARS, operand: 'one', attributes: true, meaning: 'is exactly this' },
  in: { types: MEMBERS, operand: 'list', attributes: true, meaning: 'is one of these' },
  none_of: { types: [...MEMBERS, 'list'], operand: 'list', attributes: true, meaning: 'is, or holds, none of these' },
  any_of: { types: ['list'], operand: 'list', attributes: true, meaning: 'holds at least one of these' },
  all_of: { types: ['list'], operand: 'list', attributes: true, meaning: 'holds every one of these' },
  empty: { types: ['list'], operand: 'flag', attributes: false, meaning: 'holds nothing' },
  present: { types: [...SCALARS, 'list'], operand: 'flag', attributes: false, meaning: 'is there at all' },
  prefix: { types: ['string'], operand: 'one', attributes: true, meaning: 'starts with this' },
  suffix: { types: ['string'], operand: 'one', attributes: true, meaning: 'ends with this' },
  glob: {
    types: ['string'],
    operand: 'text',
    attributes: false,
    meaning: 'fits this pattern: * is any run without /, ** any run, ? one character other than /',
  },
  matches: {
    types: ['string'],
    operand: 'text',
    attributes: false,
    meaning: 'contains a match of this RE2 expression; anchor it with ^ and $ to match the whole',
  },
  below: {
    types: ['number', 'duration', 'level', 'version'],
    operand: 'one',
    attributes: true,
    meaning: 'is less than this',
  },
  at_most: { types: ['number', 'duration', 'level'], operand: 'one', attributes: true, meaning: 'is this or less' },
  above: { types: ['number', 'duration', 'level'], operand: 'one', attributes: true, meaning: 'is more than this' },
  at_least: {
    types: ['number', 'duration', 'level', 'version'],
    operand: 'one',
    attributes: true,
    meaning: 'is this or more',
  },
  between: {
    types: ['number', 'duration', 'instant', 'date'],
    operand: 'pair',
    attributes: false,
    meaning: 'lies between these two, both included',
  },
  before: { types: MOMENTS, operand: 'one', attributes: true, meaning: 'is earlier than this' },
  after: { types: MOMENTS, operand: 'one', attributes: true, meaning: 'is later than this' },
  in_cidr: { types: ['address'], operand: 'cidr', attributes: false, meaning: 'lies in one of these networks' },
};

export const operatorsOf = (type: AttributeType): Operator[] =>
  (Object.keys(OPERATOR_TABLE) as Operator[]).filter((name) => OPERATOR_TABLE[name].types.includes(type));

export const isOperator = (name: string): name is Operator => Object.hasOwn(OPERATOR_TABLE, name);

/** What a bare scalar and a bare list mean for a type (policy-language 6). */
export const scalarOperator = (type: AttributeType): Operator =>
  type === 'list' ? 'any_of' : type === 'address' ? 'in_cidr' : 'equals';
export const listOperator = (type: AttributeType): Operator | undefined => {
  if (type === 'list') return 'any_of';
  if (type === 'address') return 'in_cidr';
  return MEMBERS.includes(type) ? 'in' : undefined;
};
