import type { AttributeSpec } from '../core/attribute.ts';

/**
 * A Markdown table of all attributes, for the generated reference. Text of the declarations only, in catalogue order, so that
 * the same catalogue always gives the same bytes.
 */
export function attributeTable(catalogue: { readonly attributes: ReadonlyMap<string, AttributeSpec> }): string {
  const rows = [...catalogue.attributes.values()].map((spec) => [
    `\`${spec.name}\``,
    spec.unit === undefined ? spec.type : `${spec.type}, ${spec.unit}`,
    meaning(spec),
    code(spec.example),
    yesNo(spec.mayBeAbsent),
    yesNo(spec.aboutPerson),
    spec.source,
    spec.built ? 'yes' : 'not yet: unknown',
  ]);
  return `${[HEADINGS, HEADINGS.map(() => '---'), ...rows].map(row).join('\n')}\n`;
}

const HEADINGS = ['attribute', 'type', 'meaning', 'example', 'may be absent', 'about a person', 'from', 'computed'];

const meaning = (spec: AttributeSpec): string =>
  spec.values === undefined ? spec.meaning : `${spec.meaning}. One of ${spec.values.map(code).join(', ')}`;

const code = (value: AttributeSpec['example']): string =>
  typeof value === 'object' ? `\`[${value.join(', ')}]\`` : `\`${value}\``;

const yesNo = (value: boolean): string => (value ? 'yes' : '');

// a bar would end the cell, even in code
const row = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
