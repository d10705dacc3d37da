import { styleText } from 'node:util';
import type { Finding } from '../core/finding.ts';

/** Exit codes (interfaces, Command line). */
export const EXIT = { good: 0, failure: 1, usage: 2, configuration: 78 } as const;

/** Ends a command with a message for people and an exit code. */
export class CommandFailure extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode: number = EXIT.failure) {
    super(message);
    this.name = 'CommandFailure';
    this.exitCode = exitCode;
  }
}

export const say = (text: string): void => void process.stdout.write(`${text}\n`);
export const complain = (text: string): void => void process.stderr.write(`${text}\n`);
export const sayJson = (value: unknown): void => say(JSON.stringify(value, null, 2));

/** Colours on a terminal only; NO_COLOR and FORCE_COLOR are honoured. */
export function paint(
  style: Parameters<typeof styleText>[0],
  text: string,
  stream: NodeJS.WriteStream = process.stdout,
): string {
  return styleText(style, text, { stream });
}

/** One finding as compilers print it: `file:line:column: error: message [code]`, and what to write instead. */
export function findingText(finding: Finding): string {
  const severity = paint(finding.severity === 'error' ? 'red' : 'yellow', finding.severity);
  const hint = finding.suggestion === undefined ? '' : `\n    ${paint('cyan', finding.suggestion)}`;
  return `${finding.file}:${finding.line}:${finding.column}: ${severity}: ${finding.message} [${finding.code}]${hint}`;
}

/** A table for people: columns as wide as their widest cell. */
export function tableText(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => (row[i] ?? '').length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  return [paint('bold', line(header)), ...rows.map(line)].join('\n');
}
