import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sallyport } from '../support/command.ts';
import { CONFIG, type Directory, directoryWith } from './directory.ts';

const STAFF = `version: 1
policy: staff
rules:
  - allow: readers
    when: { identity.permissions: doc.read }
tests:
  - name: readers read
    given: { identity: { sub: ann, permissions: [doc.read] } }
    expect: { effect: allow }
`;
const ROLES = `version: 1
permissions:
  doc.read: { resource: doc, action: read, scope: own }
members:
  manager: { groups: [leads], users: ["staff:ann"] }
roles:
  employee: { permissions: [doc.read] }
  manager: { inherits: [employee] }
`;
const BAD = ROLES.replace('[doc.read] }', '[doc.raed] }').replace('"staff:ann"', 'ann');

let directory: Directory;
const run = (...args: string[]) => sallyport(args, { cwd: directory.path });

beforeAll(() => {
  directory = directoryWith({
    'sallyport.yaml': CONFIG,
    'policies/staff.yaml': STAFF,
    'policies/roles.yaml': ROLES,
    'bad/staff.yaml': STAFF,
    'bad/roles.yaml': BAD,
    'bad.yaml': CONFIG.replace('policies: policies', 'policies: bad'),
    'alone/roles.yaml': ROLES,
  });
});
afterAll(() => directory.remove());

const FOUND = ['bad/roles.yaml:5:39 bare-user-name', 'bad/roles.yaml:7:29 unknown-permission'];

describe.concurrent('check reads roles.yaml', () => {
  it.each<[string, string, number, string[]]>([
    ['of a directory', 'policies', 0, []],
    ['of a directory, with mistakes', 'bad', 1, FOUND],
    ['of a configuration, with mistakes', 'bad.yaml', 1, FOUND],
    ['by itself', 'policies/roles.yaml', 0, []],
    ['by itself, with mistakes', 'bad/roles.yaml', 1, FOUND],
    ['alone in a directory, which holds no policy then', 'alone', 1, ['alone/roles.yaml:1:1 no-policies']],
  ])('%s', async (_, path, expected, places) => {
    const { code, stdout, stderr } = await run('check', path, '--json');
    const { findings } = JSON.parse(stdout) as { findings: Record<string, unknown>[] };
    const errors = findings.filter(({ severity }) => severity === 'error');
    expect(errors.map(({ file, line, column, code: what }) => `${file}:${line}:${column} ${what}`)).toEqual(places);
    expect(stderr).toBe('');
    expect(code).toBe(expected);
  });
});

describe.concurrent('explain derives roles', () => {
  const explain = (...args: string[]) => run('explain', 'GET', '/x', ...args);
  it.each<[string, string[], RegExp]>([
    ['of a user that roles.yaml names', ['--as', 'staff:ann'], /→ allow by staff\/readers/],
    ['of nobody else of that name', ['--as', 'other:ann'], /→ deny [\s\S]*identity\.permissions is \[\]/],
    ['of a group that is set', ['--as', 'zoe', '--set', 'identity.groups=[leads]'], /→ allow by/],
    ['of a role that is set', ['--as', 'zoe', '--set', 'identity.roles=[employee]'], /→ allow by/],
    [
      'not of an unknown group',
      ['--as', 'staff:ann', '--unknown', 'identity.groups'],
      /→ deny [\s\S]*permissions is unknown/,
    ],
    ['and a permission that is set wins', ['--as', 'staff:ann', '--set', 'identity.permissions=[]'], /→ deny/],
  ])('%s', async (_, args, says) => {
    for (const from of [
      ['--config', 'sallyport.yaml'],
      ['--policies', 'policies'],
    ]) {
      const { code, stdout } = await explain(...args, ...from);
      expect(stdout).toMatch(says);
      expect(code).toBe(0);
    }
  });
});

it('schema prints the one of roles.yaml', async () => {
  const { code, stdout } = await run('schema', 'roles');
  expect(Object.keys(JSON.parse(stdout).properties)).toEqual(['version', 'permissions', 'members', 'roles']);
  expect(code).toBe(0);
});
