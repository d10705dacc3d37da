import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sallyport } from '../support/command.ts';
import { CONFIG, directoryWith, STAFF } from './directory.ts';

interface CheckJson {
  readonly findings: readonly Record<string, unknown>[];
  readonly tests: readonly Record<string, unknown>[];
  readonly summary: Record<string, number>;
}

function inDirectory(files?: Readonly<Record<string, string | Uint8Array>>) {
  const directory = directoryWith(files);
  onTestFinished(directory.remove);
  return (...args: string[]) => sallyport(['check', ...args], { cwd: directory.path });
}

/** `file:line:column code`, as far as a reader finds a place with it */
const places = (json: CheckJson): string[] =>
  json.findings.map(({ file, line, column, code }) => `${file}:${line}:${column} ${code}`);

/** One policy file for each class of mistake; none of them hides another. */
const BAD: Readonly<Record<string, string | Uint8Array>> = {
  'bad/alias.yaml': 'version: 1\npolicy: &name alias\nrules: []\n',
  'bad/attribute.yaml':
    'version: 1\npolicy: attribute\nrules:\n  - allow: x\n    when: { identity.gruops: { any_of: [staff] } }\n',
  'bad/directory.yaml/x': '',
  'bad/duplicate.yaml': 'version: 1\npolicy: duplicate\npolicy: twice\n',
  'bad/empty.yaml': '',
  'bad/escape.yaml': '"\\e[31mred": 1\n',
  'bad/good.yaml': STAFF,
  'bad/latin.yaml': Buffer.from('version: 1\npolicy: caf\xe9\n', 'latin1'),
  'bad/nested.yaml': '['.repeat(20_000),
  'bad/operator.yaml':
    'version: 1\npolicy: operator\nrules:\n  - deny: x\n    when: { request.method: { betwen: [1, 2] }, request.size: big }\n',
  'bad/syntax.yaml': 'version: 1\npolicy: "syntax\n',
  'bad/unknown.test.yaml':
    'version: 1\npolicy: nowhere\ntests:\n  - name: t\n    given: {}\n    expect: { effect: allow }\n',
};

describe('check', () => {
  it.each([
    [[], 0],
    [['--strict'], 1],
  ])(
    'without a path takes the configuration; the shipped one has the one warning that it deserves: %j exits %i',
    async (options, expected) => {
      const { code, stdout, stderr } = await sallyport(['check', ...options]);
      expect(stdout).toMatch(/^config\/sallyport\.yaml:\d+:1: warning: .*portal.* \[no-portal\]$/m);
      expect(stdout).toMatch(/^0 error\(s\), 1 warning\(s\), [1-9]\d* test\(s\) passed, 0 failed$/m);
      expect(stderr).toBe('');
      expect(code).toBe(expected);
    },
  );

  it('of a directory tells the mistakes of all files at once, each at its place', async () => {
    const { code, stdout, stderr } = await inDirectory(BAD)('bad', '--json');
    const json = JSON.parse(stdout) as CheckJson;
    expect(code).toBe(1);
    expect(stderr).toBe('');
    expect(places(json)).toEqual(
      expect.arrayContaining([
        'bad/alias.yaml:2:9 yaml-alias',
        'bad/attribute.yaml:5:13 unknown-attribute',
        'bad/directory.yaml:1:1 file-unreadable',
        'bad/empty.yaml:1:1 file-empty',
        'bad/latin.yaml:2:12 file-encoding',
        'bad/operator.yaml:5:31 unknown-operator',
        'bad/operator.yaml:5:49 wrong-type',
        'bad/unknown.test.yaml:2:1 unknown-policy',
      ]),
    );
    // by file, so that what belongs together is read together
    const files = json.findings.map(({ file }) => String(file));
    expect(files).toEqual(files.toSorted());
    for (const name of ['duplicate', 'escape', 'nested', 'syntax'])
      expect(json.findings).toContainEqual(
        expect.objectContaining({ file: `bad/${name}.yaml`, severity: 'error', message: expect.stringMatching(/\w/) }),
      );
    expect(json.findings).toContainEqual({
      file: 'bad/attribute.yaml',
      line: 5,
      column: 13,
      code: 'unknown-attribute',
      severity: 'error',
      message: 'There is no attribute "identity.gruops".',
      suggestion: 'Did you mean identity.groups?',
    });
    // a good policy is tested although its neighbours are not good
    expect(json.tests).toContainEqual(expect.objectContaining({ policy: 'staff', passed: true }));
    expect(json.summary.errors).toBe(json.findings.filter(({ severity }) => severity === 'error').length);
  });

  it('lets no control character of a file reach the terminal', async () => {
    const { code, stdout } = await inDirectory({ 'p/escape.yaml': BAD['bad/escape.yaml'] ?? '' })('p');
    expect(code).toBe(1);
    expect(stdout).toContain('[31mred');
    expect(stdout).not.toMatch(/[^\P{Cc}\n]/u);
  });

  it('of a configuration tells its mistakes and those of its policies at once', async () => {
    const config = CONFIG.replace('127.0.0.1:0 }', '127.0.0.1:80a }')
      .replace('body: 1MiB', 'body: 1Mib')
      .replace('upstream', 'upstraem');
    const { code, stdout } = await inDirectory({
      'sallyport.yaml': config,
      'policies/staff.yaml': STAFF.replace('any_of', 'any_off'),
    })('sallyport.yaml');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^sallyport\.yaml:2:17: error: listen\.http /m);
    expect(stdout).toMatch(/^sallyport\.yaml:6:31: error: limits\.body /m);
    expect(stdout).toMatch(/^sallyport\.yaml:11:5: error: Unknown key "upstraem".*\n {4}Did you mean upstream\?$/m);
    expect(stdout).toMatch(/^policies\/staff\.yaml:5:32: error: There is no operator "any_off"/m);
    expect(stdout).toMatch(/^\d+ error\(s\), /m);
  });

  it('fails when a test fails, and says what was expected and what came', async () => {
    const check = inDirectory({
      'p/staff.yaml': STAFF.replace('groups: [staff] } }\n    expect', 'groups: [x] } }\n    expect'),
    });
    const { code, stdout } = await check('p', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      findings: [],
      tests: [
        {
          file: 'p/staff.yaml',
          policy: 'staff',
          name: 'staff is let in',
          passed: false,
          expected: 'allow rule staff',
          got: 'deny reason no_rule_matched',
        },
      ],
      summary: { errors: 0, warnings: 0, passed: 0, failed: 1 },
    });
    expect((await check('p')).stdout).toMatch(
      /^FAIL staff: staff is let in\n +p\/staff\.yaml:7: expected allow rule staff, got deny reason no_rule_matched$/m,
    );
  });

  it.each([
    [[], 0],
    [['--strict'], 1],
  ])('with warnings alone and %j exits %i', async (options, expected) => {
    const untested = STAFF.slice(0, STAFF.indexOf('tests:'));
    const { code, stdout } = await inDirectory({ 'p/staff.yaml': untested })('p', ...options);
    expect(stdout).toMatch(/^p\/staff\.yaml:\d+:\d+: warning: /m);
    expect(stdout).toMatch(/^0 error\(s\), 1 warning\(s\)/m);
    expect(code).toBe(expected);
  });

  it.each([
    ['a path that is not there', ['nowhere'], 'nowhere:1:1 file-unreadable'],
    ['a directory without policies', ['empty'], 'empty:1:1 no-policies'],
    ['no configuration in the usual place', [], 'config/sallyport.yaml:1:1 file-unreadable'],
    ['a configuration among policies', ['mixed'], 'mixed/sallyport.yaml:1:1 not-a-policy'],
  ])('of %s exits 1 and keeps its shape', async (_, args, place) => {
    const check = inDirectory({ 'empty/notes.txt': '', 'mixed/sallyport.yaml': CONFIG, 'mixed/staff.yaml': STAFF });
    const { code, stdout, stderr } = await check(...args, '--json');
    const json = JSON.parse(stdout) as CheckJson;
    expect(places(json)).toEqual([place]);
    expect(json.summary).toEqual({ errors: 1, warnings: 0, passed: json.tests.length, failed: 0 });
    expect(stderr).toBe('');
    expect(code).toBe(1);
  });

  it.each([
    ['a file with routes is a configuration', 'sallyport.yaml', ['sallyport.yaml:8:1 no-portal']],
    ['any other is a policy', join('policies', 'staff.yaml'), []],
  ])('%s', async (_, path, expected) => {
    const { code, stdout } = await inDirectory()(path, '--json');
    const json = JSON.parse(stdout) as CheckJson;
    expect(places(json)).toEqual(expected);
    expect(json.summary).toEqual({ errors: 0, warnings: expected.length, passed: 1, failed: 0 });
    expect(code).toBe(0);
  });

  it('of tests alone says where their policy is looked for', async () => {
    const tests = STAFF.replace(/rules:[\s\S]*(?=tests:)/, '').replace('tests:', 'tsets: 1\ntests:');
    const check = inDirectory({ 'p/staff.test.yaml': tests, 'p/staff.yaml': STAFF });
    const { code, stdout } = await check('p/staff.test.yaml', '--json');
    const json = JSON.parse(stdout) as CheckJson;
    expect(places(json)).toEqual(['p/staff.test.yaml:1:1 tests-alone', 'p/staff.test.yaml:3:1 unknown-key']);
    expect(json.findings[0]?.suggestion).toBe('Check the directory: sallyport check p');
    expect(code).toBe(1);
  });

  it('of a configuration tells what its routes make of the policies, and runs their tests, whatever else is wrong', async () => {
    const check = inDirectory({
      'sallyport.yaml': CONFIG.replace('body: 1MiB', 'body: 1Mib').replaceAll(
        'public: true',
        'public: true, policy: staff'.replace(', ', '\n    '),
      ),
      'policies/staff.yaml': STAFF,
    });
    const { code, stdout } = await check('sallyport.yaml', '--json');
    const json = JSON.parse(stdout) as CheckJson;
    expect(places(json)).toEqual([
      'policies/staff.yaml:4:5 public-route-effect',
      'policies/staff.yaml:5:32 public-route-person',
      'sallyport.yaml:6:31 bad-value',
      'sallyport.yaml:8:1 no-portal',
    ]);
    expect(json.tests).toEqual([expect.objectContaining({ policy: 'staff', passed: true })]);
    expect(code).toBe(1);
  });

  it('of a policy that cannot be read says so once, and not that there is none of its name', async () => {
    const check = inDirectory({
      'sallyport.yaml': CONFIG,
      'policies/staff.yaml/x': '',
      'policies/staff.test.yaml': STAFF.replace(/rules:[\s\S]*(?=tests:)/, ''),
      'policies/other.yaml': STAFF.replaceAll('staff', 'other'),
    });
    for (const path of ['sallyport.yaml', 'policies']) {
      const json = JSON.parse((await check(path, '--json')).stdout) as CheckJson;
      const errors = json.findings.filter(({ severity }) => severity === 'error');
      expect(errors).toEqual([expect.objectContaining({ file: 'policies/staff.yaml', code: 'file-unreadable' })]);
    }
  });
});
