import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { checkReport } from '../app/check-files.ts';
import { load } from '../app/snapshot.ts';
import { type Finding, inOrder } from '../core/finding.ts';
import { checkPolicies } from '../policy/check.ts';
import type { PolicyFile } from '../policy/load.ts';
import { isRolesFile } from '../policy/roles-file.ts';
import { runTests, type TestResult } from '../policy/tests.ts';
import { catalogue } from '../signals/index.ts';
import { checkThere } from './check-remote.ts';
import { CONFIG_OPTION, configFile, withHint } from './config-file.ts';
import { CommandFailure, EXIT, findingText, JSON_OPTION, paint, printable, say, sayJson } from './output.ts';
import { isConfiguration, placed, type ReadPolicies, readPolicyDirectory, readPolicyFile } from './policy-files.ts';
import { openRemote, urlOption } from './remote.ts';

interface Checked {
  readonly findings: readonly Finding[];
  /** a gateway elsewhere does not say the line */
  readonly tests: readonly (Omit<TestResult, 'line'> & { readonly line?: number })[];
}

/** Checks policies that could be read, here or there; `unread` are those that could not. */
type CheckPolicies = (files: readonly PolicyFile[], unread: readonly string[]) => Promise<Checked>;

interface CheckOptions {
  readonly config?: string;
  readonly url?: string;
  readonly strict?: boolean;
  readonly json?: boolean;
}

const HELP = `
Examples:
  sallyport check                      the configuration and the policies that it names
  sallyport check policies/            policies and their tests, no configuration needed
  sallyport check policies/app.yaml    one policy
  sallyport check --strict --json      for a pipeline
  sallyport check policies/ --url http://127.0.0.1:9900
                                       with the attributes and providers of that gateway

Exits 0 when all is well, 1 when an error was found or a test failed.`;

export function addCheck(program: Command, finish: (exitCode: number) => void): void {
  program
    .command('check')
    .description('Check a configuration and its policies, and run the tests that stand beside the policies.')
    .argument('[path]', 'a configuration, a policy, or a directory of policies (default: the configuration)')
    .option(...CONFIG_OPTION)
    .option('--strict', 'warnings fail too')
    .option(...JSON_OPTION)
    .addOption(urlOption())
    .addHelpText('after', HELP)
    .action(async (path: string | undefined, options: CheckOptions) => {
      const checked = await check(path, options);
      const result = checkReport(checked.findings, checked.tests);
      const { errors, warnings, failed } = result.summary;
      if (options.json) sayJson(result);
      else report(checked, result.summary);
      if (errors + failed > 0 || (options.strict === true && warnings > 0)) finish(EXIT.failure);
    });
}

async function check(path: string | undefined, { config, url }: CheckOptions): Promise<Checked> {
  if (path !== undefined && config !== undefined)
    throw new CommandFailure('say either a path or --config FILE', EXIT.usage);
  if (url === undefined)
    return path === undefined ? checkConfiguration(configFile(config)) : checkPath(path, checkHere, checkConfiguration);
  if (path === undefined)
    throw new CommandFailure('say which policies the gateway shall check: a directory, or a file', EXIT.usage);
  const remote = openRemote(url);
  // what is missing because it could not be read would be told as missing
  const there: CheckPolicies = async (files, unread) =>
    unread.length > 0 ? { findings: [], tests: [] } : checkThere(remote, files);
  return checkPath(path, there, refuseConfiguration);
}

const checkHere: CheckPolicies = async (files, unread) => checkPolicies(files, catalogue, { unread });

/** A directory holds policies; a file is a configuration if it has `routes`, else roles or a policy. */
async function checkPath(
  path: string,
  policies: CheckPolicies,
  configuration: (path: string) => Checked,
): Promise<Checked> {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory())
    return checkFiles(path, readPolicyDirectory(path), policies);
  const read = readPolicyFile(path);
  if (read.files.some(isConfiguration)) return configuration(path);
  const checked = await checkFiles(path, read, policies);
  if (read.files.length === 0) return checked;
  if (isRolesFile(path)) return { ...checked, findings: checked.findings.filter(({ code }) => code !== 'no-policies') };
  return path.endsWith('.test.yaml') ? testsAlone(path, checked) : checked;
}

async function checkFiles(path: string, read: ReadPolicies, policies: CheckPolicies): Promise<Checked> {
  // nothing could be read: that there is no policy either says nothing new
  if (read.files.length === 0 && read.findings.length > 0) return { findings: read.findings, tests: [] };
  const unread = read.findings.map(({ file }) => file);
  const { findings, tests } = await policies(read.files, unread);
  return { findings: inOrder([...read.findings, ...placed(findings, path)]), tests };
}

/** Tests without the policy that they are for: only their form can be checked. */
function testsAlone(path: string, { findings }: Checked): Checked {
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

function refuseConfiguration(path: string): never {
  throw new CommandFailure(
    `${path} is a configuration, which is checked where its files are; --url takes policies`,
    EXIT.usage,
  );
}

function report({ findings, tests }: Checked, summary: Readonly<Record<string, number>>): void {
  for (const finding of findings) say(findingText(finding));
  for (const test of tests) {
    const mark = test.passed ? paint('green', 'ok  ') : paint('red', 'FAIL');
    say(`${mark} ${printable(`${test.policy}: ${test.name}`)}`);
    const place = test.line === undefined ? test.file : `${test.file}:${test.line}`;
    if (!test.passed) say(printable(`     ${place}: expected ${test.expected}, got ${test.got}`));
  }
  say(
    `${summary.errors} error(s), ${summary.warnings} warning(s), ${summary.passed} test(s) passed, ${summary.failed} failed`,
  );
}
