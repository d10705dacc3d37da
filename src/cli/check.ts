import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { compilePrograms } from '../app/plane.ts';
import { load } from '../app/snapshot.ts';
import type { Finding } from '../core/finding.ts';
import { checkPolicies } from '../policy/check.ts';
import type { PolicyFile } from '../policy/load.ts';
import { runTests, type TestResult } from '../policy/tests.ts';
import { readYaml } from '../schema/yaml.ts';
import { catalogue } from '../signals/index.ts';
import { configFile } from './config-file.ts';
import { CommandFailure, EXIT, findingText, paint, say, sayJson } from './output.ts';

interface Checked {
  readonly findings: readonly Finding[];
  readonly tests: readonly TestResult[];
}

export function addCheck(program: Command, finish: (exitCode: number) => void): void {
  program
    .command('check [path]')
    .description(
      'Check a configuration and its policies (default), a directory of policies, or one file; runs the tests beside the policies.',
    )
    .option('--strict', 'warnings fail too')
    .option('--json')
    .action((path: string | undefined, options: { strict?: boolean; json?: boolean }) => {
      const checked = checkPath(path);
      const errors = checked.findings.filter((finding) => finding.severity === 'error').length;
      const warnings = checked.findings.length - errors;
      const failed = checked.tests.filter((test) => !test.passed).length;
      const summary = { errors, warnings, passed: checked.tests.length - failed, failed };
      if (options.json) sayJson({ findings: checked.findings, tests: checked.tests.map(publicTest), summary });
      else report(checked, summary);
      if (errors + failed > 0 || (options.strict === true && warnings > 0)) finish(EXIT.failure);
    });
}

function checkPath(path: string | undefined): Checked {
  if (path === undefined) return checkConfiguration(configFile(undefined));
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new CommandFailure(`there is no file or directory ${path}`, EXIT.usage);
  if (stat.isDirectory()) return checkPolicies(policyFilesIn(path), catalogue);
  const text = readFileSync(path, 'utf8');
  const value = readYaml(path, text).document?.value;
  const isConfiguration = typeof value === 'object' && value !== null && 'routes' in value;
  return isConfiguration ? checkConfiguration(path) : checkPolicies([{ file: path, text }], catalogue);
}

function checkConfiguration(file: string): Checked {
  const { value, findings } = load(file, process.env);
  if (value === undefined) return { findings, tests: [] };
  return {
    findings: [...findings, ...compilePrograms(value.config, value.set).findings],
    tests: runTests(value.set, catalogue),
  };
}

/** The files of a policy directory, by name. */
export function policyFilesIn(directory: string): PolicyFile[] {
  const names = readdirSync(directory).filter((name) => name.endsWith('.yaml') && !name.startsWith('.'));
  return names
    .sort()
    .map((name) => ({ file: join(directory, name), text: readFileSync(join(directory, name), 'utf8') }));
}

function report({ findings, tests }: Checked, summary: Readonly<Record<string, number>>): void {
  for (const finding of findings) say(findingText(finding));
  for (const test of tests) {
    const mark = test.passed ? paint('green', 'ok  ') : paint('red', 'FAIL');
    say(`${mark} ${test.policy}: ${test.name}`);
    if (!test.passed) say(`     ${test.file}:${test.line}: expected ${test.expected}, got ${test.got}`);
  }
  say(
    `${summary.errors} error(s), ${summary.warnings} warning(s), ${summary.passed} test(s) passed, ${summary.failed} failed`,
  );
}

const publicTest = ({ file, policy, name, passed, expected, got }: TestResult) => ({
  file,
  policy,
  name,
  passed,
  expected,
  got,
});
