import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { checkReport } from '../app/check-files.ts';
import { load } from '../app/snapshot.ts';
import { type Finding, inOrder } from '../core/finding.ts';
import { checkPolicies } from '../policy/check.ts';
import { isRolesFile, loadRoles } from '../policy/roles-file.ts';
import { runTests, type TestResult } from '../policy/tests.ts';
import { catalogue } from '../signals/index.ts';
import { CONFIG_OPTION, configFile, withHint } from './config-file.ts';
import { CommandFailure, EXIT, findingText, JSON_OPTION, paint, printable, say, sayJson } from './output.ts';
import { isConfiguration, placed, type ReadPolicies, readPolicyDirectory, readPolicyFile } from './policy-files.ts';

interface Checked {
  readonly findings: readonly Finding[];
  readonly tests: readonly TestResult[];
}

interface CheckOptions {
  readonly config?: string;
  readonly strict?: boolean;
  readonly json?: boolean;
}

const HELP = `
Examples:
  sallyport check                      the configuration and the policies that it names
  sallyport check policies/            policies and their tests, no configuration needed
  sallyport check policies/app.yaml    one policy
  sallyport check --strict --json      for a pipeline

Exits 0 when all is well, 1 when an error was found or a test failed.`;

export function addCheck(program: Command, finish: (exitCode: number) => void): void {
  program
    .command('check')
    .description('Check a configuration and its policies, and run the tests that stand beside the policies.')
    .argument('[path]', 'a configuration, a policy, or a directory of policies (default: the configuration)')
    .option(...CONFIG_OPTION)
    .option('--strict', 'warnings fail too')
    .option(...JSON_OPTION)
    .addHelpText('after', HELP)
    .action((path: string | undefined, options: CheckOptions) => {
      if (path !== undefined && options.config !== undefined)
        throw new CommandFailure('say either a path or --config FILE', EXIT.usage);
      const checked = path === undefined ? checkConfiguration(configFile(options.config)) : checkPath(path);
      const result = checkReport(checked.findings, checked.tests);
      const { errors, warnings, failed } = result.summary;
      if (options.json) sayJson(result);
      else report(checked, result.summary);
      if (errors + failed > 0 || (options.strict === true && warnings > 0)) finish(EXIT.failure);
    });
}

/** A directory holds policies; a file is a configuration if it has `routes`, else roles or a policy. */
function checkPath(path: string): Checked {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return checkFiles(path, readPolicyDirectory(path));
  const read = readPolicyFile(path);
  if (read.files.some(isConfiguration)) return checkConfiguration(path);
  const [file] = read.files;
  if (file !== undefined && isRolesFile(path)) return { findings: loadRoles(file).findings, tests: [] };
  return path.endsWith('.test.yaml') && read.files.length > 0 ? checkTestsAlone(path, read) : checkFiles(path, read);
}

function checkFiles(path: string, read: ReadPolicies): Checked {
  // nothing could be read: that there is no policy either says nothing new
  if (read.files.length === 0 && read.findings.length > 0) return { findings: read.findings, tests: [] };
  const unread = read.findings.map(({ file }) => file);
  const { findings, tests } = checkPolicies(read.files, catalogue, { unread });
  return { findings: inOrder([...read.findings, ...placed(findings, path)]), tests };
}

/** Tests without the policy that they are for: only their form can be checked. */
function checkTestsAlone(path: string, read: ReadPolicies): Checked {
  const { findings } = checkFiles(path, read);
  const alone: Finding = {
    ...{ file: path, line: 1, column: 1, code: 'tests-alone', severity: 'error' },
    message: 'This file holds tests and not the policy that they are for, so they cannot run.',
    suggestion: `Check the directory: sallyport check ${dirname(path)}`,
  };
  const own = findings.filter(({ code }) => code !== 'no-policies' && code !== 'unknown-policy');
  return { findings: [alone, ...own], tests: [] };
}

function checkConfiguration(file: string): Checked {
  const { set, findings } = load(file, process.env);
  return { findings: withHint(findings, file), tests: runTests(set, catalogue) };
}

function report({ findings, tests }: Checked, summary: Readonly<Record<string, number>>): void {
  for (const finding of findings) say(findingText(finding));
  for (const test of tests) {
    const mark = test.passed ? paint('green', 'ok  ') : paint('red', 'FAIL');
    say(`${mark} ${test.policy}: ${printable(test.name)}`);
    if (!test.passed) say(`     ${test.file}:${test.line}: expected ${test.expected}, got ${test.got}`);
  }
  say(
    `${summary.errors} error(s), ${summary.warnings} warning(s), ${summary.passed} test(s) passed, ${summary.failed} failed`,
  );
}
