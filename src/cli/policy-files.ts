import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from '../core/finding.ts';
import type { PolicyFile } from '../policy/load.ts';
import { decodeUtf8 } from '../schema/encoding.ts';
import { MAX_FILE_BYTES } from '../schema/scan.ts';
import { readYaml } from '../schema/yaml.ts';

/** Policy files as far as they could be read; what could not be is among the findings. */
export interface ReadPolicies {
  readonly files: readonly PolicyFile[];
  readonly findings: readonly Finding[];
}

/** The files of a policy directory, by name; hidden ones are left alone. Never throws. */
export function readPolicyDirectory(directory: string): ReadPolicies {
  let names: string[];
  try {
    names = readdirSync(directory).filter((name) => name.endsWith('.yaml') && !name.startsWith('.'));
  } catch (error) {
    return { files: [], findings: [unreadable(directory, error)] };
  }
  const read = names.sort().map((name) => readPolicyFile(join(directory, name)));
  const readable = read.flatMap((each) => each.files);
  const configurations = readable.filter(isConfiguration);
  return {
    files: readable.filter((file) => !configurations.includes(file)),
    findings: [...read.flatMap((each) => each.findings), ...configurations.map(notAPolicy)],
  };
}

/** One file, whatever its name. Never throws. */
export function readPolicyFile(file: string): ReadPolicies {
  try {
    const { size } = statSync(file);
    if (size > MAX_FILE_BYTES) return { files: [], findings: [tooLarge(file)] };
    const { text, finding } = decodeUtf8(file, readFileSync(file));
    return finding === undefined ? { files: [{ file, text }], findings: [] } : { files: [], findings: [finding] };
  } catch (error) {
    return { files: [], findings: [unreadable(file, error)] };
  }
}

/** A configuration and not a policy: it has `routes`. */
export function isConfiguration({ file, text }: PolicyFile): boolean {
  const value = readYaml(file, text).document?.value;
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'routes');
}

/** The engine speaks of no file where there is none: then it was the directory or file that somebody named. */
export const placed = (findings: readonly Finding[], path: string): readonly Finding[] =>
  findings.map((finding) => (finding.file === '' ? { ...finding, file: path } : finding));

const wholeFile = (file: string, code: string, message: string): Finding => ({
  file,
  line: 1,
  column: 1,
  code,
  severity: 'error',
  message,
});

const tooLarge = (file: string): Finding =>
  wholeFile(file, 'file-too-large', `The file is larger than ${MAX_FILE_BYTES} bytes.`);

const notAPolicy = ({ file }: PolicyFile): Finding => ({
  ...wholeFile(file, 'not-a-policy', 'This is a configuration and not a policy.'),
  suggestion: `Check it, and the policies that it names, with \`sallyport check ${file}\`.`,
});

const unreadable = (path: string, error: unknown): Finding => {
  const why = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  return wholeFile(
    path,
    'file-unreadable',
    `The ${why === 'ENOTDIR' ? 'path is no directory' : 'file or directory cannot be read'} (${why}).`,
  );
};
