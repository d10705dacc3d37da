import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sallyport } from '../support/command.ts';
import { CONFIG, type Directory, directoryWith, STAFF } from './directory.ts';

const STEP = `version: 1
policy: step
rules:
  - allow: all
  - step_up: strong
    when: { request.method: DELETE }
    require: { level: medium, max_age: 10m }
  - deny: abroad
    reason: abroad
    when: { geo.country: [KP] }
    unknown: skip
`;

/** Midnight, hours and ages, where the day begins nine hours before UTC. */
const NIGHT = `version: 1
policy: night
timezone: Asia/Tokyo
rules:
  - allow: second-of-january
    when: { time.date: 2026-01-02, time.weekday: fri, time.hour: 8 }
  - deny: old
    when: { any: [{ session.age: { above: 0s } }, { session.idle: { above: 0s } }, { identity.auth_age: { above: 0s } }] }
  - step_up: lasting
    when: { request.method: PUT }
    require: { level: none, max_age: 1m }
`;

let directory: Directory;
const OTHER = new Set(['--policies', '--config']);
const explain = (...args: string[]) =>
  sallyport(['explain', ...args, ...(args.some((arg) => OTHER.has(arg)) ? [] : ['--config', 'sallyport.yaml'])], {
    cwd: directory.path,
  });

beforeAll(() => {
  directory = directoryWith({
    'sallyport.yaml': CONFIG,
    'policies/staff.yaml': STAFF,
    'candidate/staff.yaml': STAFF,
    'candidate/step.yaml': STEP,
    'night/night.yaml': NIGHT,
    'any.yaml': CONFIG.replace('match: { host: app.test }', 'match: {}'),
    'empty/notes.txt': '',
  });
});
afterAll(() => directory.remove());

describe.concurrent('explain says what would be decided and why', () => {
  it.each<[string, string[], RegExp]>([
    ['nobody signs in', ['GET', '/x'], /→ login \(login_required\)[\s\S]*Judged again/],
    [
      'somebody without the group is denied, with what was read',
      ['get', 'https://APP.test/x?y=1', '--as', 'zoe'],
      /^GET app\.test\/x \(route app\) as local:zoe\n→ deny \(no_rule_matched\)\n[\s\S]*false {2}identity\.groups any_of "staff" {2}\(identity\.groups is \[\]\)/,
    ],
    [
      'a group that is set lets in, by a rule at its line',
      ['GET', '/x', '--as', 'staff:zoe', '--set', 'identity.groups=[staff, x]'],
      /→ allow by staff\/staff, policies\/staff\.yaml:4\n[\s\S]*\* allow +staff\/staff: true/,
    ],
    [
      'what is unknown does not let in',
      ['GET', '/x', '--as', 'zoe', '--unknown', 'identity.groups'],
      /→ deny [\s\S]*allow +staff\/staff: unknown[\s\S]*identity\.groups is unknown/,
    ],
    [
      'what is absent does not either',
      ['GET', '/x', '--as', 'zoe', '--absent', 'identity.groups'],
      /→ deny [\s\S]*false {2}identity\.groups/,
    ],
    [
      'a public route allows',
      ['GET', '/status'],
      /\(route status\) as nobody\n→ allow\n\n\* allow {3}\(public route\)/,
    ],
    ['a route that allows an oddity is asked', ['GET', '/files/a%2Fb'], /^GET app\.test\/files\/a%2Fb \(route files\)/],
    ['an endpoint of the gateway has no policy', ['GET', '/.sallyport/login'], /no policy is judged/],
    [
      'policies of a directory, without a configuration',
      ['DELETE', '/x', '--policies', 'candidate', '--policy', 'step', '--as', 'ann'],
      /→ step_up \(step_up_required\) needs level medium, at most 600 s old by step\/strong, candidate\/step\.yaml:5\n[\s\S]*step_up step\/strong: true, not met[\s\S]*abroad: unknown, and it says `unknown: skip`/,
    ],
    [
      'proofs can be set',
      ['DELETE', '/x', '--policies', 'candidate', '--as', 'ann', '--set', 'identity.assurance=medium'],
      /→ allow by step\/all, [\s\S]*strong: true, met/,
    ],
    [
      'time.now moves the clock of the whole request, in the zone of the policy',
      ['GET', '/', '--policies', 'night', '--as', 'ann', '--set', 'time.now=2026-01-01T23:30:00Z'],
      /→ allow by night\/second-of-january[\s\S]*time\.date is "2026-01-02"/,
    ],
    [
      'and the sign-in before it: proofs are of that day too',
      ['PUT', '/', '--policies', 'night', '--as', 'ann', '--set', 'time.now=2026-01-01T23:30:00Z'],
      /→ allow by night\/second-of-january/,
    ],
    [
      'what is set by itself wins',
      [
        ...['GET', '/', '--policies', 'night', '--as', 'ann', '--set', 'time.now=2026-01-01T23:30:00Z'],
        ...['--set', 'session.age=9h', '--set', 'time.hour=8'],
      ],
      /→ deny [\s\S]*night\/old[\s\S]*session\.age is 32400000/,
    ],
    [
      'a path alone is asked of localhost where a route takes every host',
      ['GET', '/x', '--config', 'any.yaml'],
      /^GET localhost\/x \(route app\)/,
    ],
  ])('%s', async (_, args, says) => {
    const { code, stdout, stderr } = await explain(...args);
    expect(stdout).toMatch(says);
    expect(stderr).toBe('');
    expect(code).toBe(0);
  });

  it('as data with --json', async () => {
    const { code, stdout } = await explain('GET', '/x', '--as', 'zoe', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      request: { method: 'GET', host: 'app.test', path: '/x', route: 'app', as: 'local:zoe' },
      decision: { effect: 'deny', reason: 'no_rule_matched' },
      implicit_allow: false,
      rules: [
        {
          policy: 'staff',
          rule: 'staff',
          effect: 'allow',
          file: 'policies/staff.yaml',
          line: 4,
          result: 'false',
          fires: false,
          condition: { kind: 'atom', attribute: 'identity.groups', result: 'false' },
        },
      ],
    });
  });
});

it('explain --json speaks snake_case and seconds', async () => {
  const args = ['DELETE', '/x', '--policies', 'candidate', '--policy', 'step', '--as', 'ann', '--json'];
  const { stdout } = await explain(...args);
  const { decision } = JSON.parse(stdout) as { decision: unknown };
  expect(decision).toMatchObject({ effect: 'step_up', need: { level: 'medium', max_age: 600, all_of: [] } });
  // attributes and words of policies are values, never keys
  const keys: string[] = [];
  JSON.parse(stdout, (key, value) => {
    keys.push(key);
    return value;
  });
  expect(keys.filter((key) => !/^[a-z_0-9]*$/.test(key))).toEqual([]);
});

describe.concurrent('a request that the gateway refuses before any policy is asked exits 1', () => {
  it.each<[string, string[], number, string]>([
    ['dot segments', ['GET', '/a/../b'], 400, 'ambiguous_request'],
    ['an encoded slash that the route does not allow', ['GET', '/a%2Fb'], 400, 'ambiguous_request'],
    ['a doubled slash', ['GET', '//evil.test/x'], 400, 'ambiguous_request'],
    ['a path whose case leads to another route', ['GET', '/STATUS'], 400, 'ambiguous_request'],
    ['a host without a route', ['GET', 'http://other.test/'], 404, 'no_route'],
    ['a target over the limit of the configuration', ['GET', `/${'a'.repeat(3000)}`], 414, 'uri_too_long'],
    ['a body over the limit', ['PUT', '/x', '--header', 'Content-Length: 9999999'], 413, 'payload_too_large'],
  ])('%s', async (_, args, status, reason) => {
    const { code, stdout, stderr } = await explain(...args, '--json');
    expect(JSON.parse(stdout)).toMatchObject({ refused: { status, reason, detail: expect.any(String) } });
    expect(stderr).toBe('');
    expect(code).toBe(1);
  });

  it('and says so in words', async () => {
    const { stdout, stderr } = await explain('GET', '/a%2Fb');
    expect(stderr).toMatch(
      /would refuse this request \(GET app\.test\/a%2Fb\) with 400 ambiguous_request: .*encoded_slash.* route app/,
    );
    expect(stdout).toBe('');
  });
});

describe.concurrent('what is no question is wrong usage or a configuration that is not good', () => {
  it.each<[string, string[], number, RegExp]>([
    [
      'attributes that there are not, all at once',
      ['GET', '/', '--set', 'foo=1', '--absent', 'identty.sub', '--unknown', 'geo.contry'],
      2,
      /foo[\s\S]*Did you mean identity\.sub\?[\s\S]*Did you mean geo\.country\?/,
    ],
    ['a value of another type', ['GET', '/', '--set', 'identity.groups=staff'], 2, /identity\.groups is a list/],
    ['a value that is no YAML', ['GET', '/', '--set', 'identity.groups=[a'], 2, /no YAML/],
    ['an address that is none', ['GET', 'app.test/x'], 2, /https:\/\/host\/path/],
    ['a client that has no address', ['GET', '/', '--from', 'nowhere'], 2, /no IP address/],
    ['--policy without --policies', ['GET', '/', '--policy', 'staff'], 2, /--policies DIR/],
    ['a policy that there is not', ['GET', '/', '--policies', 'candidate', '--policy', 'stap'], 2, /mean step\?/],
    ['a directory that there is not', ['GET', '/', '--policies', 'nowhere'], 78, /^nowhere:1:1: error: /],
    ['a directory without policies', ['GET', '/', '--policies', 'empty'], 78, /^empty:1:1: error: /],
  ])('%s', async (_, args, expected, says) => {
    const { code, stdout, stderr } = await explain(...args);
    expect(stderr).toMatch(says);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(stdout).toBe('');
    expect(code).toBe(expected);
  });
});
