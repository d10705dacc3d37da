import { describe, expect, it } from 'vitest';
import { MAX_FILE_BYTES } from '../../src/schema/scan.ts';
import { readYaml } from '../../src/schema/yaml.ts';

/**
 * Texts that abort, exhaust or stall the parser when it sees them (security rule 24). They run in this process: a crash or an
 * endless loop fails the run. None of them may come back as good, unless it is.
 */
const fill = (text: string): string => text.repeat(Math.floor(MAX_FILE_BYTES / text.length));
const BOMBS: readonly (readonly [name: string, text: string])[] = [
  ['20,000 open lists', '['.repeat(20_000)],
  ['20,000 open maps', '{a: '.repeat(20_000)],
  ['mixed flow', '[{a: '.repeat(20_000)],
  ['- - - -', '- '.repeat(20_000)],
  ['? ? ? ?', '? '.repeat(20_000)],
  [': : : :', ': '.repeat(20_000)],
  ['a: a: a:', 'a: '.repeat(20_000)],
  ['- ? - ?', '- ? '.repeat(20_000)],
  ['growing indentation', Array.from({ length: 2500 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')],
  ['growing lists', Array.from({ length: 2500 }, (_, i) => `${' '.repeat(i)}-`).join('\n')],
  ['keys over several lines', `a:\n${'  "x\n   ": '.repeat(9000)}`],
  ['flow as keys', '[a]: '.repeat(20_000)],
  ['depth behind a broken flow', `[\n${'a: '.repeat(20_000)}`],
  ['closing brackets only', fill(']')],
  ['quotes only', fill('"')],
  ['open quotes', fill('- "\n')],
  ['commas', `[${fill(',').slice(2)}]`],
  ['empty lists', `[${fill('[],').slice(3)}]`],
  ['questions', fill('?\n')],
  ['line ends', fill('\n')],
  ['anchors', fill('&a ')],
  ['aliases', fill('- *a\n')],
  ['tags', fill('- !a\n')],
  ['directives', fill('%a\n')],
  ['documents', fill('---\n')],
  ['ends', fill('...\n')],
];

describe('bombs', () => {
  it.each(BOMBS)('%s', { timeout: 60_000 }, (_name, text) => {
    const { document, findings } = readYaml('bomb.yaml', text);
    expect(findings.length).toBeGreaterThan(0);
    expect(findings.length).toBeLessThanOrEqual(100);
    expect(document?.value ?? null).toBe(null);
  });

  it('entities that grow by aliases are never expanded', () => {
    const levels = Array.from({ length: 9 }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i}, `.repeat(9)}]`);
    const { findings } = readYaml('bomb.yaml', `l0: &l0 [lol]\n${levels.join('\n')}`);
    expect(findings.every(({ code }) => code === 'yaml-alias')).toBe(true);
    expect(findings.length).toBeGreaterThan(10);
  });

  it('a large file that is good stays good, and its duplicates are found', { timeout: 60_000 }, () => {
    const text = Array.from({ length: 100_000 }, (_, i) => `key-${i}: [${i}, x]`).join('\n');
    expect(readYaml('large.yaml', text).findings).toEqual([]);
    expect(readYaml('large.yaml', `${text}\nkey-7: 1`).findings.map(({ line, code }) => [line, code])).toEqual([
      [100_001, 'duplicate-key'],
    ]);
  });
});
