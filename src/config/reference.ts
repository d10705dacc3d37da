import { configurationSchema } from './schema.ts';

interface Node {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly anyOf?: readonly Node[];
  readonly items?: Node;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly 'x-expects'?: string;
  readonly 'x-decode'?: string;
}

/** A Markdown table of every key of the configuration: type, default, meaning. The same schema gives the same bytes. */
export function configurationTable(): string {
  const rows = [...rowsOf(configurationSchema as unknown as Node, '')];
  return `| key | type | default | meaning |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`;
}

function* rowsOf(node: Node, prefix: string): Generator<string> {
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    const fallback = node.required?.includes(key) ? '**required**' : defaultOf(child);
    yield row([`\`${path}\``, typeOf(child), fallback, child.description ?? '']);
    yield* rowsOf(child, path);
    if (child.items?.properties !== undefined) yield* rowsOf(child.items, `${path}[]`);
    yield* rowsOfKinds(child.items?.anyOf ?? [], `${path}[]`);
  }
}

/** Items of several kinds, told apart by a fixed word: what they have in common comes once, the rest names its kind. */
function* rowsOfKinds(kinds: readonly Node[], prefix: string): Generator<string> {
  const told = new Set<string>();
  for (const kind of kinds) {
    for (const line of rowsOf(kind, prefix)) {
      if (!told.has(line)) yield line;
      told.add(line);
    }
  }
}

function defaultOf(node: Node): string {
  if (node.default === undefined || node.properties !== undefined) return '';
  return `\`${typeof node.default === 'string' ? node.default : JSON.stringify(node.default)}\``;
}

/** `from` and `to` of numbers, the words of a choice, the unit of a text. */
function typeOf(node: Node): string {
  if (node['x-decode'] === 'list') return `${typeOf(node.anyOf?.[0] ?? {})}, or a list`;
  if (node.const !== undefined) return `\`${JSON.stringify(node.const)}\``;
  if (node.enum !== undefined) return node.enum.map((word) => `\`${String(word)}\``).join(', ');
  if (node.items !== undefined) {
    const maps = node.items.properties ?? node.items.anyOf?.[0]?.properties;
    return `list: ${maps === undefined ? typeOf(node.items) : 'maps'}`;
  }
  if (node.properties !== undefined) return 'map';
  if (node.type === 'integer') return `whole number, ${node.minimum} to ${node.maximum}`;
  if (node.type === 'boolean') return '`true`, `false`';
  return node['x-expects'] ?? 'text';
}

// a bar would end the cell, even in code
const row = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
