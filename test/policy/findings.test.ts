import { expect, test } from 'vitest';
import { loadPolicies } from '../../src/policy/load.ts';
import { catalogue } from './catalogue.ts';

const load = (text: string, file = 'p.yaml') => loadPolicies([{ file, text }], catalogue);
const tested = 'tests: [{ name: t, expect: { effect: deny } }]';
/** A policy whose third line is the rule, whose fifth is the `when`, in block form so that places are telling. */
const withWhen = (when: string, rest = ''): string =>
  `version: 1\npolicy: p\nrules:\n  - allow: r\n    when: ${when}\n${rest}\n`;
const codes = (text: string): string[] => load(text).findings.map((finding) => finding.code);

test.each<[string, string, string, RegExp]>([
  ['unknown attribute', '{ geo.contry: DE }', 'unknown-attribute', /geo\.country/],
  ['unknown attribute of a family', '{ request.headr.x-a: b }', 'unknown-attribute', /request\.header\.x-a/],
  ['a family without a name', '{ "request.header.*": b }', 'unknown-attribute', /request\.header\.NAME/],
  ['a prototype name', '{ identity.toString: b }', 'unknown-attribute', /^$/],
  ['operator not of the type', '{ request.method: { below: 3 } }', 'operator-not-of-type', /equals/],
  ['list operator on a text', '{ request.method: { any_of: [a] } }', 'operator-not-of-type', /in\b/],
  ['unknown operator', '{ device.trust: { at_lest: 3 } }', 'unknown-operator', /at_least/],
  ['wrong value type', '{ device.trust: { at_least: "50" } }', 'wrong-type', /^50$/],
  ['a number for a text', '{ geo.country: 49 }', 'wrong-type', /"49"/],
  ['null', '{ geo.country: }', 'wrong-type', /^$/],
  ['yes for a boolean', '{ device.known: "yes" }', 'wrong-type', /true/],
  ['a list for a boolean', '{ device.known: [true] }', 'wrong-type', /^$/],
  ['a duration without a unit', '{ session.age: { below: 15 } }', 'wrong-type', /15s/],
  ['a duration with a bad unit', '{ session.age: { below: 15min } }', 'wrong-type', /^$/],
  ['an instant without an offset', '{ time.now: { before: "2026-01-01T00:00:00" } }', 'wrong-type', /^$/],
  ['a day that does not exist', '{ time.date: "2026-02-30" }', 'wrong-type', /^$/],
  ['a version that lost its zero', '{ device.browser_version: { at_least: 17.10 } }', 'wrong-type', /"17\.1"/],
  ['a level that does not exist', '{ identity.assurance: { at_least: strong } }', 'wrong-type', /high/],
  ['a network that is none', '{ request.client_ip: 10.0.0.0/33 }', 'wrong-type', /^$/],
  [
    'a range that is upside down',
    '{ time.hour: { between: [22, 6] } }',
    'empty-range',
    /any: \[\{ time\.hour: \{ at_least: 22/,
  ],
  ['a range of three', '{ time.hour: { between: [1, 2, 3] } }', 'wrong-type', /^$/],
  ['a value outside of the vocabulary', '{ time.weekday: [mon, tues] }', 'unknown-value', /tue/],
  ['empty when', '{}', 'empty-condition', /leave it out/],
  ['empty all', '{ all: [] }', 'empty-list', /^$/],
  ['empty any', '{ any: [] }', 'empty-list', /^$/],
  ['empty not', '{ not: {} }', 'empty-condition', /^leave/],
  ['empty in', '{ request.method: { in: [] } }', 'empty-list', /^$/],
  ['empty list', '{ request.method: [] }', 'empty-list', /^$/],
  ['empty matcher', '{ request.method: {} }', 'empty-condition', /^$/],
  ['unknown condition', '{ is: nowhere }', 'unknown-condition', /^$/],
  ['a regular expression that is not linear', '{ request.method: { matches: "^(?=a)$" } }', 'bad-pattern', /^$/],
  ['a glob with braces', '{ request.path: { glob: "/{a,b}" } }', 'bad-pattern', /^$/],
  [
    'an unknown attribute as the value',
    '{ request.method: { equals: { attribute: identity.subb } } }',
    'unknown-attribute',
    /identity\.sub/,
  ],
  [
    'an attribute of another type as the value',
    '{ request.method: { equals: { attribute: device.trust } } }',
    'wrong-type',
    /^$/,
  ],
  [
    'a list attribute where one value is needed',
    '{ request.method: { equals: { attribute: identity.groups } } }',
    'wrong-type',
    /^$/,
  ],
  ['a list attribute in all_of', '{ identity.groups: { all_of: { attribute: identity.amr } } }', 'wrong-type', /^$/],
  ['an empty prefix', '{ request.path: { prefix: "" } }', 'empty-text', /present/],
  ['CEL', '{ cel: "1 < 2" }', 'not-available-yet', /attributes/],
  ['a when that is a list', '[a]', 'wrong-shape', /^$/],
])('%s', (_name, when, code, suggestion) => {
  const { set, findings } = load(withWhen(when, tested));
  const errors = findings.filter((finding) => finding.severity === 'error');
  expect(errors.map((finding) => finding.code)).toEqual([code]);
  expect(errors[0]?.suggestion ?? '').toMatch(suggestion);
  expect(errors[0]).toMatchObject({ file: 'p.yaml', line: 5 });
  expect(errors[0]?.message).toMatch(/\.$/);
  expect(set.layers.size).toBe(0);
  expect([...set.broken]).toEqual(['p']);
});

test.each<[string, string, string, number]>([
  ['no effect', 'rules:\n  - when: { device.known: true }', 'rule-without-effect', 4],
  ['two effects', 'rules:\n  - allow: a\n    deny: b', 'rule-with-two-effects', 5],
  ['duplicate names', 'rules:\n  - allow: a\n  - deny: a', 'duplicate-rule', 5],
  ['step_up without require', 'rules:\n  - step_up: a', 'step-up-without-require', 4],
  ['require in an allow', 'rules:\n  - allow: a\n    require: { level: low }', 'misplaced-key', 5],
  ['reason in an allow', 'rules:\n  - allow: a\n    reason: because', 'misplaced-key', 5],
  ['unknown in an allow', 'rules:\n  - allow: a\n    unknown: skip', 'misplaced-key', 5],
  ['a level that is none', 'rules:\n  - step_up: a\n    require: { level: strong }', 'unknown-value', 5],
  ['an age without a unit', 'rules:\n  - step_up: a\n    require: { max_age: 15 }', 'wrong-type', 5],
  [
    'methods below the level',
    'rules:\n  - step_up: a\n    require: { level: high, methods: [totp, sms] }',
    'impossible-requirement',
    5,
  ],
  ['a shadow rule', 'rules:\n  - allow: a\n    mode: shadow', 'not-available-yet', 5],
  ['obligations', 'rules:\n  - allow: a\n    obligations: []', 'not-available-yet', 5],
  ['a resource', 'rules: [{ allow: a }]\nresource: { type: x }', 'not-available-yet', 4],
  ['actions', 'rules: [{ allow: a }]\nactions: { read: [GET] }', 'not-available-yet', 4],
  ['a contextual grant', 'rules: [{ allow: a }]\ncontextual: []', 'not-available-yet', 4],
  ['roles in a policy', 'rules: [{ allow: a }]\nroles: { a: {} }', 'misplaced-key', 4],
  ['a time zone that does not exist', 'rules: [{ allow: a }]\ntimezone: Europe/Berln', 'unknown-timezone', 4],
  [
    'conditions in a circle',
    'rules: [{ allow: a, when: { is: x } }]\nconditions:\n  x: { is: y }\n  y: { is: x }',
    'condition-cycle',
    6,
  ],
  [
    'a condition that names itself',
    'rules: [{ allow: a }]\nconditions:\n  x: { not: { is: x } }',
    'condition-cycle',
    5,
  ],
])('%s', (_name, body, code, line) => {
  const errors = load(`version: 1\npolicy: p\n${body}\n${tested}\n`).findings.filter(
    (finding) => finding.severity === 'error',
  );
  expect(errors.map((finding) => [finding.code, finding.line])).toEqual([[code, line]]);
});

test.each<[string, string]>([
  ['an unknown key of the file', 'version: 1\npolicy: p\nrules: [{ allow: a }]\nrulez: []'],
  ['an unknown key of a rule', 'version: 1\npolicy: p\nrules: [{ allow: a, whne: {} }]'],
  ['another version', 'version: 2\npolicy: p\nrules: [{ allow: a }]'],
  ['no rules', 'version: 1\npolicy: p\nrules: []'],
  ['no name', 'version: 1\nrules: [{ allow: a }]'],
  ['a name with spaces', 'version: 1\npolicy: "a b"\nrules: [{ allow: a }]'],
  ['a reason that is no code', 'version: 1\npolicy: p\nrules: [{ deny: a, reason: "No!" }]'],
  ['unknown: fire', 'version: 1\npolicy: p\nrules: [{ deny: a, unknown: fire }]'],
  ['an unknown method', 'version: 1\npolicy: p\nrules: [{ step_up: a, require: { methods: [smoke] } }]'],
  ['an empty require', 'version: 1\npolicy: p\nrules: [{ step_up: a, require: {} }]'],
  ['not a map', '- 1'],
  ['not YAML', 'a: ['],
  ['nothing', ''],
  ['an alias', 'version: 1\npolicy: &a p\nrules: [{ allow: *a }]'],
  ['a duplicate key', 'version: 1\npolicy: p\npolicy: q\nrules: [{ allow: a }]'],
  ['a prototype name', 'version: 1\npolicy: p\nrules: [{ allow: a }]\n__proto__: {}'],
])('the shape: %s', (_name, text) => {
  const { set, findings } = load(text);
  expect(findings.some((finding) => finding.severity === 'error')).toBe(true);
  expect(set.layers.size).toBe(0);
});

test.each<[string, string, RegExp]>([
  [
    'a reason',
    'policy: p\nrules: [{ deny: a, reason: "Bad Reason" }]',
    /must be a code of lower-case letters.*not "Bad Reason"/,
  ],
  ['a policy', 'policy: "a b"\nrules: [{ allow: a }]', /^policy must be a name of letters/],
  ['a rule', 'policy: p\nrules: [{ allow: "a b" }]', /allow must be a name of letters/],
  ['an instant', 'policy: p\nrules: [{ allow: a, when: { time.now: 5 } }]', /time\.now is an instant: /],
  [
    'a range of three',
    'policy: p\nrules: [{ allow: a, when: { time.hour: { between: [1, 2, 3] } } }]',
    /\[lowest, highest\], not a list of 3\./,
  ],
  [
    'a duration',
    'policy: p\nrules: [{ allow: a, when: { session.age: { below: 5M } } }]',
    /a duration such as 15m, 1h30m or 7d is needed/,
  ],
])('the message says what %s must be', (_name, text, says) => {
  expect(load(`version: 1\n${text}\n`).findings.map((finding) => finding.message)).toContainEqual(
    expect.stringMatching(says),
  );
});

test.each([
  ['listen: { http: 127.0.0.1:80 }', true],
  ['rutes: []', true],
  ['rules: [{ allow: a }]', false],
])('a file without a name that says %j may be a configuration: %j', (text, hinted) => {
  const suggestions = load(`version: 1\n${text}\n`).findings.flatMap(({ suggestion }) => suggestion ?? []);
  expect(suggestions.some((each) => each.includes('needs `routes`'))).toBe(hinted);
});

test('all problems of all files at once, each at its own line and column, in order', () => {
  const { findings } = loadPolicies(
    [
      { file: 'b.yaml', text: withWhen('{ geo.contry: DE, device.trust: { at_least: x } }', tested) },
      { file: 'a.yaml', text: 'version: 1\npolicy: a\nrules:\n  - allow: r\n    wehn: {}\n  - deny: r\n' },
    ],
    catalogue,
  );
  expect(
    findings.filter((f) => f.severity === 'error').map((f) => `${f.file}:${f.line}:${f.column} ${f.code}`),
  ).toEqual([
    'b.yaml:5:13 unknown-attribute',
    'b.yaml:5:45 wrong-type',
    'a.yaml:5:5 unknown-key',
    'a.yaml:6:5 duplicate-rule',
  ]);
});

test.each<[string, string, string[]]>([
  ['an unanchored expression', withWhen('{ request.method: { matches: GET } }', tested), ['unanchored-pattern']],
  ['a network with host bits', withWhen('{ request.client_ip: 10.0.0.1/8 }', tested), ['host-bits']],
  [
    'an unused condition',
    withWhen('{ device.known: true }', `conditions: { x: { device.known: true } }\n${tested}`),
    ['unused-condition'],
  ],
  ['an attribute that nothing determines', withWhen('{ risk.score: { below: 5 } }', tested), ['attribute-not-built']],
  ['no tests', withWhen('{ request.header.x: a }'), ['policy-without-tests']],
  ['a duration of several units: nothing', withWhen('{ session.age: { between: [1h30m, 2w] } }', tested), []],
  ['part of a word of the vocabulary: nothing', withWhen('{ request.scheme: { prefix: http } }', tested), []],
  ['nothing to say', withWhen('{ request.header.x: a }', tested), []],
])('warns of %s', (_name, text, expected) => {
  const found = load(text).findings;
  expect(found.filter((finding) => finding.severity === 'error')).toEqual([]);
  expect(found.map((finding) => finding.code).filter((code) => code !== 'test-leaves-out')).toEqual(expected);
});

const deny = (when: string, more = ''): string =>
  `version: 1\npolicy: p\nrules:\n  - deny: r\n    when: ${when}\n${more}${tested}`;

test.each<[string, string, string[]]>([
  ['compares what may be absent', deny('{ request.header.x: a }'), ['absence-not-considered']],
  ['sees none of its values', deny('{ request.header.x: { none_of: [a] } }'), ['absence-not-considered']],
  ['asks whether it is present', deny('{ request.header.x: { equals: a, present: true } }'), []],
  [
    'asks elsewhere in the rule',
    deny('{ any: [{ request.header.x: { present: false } }, { request.header.x: a }] }'),
    [],
  ],
  ['compares what is never absent', deny('{ identity.sub: a }'), []],
  ['skips what is unknown', deny('{ identity.sub: a }', '    unknown: skip\n'), ['unknown-skip']],
])('a deny that %s', (_name, text, expected) => {
  expect(codes(text)).toEqual(expected);
});

test('warns of a test that leaves out what is never absent at run time', () => {
  const rest = `tests:
  - { name: nobody, expect: { effect: login } }
  - { name: told, given: { identity: { sub: ann, groups: [] }, device: { trust: 5 } }, expect: { effect: deny } }
  - { name: unknown, given: { identity: { sub: ann }, unknown: [device.trust, identity.groups] }, expect: { effect: deny } }
  - { name: left out, given: { identity: { sub: ann } }, expect: { effect: deny } }`;
  const { findings } = load(
    withWhen(
      '{ identity.groups: [a], device.trust: 5, request.header.x: y, time.now: { after: 2026-01-01T00:00:00Z } }',
      rest,
    ),
  );
  expect(findings.map((finding) => [finding.code, finding.line])).toEqual([
    ['test-leaves-out', 7],
    ['test-leaves-out', 10],
  ]);
  expect(findings[1]?.message).toContain('identity.groups, device.trust');
});

test('sets of files: none, two of one name, roles.yaml, tests of no policy', () => {
  const good = { file: 'a.yaml', text: `version: 1\npolicy: a\nrules: [{ allow: x }]\n${tested}` };
  expect(loadPolicies([], catalogue).findings.map((f) => f.code)).toEqual(['no-policies']);
  expect(
    loadPolicies([{ ...good, file: 'a.test.yaml', text: 'version: 1\npolicy: a\ntests: []' }], catalogue).findings.map(
      (f) => f.code,
    ),
  ).toContain('no-policies');
  const twice = loadPolicies([good, { ...good, file: 'b.yaml' }], catalogue);
  expect(twice.findings.map((f) => [f.file, f.code])).toEqual([['b.yaml', 'duplicate-policy']]);
  expect(twice.set.layers.size).toBe(0);
  const roles = { file: 'policies/roles.yaml', text: 'version: 1' };
  expect(loadPolicies([good, roles], catalogue).findings).toEqual([]);
  expect(loadPolicies([roles], catalogue).findings.map((f) => f.code)).toEqual(['no-policies']);
  const second = loadPolicies([good, roles, { ...roles, file: 'roles.yaml' }], catalogue);
  expect(second.findings.map((f) => [f.file, f.code])).toEqual([['roles.yaml', 'duplicate-roles']]);
  const named = { ...good, text: good.text.replace('policy: a', 'policy: abc') };
  const astray = loadPolicies([named, { file: 'b.test.yaml', text: `version: 1\npolicy: abd\n${tested}` }], catalogue);
  expect(astray.findings.map((f) => [f.file, f.code, f.suggestion])).toEqual([
    ['b.test.yaml', 'unknown-policy', 'Did you mean abc?'],
  ]);
  // its policy is one of the files that are wrong already, or could not even be read
  const tests = { file: 'p/b.test.yaml', text: `version: 1\npolicy: b\n${tested}` };
  const wrong = loadPolicies([good, { file: 'p/b.yaml', text: 'policy: [' }, tests], catalogue);
  expect(new Set(wrong.findings.map((f) => f.file))).toEqual(new Set(['p/b.yaml']));
  expect(loadPolicies([good, tests], catalogue, { unread: ['p/b.yaml'] }).findings).toEqual([]);
  expect(loadPolicies([tests], catalogue, { unread: ['p/b.yaml'] }).findings).toEqual([]);
});
