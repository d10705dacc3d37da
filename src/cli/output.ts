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

/** What `--json` is called in every help. */
export const JSON_OPTION = ['--json', 'print JSON instead of text'] as const;

/** Colours on a terminal only; NO_COLOR and FORCE_COLOR are honoured. */
export function paint(
  style: Parameters<typeof styleText>[0],
  text: string,
  stream: NodeJS.WriteStream = process.stdout,
): string {
  return styleText(style, text, { stream });
}

/**
 * Text of a stranger (a browser's name, a policy file under review) as one line that a terminal only shows: control and
 * format characters could move its cursor, colour what follows or turn the reading direction round.
 */
export const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd');

/** One finding as compilers print it: `file:line:column: error: message [code]`, and below it what to write instead. */
export function findingText(finding: Finding, stream: NodeJS.WriteStream = process.stdout): string {
  const { file, line, column, code, message, suggestion } = finding;
  const severity = paint(finding.severity === 'error' ? 'red' : 'yellow', finding.severity, stream);
  const hint = suggestion === undefined ? '' : `\n    ${paint('cyan', printable(suggestion), stream)}`;
  return `${printable(file)}:${line}:${column}: ${severity}: ${printable(message)} [${code}]${hint}`;
}

/** A table for people: columns as wide as their widest cell. */
export function tableText(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(printable));
  const widths = header.map((title, i) => Math.max(title.length, ...cells.map((row) => (row[i] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  return [paint('bold', line(header)), ...cells.map(line)].join('\n');
}
