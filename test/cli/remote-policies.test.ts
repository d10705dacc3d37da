import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandResult, sallyport } from '../support/command.ts';
import { openTestGateway, type TestGateway } from '../support/gateway.ts';
import { CONFIG, type Directory, directoryWith, STAFF } from './directory.ts';

const TOKEN = 'a-token-of-the-administrator';
const STEP = `version: 1
policy: step
rules:
  - allow: staff
    when: { identity.groups: { any_of: [staff] } }
  - step_up: strong
    when: { request.method: DELETE }
    require: { level: medium, max_age: 10m, all_of: [totp] }
`;
const ROLES = 'version: 1\nmembers:\n  editor: { groups: [leads], users: ["crop:ann"] }\nroles: { editor: {} }\n';

let gate: TestGateway;
let directory: Directory;
beforeAll(async () => {
  gate = await openTestGateway({
    config: `identity: { providers: [{ id: staff, type: local }, { id: corp, type: local }] }
routes:
  - { route: app, match: { host: app.test }, upstream: "http://127.0.0.1:9", policy: [staff, step], user_prefix: true }
  - { route: status, match: { host: app.test, path: /status }, upstream: "http://127.0.0.1:9", public: true }
`,
    policies: { 'step.yaml': STEP },
    adminToken: TOKEN,
  });
  await gate.addUser('ann');
  directory = directoryWith({
    'sallyport.yaml': CONFIG,
    'policies/staff.yaml': STAFF,
    'policies/roles.yaml': ROLES,
    'bad/staff.yaml': STAFF.replace('identity.groups', 'identity.groupz').replace('allow, rule', 'deny, rule'),
    'failing/staff.yaml': STAFF.replace('effect: allow', 'effect: deny'),
    'failing/staff.test.yaml':
      'version: 1\npolicy: staff\ntests: [{ name: nobody, given: {}, expect: { effect: login } }]\n',
    'mixed/staff.yaml': STAFF,
    'mixed/torn.yaml': new Uint8Array([0xff, 0xfe, 0x00]),
    'large/staff.yaml': `${STAFF}# ${'x'.repeat(70_000)}\n`,
  });
});
afterAll(async () => {
  await gate.close();
  directory.remove();
});

const run = (args: readonly string[], token: string | undefined = TOKEN): Promise<CommandResult> =>
  sallyport(args, { cwd: directory.path, env: { SALLYPORT_ADMIN_TOKEN: token } });
const there = (...args: readonly string[]) => run([...args, '--url', `http://127.0.0.1:${gate.adminPort}`]);
const places = ({ stdout }: CommandResult): string[] =>
  JSON.parse(stdout).findings.map(
    ({ severity, file, line, column, code }: Record<string, unknown>) =>
      `${severity} ${file}:${line}:${column} ${code}`,
  );

describe('explain of a gateway elsewhere', () => {
  it.each<[string, string[], number]>([
    ['an account', ['GET', 'http://app.test/x', '--as', 'ann'], 0],
    ['a step-up', ['delete', '/x', '--as', 'staff:ann', '--set', 'identity.auth_age=20m'], 0],
    ['nobody', ['GET', 'https://app.test/x'], 0],
    ['a name', ['GET', 'http://app.test/x', '--as', 'zoe', '--set', 'identity.groups=[staff]'], 0],
    ['an unknown attribute', ['GET', '/x', '--as', 'zoe', '--unknown', 'identity.groups'], 0],
    ['an absent one', ['GET', '/x', '--as', 'ann', '--absent', 'identity.groups'], 0],
    ['another client', ['GET', '/x', '--from', '198.51.100.7', '--header', 'Accept: text/html'], 0],
    ['a public route', ['GET', 'http://app.test/status'], 0],
    ['an endpoint of the gateway', ['GET', 'http://app.test/.sallyport/login'], 0],
    ['a request that is refused', ['GET', 'http://app.test/a%2e%2e/b'], 1],
    ['a host of no route', ['GET', 'http://other.test/'], 1],
  ])('%s: the same as there', async (_, args, exitCode) => {
    for (const more of [[], ['--json']]) {
      const [far, near] = await Promise.all([
        there('explain', ...args, ...more),
        run(['explain', ...args, ...more, '--config', gate.configFile]),
      ]);
      // what is found in files there is called as it is there
      expect(far).toEqual(near);
      expect(far.code).toBe(exitCode);
    }
  });

  it.each<[string, string[], RegExp]>([
    ['no address', ['GET', 'ftp://x/y'], /400: .*no address/],
    ['no method', ['G T', '/'], /\/method: /],
    ['an attribute that there is not', ['GET', '/', '--set', 'identity.groupz=a'], /400: .*identity\.groupz/],
    ['both ways at once', ['GET', '/', '--config', 'sallyport.yaml'], /cannot be used with/],
    ['a directory here', ['GET', '/', '--policies', 'policies'], /cannot be used with/],
  ])('%s is wrong usage', async (_, args, says) => {
    const { code, stdout, stderr } = await there('explain', ...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(says);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});

describe('check by a gateway elsewhere', () => {
  it.each(['bad', 'failing', 'failing/staff.yaml', 'policies/staff.yaml'])(
    'finds the same in %s as here, by the paths that are here',
    async (path) => {
      for (const more of [[], ['--json'], ['--strict']]) {
        const [far, near] = await Promise.all([there('check', path, ...more), run(['check', path, ...more])]);
        // the line of a failed test is not told
        const stdout = near.stdout.replace(/^( {5}\S+?):\d+: expected/gm, '$1: expected');
        expect(far).toEqual({ ...near, stdout });
      }
    },
  );

  it('adds what its providers say against roles', async () => {
    expect(places(await run(['check', 'policies', '--json']))).toEqual([]);
    const found = await there('check', 'policies', '--json');
    const warnings = [
      'warning policies/roles.yaml:3:22 bare-group-name',
      'warning policies/roles.yaml:3:38 unknown-provider',
    ];
    expect([found.code, places(found)]).toEqual([0, warnings]);
    const alone = await there('check', 'policies/roles.yaml', '--json', '--strict');
    expect([alone.code, places(alone)]).toEqual([1, warnings]);
  });

  it('tests alone cannot run there either', async () => {
    const found = await there('check', 'failing/staff.test.yaml', '--json');
    expect([found.code, places(found)]).toEqual([1, ['error failing/staff.test.yaml:1:1 tests-alone']]);
  });

  it('what cannot be read is told, and the rest is not asked about', async () => {
    const found = await there('check', 'mixed', '--json');
    expect([found.code, places(found)]).toEqual([1, [expect.stringMatching(/^error mixed\/torn\.yaml:/)]]);
    const none = await there('check', 'nothing', '--json');
    expect([none.code, places(none)]).toEqual([1, ['error nothing:1:1 file-unreadable']]);
  });

  it.each<[string, string[], number, RegExp]>([
    ['a configuration', ['sallyport.yaml'], 2, /checked where its files are/],
    ['no path', [], 2, /which policies/],
    ['both ways at once', ['--config', 'sallyport.yaml'], 2, /cannot be used with/],
    ['more than a body may have', ['large'], 1, /413: A body may have 64 KiB/],
  ])('%s is refused', async (_, args, exitCode, says) => {
    const { code, stdout, stderr } = await there('check', ...args);
    expect([code, stdout]).toEqual([exitCode, '']);
    expect(stderr).toMatch(says);
  });

  it('without a token nothing is sent', async () => {
    const { code, stderr } = await run(['check', 'policies', '--url', `http://127.0.0.1:${gate.adminPort}`], '');
    expect([code, stderr]).toEqual([2, expect.stringContaining('SALLYPORT_ADMIN_TOKEN')]);
  });
});

it.each([
  '{}',
  '[]',
  'null',
  '{"findings": [{}], "tests": [], "summary": {}}',
  '{"request": {"method": "GET"}, "decision": {"effect": "step_up"}, "rules": [{"condition": {"kind": "atom"}}]}',
])('what is there and answers %s is no gateway', async (answer) => {
  const other = createServer((_, outgoing) => void outgoing.end(answer));
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const url = ['--url', `http://127.0.0.1:${(other.address() as AddressInfo).port}`];
  const all = await Promise.all([run(['check', 'policies', ...url]), run(['explain', 'GET', '/', ...url])]);
  await new Promise((resolve) => other.close(resolve));
  for (const { code, stdout, stderr } of all) {
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toBe('what is there does not answer as a gateway does\n');
  }
});
