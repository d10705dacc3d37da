import type { Catalogue } from '../core/attribute.ts';
import type { Finding } from '../core/finding.ts';
import type { SourceDocument } from '../schema/document.ts';
import { suggest } from '../schema/suggest.ts';
import { compileSchema } from '../schema/validate.ts';
import { readYaml } from '../schema/yaml.ts';
import { lintTest } from './lint.ts';
import type { Specs } from './names.ts';
import { parsePolicy, parseTests } from './policy-file.ts';
import { didYouMean, isMap, openReport, type Report } from './report.ts';
import { loadRoles } from './roles-file.ts';
import { lintRoleNames } from './roles-lint.ts';
import { LOOSE, policyShape, testFileShape } from './shape.ts';
import type { Policy, PolicySet, PolicyTest } from './syntax.ts';

/** One file of a policy directory. `file` is what findings and decisions call it. */
export interface PolicyFile {
  readonly file: string;
  readonly text: string;
}

const checkPolicyShape = compileSchema(policyShape(LOOSE));
const checkTestShape = compileSchema(testFileShape(LOOSE));

interface Loaded {
  readonly report: Report;
  readonly policy: Policy;
  readonly tests: PolicyTest[];
}

/** What is known from elsewhere to whoever reads policies. */
export interface Known {
  /** files that could not be read, which is told elsewhere: what is missing for that reason is not told again */
  readonly unread?: readonly string[];
  /** ids of the providers of the configuration; left out where there is none: then nothing is said of them */
  readonly providers?: readonly string[];
}

/**
 * Reads policies (`*.yaml`), their tests (`*.test.yaml`) and `roles.yaml`. All problems of all files are reported at once,
 * in the order of files and lines; a policy with an error is not in the set, and roles with an error are none. Never throws.
 */
export function loadPolicies<C>(
  files: readonly PolicyFile[],
  catalogue: Catalogue<C>,
  { unread = [], providers }: Known = {},
): { readonly set: PolicySet; readonly findings: Finding[] } {
  const specs: Specs = catalogue.attributes;
  const loaded = new Map<string, Loaded>();
  const broken = new Set<string>();
  const findings: Finding[] = [];
  const reports: Report[] = [];
  /** policies whose name is not known */
  const unnamed: string[] = [...unread];

  const open = (file: PolicyFile, check: (document: SourceDocument) => Finding[]): Opened | undefined => {
    const { document, findings: syntax } = readYaml(file.file, file.text);
    findings.push(...syntax);
    if (document === undefined) return undefined;
    const shape = check(document).map((finding) => withHint(finding, document.value));
    findings.push(...shape);
    const report = openReport(document);
    reports.push(report);
    return { document, report, wrong: [...syntax, ...shape].some((finding) => finding.severity === 'error') };
  };

  const [rolesFile, ...others] = files.filter((each) => kindOfFile(each.file) === 'roles');
  const { roles, findings: ofRoles } = loadRoles(rolesFile, providers);
  findings.push(...ofRoles);
  for (const other of others)
    findings.push(
      wholeFile(other.file, 'duplicate-roles', `Roles stand in ${rolesFile?.file} already.`, 'keep one of the files'),
    );
  for (const file of files.filter((each) => kindOfFile(each.file) === 'policy')) {
    const opened = open(file, checkPolicyShape);
    const policy = opened && parsePolicy(specs, opened.report, opened.document);
    if (opened === undefined || policy === undefined) {
      unnamed.push(file.file);
      continue;
    }
    const { report } = opened;
    lintRoleNames(report, roles, policy);
    const first = loaded.get(policy.name);
    if (first !== undefined) {
      report.errorAt(policy.place, 'duplicate-policy', `${first.policy.file} is a policy "${policy.name}" already.`);
      broken.add(policy.name);
      continue;
    }
    loaded.set(policy.name, { report, policy, tests: [...policy.tests] });
    if (opened.wrong || report.errors() > 0) broken.add(policy.name);
  }
  for (const file of files.filter((each) => kindOfFile(each.file) === 'tests')) {
    const opened = open(file, checkTestShape);
    if (opened !== undefined) addTests(specs, opened, loaded, unnamed);
  }

  const layers = new Map<string, Policy>();
  for (const [name, { policy, report, tests }] of loaded) {
    const whole = { ...policy, tests };
    if (!broken.has(name)) layers.set(name, whole);
    if (tests.length === 0) {
      report.warnAt(
        policy.place,
        'policy-without-tests',
        `Nothing tests the policy "${name}".`,
        `add tests: here or in ${name}.test.yaml`,
      );
    }
    if (broken.has(name)) continue;
    for (const test of tests) lintTest(reports.find((each) => each.file === test.file) ?? report, specs, whole, test);
  }
  if (![...files.map(({ file }) => file), ...unread].some((file) => kindOfFile(file) === 'policy')) {
    findings.push(wholeFile(files[0]?.file ?? '', 'no-policies', 'There is no policy file here.'));
  }
  for (const report of reports) findings.push(...report.findings);
  const order = new Map(files.map((each, index) => [each.file, index]));
  findings.sort(
    (a, b) => (order.get(a.file) ?? 0) - (order.get(b.file) ?? 0) || a.line - b.line || a.column - b.column,
  );
  return { set: { layers, broken, roles }, findings };
}

interface Opened {
  readonly document: SourceDocument;
  readonly report: Report;
  readonly wrong: boolean;
}

function addTests(
  specs: Specs,
  { document, report }: Opened,
  loaded: ReadonlyMap<string, Loaded>,
  unnamed: readonly string[],
): void {
  const { value } = document;
  if (!isMap(value) || typeof value.policy !== 'string') return;
  const { policy } = value;
  const target = loaded.get(policy);
  if (target === undefined) {
    // by the habit of naming a file after its policy, it is one of those that are wrong already
    if (unnamed.some((file) => baseName(file) === `${policy}.yaml`)) return;
    const near = suggest(value.policy, loaded.keys());
    report.error(['policy'], 'unknown-policy', `There is no policy "${value.policy}" to test.`, didYouMean(near));
    return;
  }
  target.tests.push(...parseTests(specs, report, value.tests, new Set(target.policy.rules.map((rule) => rule.name))));
}

/** A configuration with a mistake in `routes` is taken for a policy, and then nothing that is said of it helps. */
function withHint(finding: Finding, value: unknown): Finding {
  if (finding.code !== 'missing-key' || !finding.message.includes('"policy"') || !isMap(value)) return finding;
  const looksSo = Object.keys(value).some((key) => CONFIGURED.has(key) || suggest(key, CONFIGURED) !== undefined);
  if (!looksSo) return finding;
  return {
    ...finding,
    suggestion: 'A policy begins with `policy: NAME`. If this is a configuration, it needs `routes`.',
  };
}

const CONFIGURED: ReadonlySet<string> = new Set(['routes', 'listen', 'trusted_proxies', 'identity']);

const baseName = (file: string): string => file.slice(Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1);

/** What a file is, by its name alone. */
function kindOfFile(file: string): 'policy' | 'tests' | 'roles' {
  const name = baseName(file);
  if (/^roles\.ya?ml$/.test(name)) return 'roles';
  return /\.test\.ya?ml$/.test(name) ? 'tests' : 'policy';
}

const wholeFile = (file: string, code: string, message: string, suggestion?: string): Finding => {
  const finding = { file, line: 1, column: 1, code, severity: 'error', message } as const;
  return suggestion === undefined ? finding : { ...finding, suggestion };
};
