import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { NO_ROLES } from '../../src/policy/roles.ts';
import { MAX_CLOSURE } from '../../src/policy/roles-closure.ts';
import { loadRoles, rolesSchema } from '../../src/policy/roles-file.ts';
import { readYaml } from '../../src/schema/yaml.ts';

const load = (text: string) => loadRoles({ file: 'roles.yaml', text });
/** `line:column code` */
const places = (text: string): string[] =>
  load(text).findings.map(({ line, column, code }) => `${line}:${column} ${code}`);

const GOOD = `version: 1
permissions:
  documents.read.own:  { resource: documents, action: read, scope: own }
  documents.read.team: { resource: documents, action: read, scope: team }
  comments.add: { resource: documents, subresource: comments, action: create, scope: all }
members:
  manager: { groups: [leads], users: ["staff:ann"] }
  employee: { groups: [all staff, leads] }
roles:
  employee: { description: Everybody who works here., permissions: [documents.read.own] }
  manager:
    inherits: [employee]
    permissions: [documents.read.team]
  "Site Admin": {}
`;

describe('a good file', () => {
  const { roles, findings } = load(GOOD);

  it('has no finding and says what it says, inheritance written out', () => {
    expect(findings).toEqual([]);
    expect(roles.file).toBe('roles.yaml');
    expect(Object.fromEntries(roles.roles)).toEqual({
      employee: { roles: ['employee'], permissions: ['documents.read.own'] },
      manager: { roles: ['employee', 'manager'], permissions: ['documents.read.own', 'documents.read.team'] },
      'Site Admin': { roles: ['Site Admin'], permissions: [] },
    });
    expect(roles.permissions.get('comments.add')).toEqual({
      resource: 'documents',
      subresource: 'comments',
      action: 'create',
      scope: 'all',
    });
    expect(roles.permissions.get('documents.read.own')?.subresource).toBeUndefined();
  });

  it('satisfies the published schema, which refuses what loading refuses by shape', () => {
    const validate = new Ajv({ strict: false }).compile(rolesSchema());
    expect(validate(readYaml('roles.yaml', GOOD).document?.value)).toBe(true);
    expect(validate({ version: 1, contextual: [] })).toBe(false);
    expect(validate({ version: 1, permissions: { a: { resource: 'a', action: 'b', scope: 'mine' } } })).toBe(false);
    expect(JSON.stringify(rolesSchema())).not.toContain('"x-');
  });

  it('no file and an empty one: no roles; only the second is there', () => {
    expect(loadRoles(undefined)).toEqual({ roles: NO_ROLES, findings: [] });
    const empty = load('version: 1');
    expect(empty.findings).toEqual([]);
    expect(empty.roles).toEqual({ ...NO_ROLES, file: 'roles.yaml' });
  });
});

const PERMISSION = 'permissions:\n  doc.read: { resource: doc, action: read, scope: own }\n';

describe('a bad file is refused, each mistake at its place', () => {
  it.each<[string, string, string[], RegExp?]>([
    [
      'an unknown permission',
      `${PERMISSION}roles:\n  a: { permissions: [doc.raed] }`,
      ['5:22 unknown-permission'],
      /mean doc\.read\?/,
    ],
    [
      'an unknown role to inherit',
      'roles:\n  employee: {}\n  b:\n    inherits: [emploee]',
      ['5:16 unknown-role'],
      /mean employee\?/,
    ],
    [
      'an unknown role that has members',
      'members:\n  mangaer: { groups: [x] }\nroles:\n  manager: {}',
      ['3:3 unknown-role'],
      /mean manager\?/,
    ],
    ['nothing near', 'roles:\n  b: { inherits: [entirely] }', ['3:19 unknown-role'], /^$/],
    ['a role as a permission', `${PERMISSION}roles:\n  a: {}\n  b: { permissions: [a] }`, ['6:22 unknown-permission']],
    ['a prototype name', 'roles:\n  b: { inherits: [toString] }', ['3:19 unknown-role'], /^$/],
    ['a role that inherits itself', 'roles:\n  a: { inherits: [a] }', ['3:19 role-cycle']],
    ['a circle', 'roles:\n  a: { inherits: [b] }\n  b: { inherits: [c] }\n  c: { inherits: [a] }', ['3:19 role-cycle']],
    [
      'a circle above which a role stands',
      'roles:\n  top: { inherits: [a] }\n  a: { inherits: [b] }\n  b: { inherits: [a] }',
      ['4:19 role-cycle'],
    ],
    [
      'two circles',
      'roles:\n  a: { inherits: [b] }\n  b: { inherits: [a] }\n  c: { inherits: [c] }',
      ['3:19 role-cycle', '5:19 role-cycle'],
    ],
    [
      'a bare user name',
      'members:\n  a: { users: ["staff:bob", ann] }\nroles: { a: {} }',
      ['3:29 bare-user-name'],
      /PROVIDER:ann/,
    ],
    [
      'a user without a provider',
      'members:\n  a: { users: [":ann"] }\nroles: { a: {} }',
      ['3:16 bad-user'],
      /PROVIDER:NAME/,
    ],
    ['a provider without a user', 'members:\n  a: { users: ["staff:"] }\nroles: { a: {} }', ['3:16 bad-user']],
    ['a space that makes a map', 'members:\n  a: { users: [staff: ann] }\nroles: { a: {} }', ['3:16 wrong-type']],
    [
      'a group with a colon and no provider',
      'members:\n  a: { groups: [leads, "CN=leads:x"] }\nroles: { a: {} }',
      ['3:24 bad-group'],
      /PROVIDER:GROUP/,
    ],
    ['a provider without a group', 'members:\n  a: { groups: ["staff:"] }\nroles: { a: {} }', ['3:17 bad-group']],
    ['a group after a space', 'members:\n  a: { groups: ["staff: leads"] }\nroles: { a: {} }', ['3:17 bad-group']],
    ['a group that makes a map', 'members:\n  a: { groups: [staff: leads] }\nroles: { a: {} }', ['3:17 wrong-type']],
    [
      'a group of more than 128 characters',
      `members:\n  a: { groups: ["staff:${'x'.repeat(129)}"] }\nroles: { a: {} }`,
      ['3:17 bad-value'],
    ],
    ['an unknown key', 'rolez: {}', ['2:1 unknown-key'], /mean roles\?/],
    ['an unknown key of a role', 'roles:\n  a: { inherit: [] }', ['3:8 unknown-key'], /mean inherits\?/],
    [
      'an unknown key of members',
      'members:\n  a: { group: [x] }\nroles: { a: {} }',
      ['3:8 unknown-key'],
      /mean groups\?/,
    ],
    [
      'an unknown scope',
      'permissions:\n  p: { resource: a, action: b, scope: teem }',
      ['3:39 bad-value'],
      /mean team\?/,
    ],
    ['a permission without a scope', 'permissions:\n  p: { resource: a, action: b }', ['3:3 missing-key']],
    [
      'a name that a permission cannot have',
      'permissions:\n  "p q": { resource: a, action: b, scope: own }',
      ['3:3 bad-key'],
    ],
    ['a name that a role cannot have', 'roles:\n  " a": {}', ['3:3 bad-key']],
    ['a role that is nothing', 'roles:\n  a:', ['3:5 wrong-type']],
    ['a list for a map', 'roles: [a]', ['2:8 wrong-type']],
    ['a text for a list', 'members:\n  a: { groups: leads }\nroles: { a: {} }', ['3:16 wrong-type']],
    ['a name twice in a list', `${PERMISSION}roles:\n  a: { permissions: [doc.read, doc.read] }`, ['5:21 bad-value']],
    ['a role twice', 'roles:\n  a: {}\n  a: {}', ['4:3 duplicate-key']],
    ['contextual grants', 'contextual:\n  - grant: a\n    when: {}\nroles: { a: {} }', ['2:1 not-available-yet']],
    ['a policy', 'policy: p\nrules: []', ['2:1 unknown-key', '3:1 unknown-key']],
    ['a prototype key', 'roles:\n  __proto__: {}', ['3:3 forbidden-key']],
  ])('%s', (_, text, expected, suggestion) => {
    const whole = `version: 1\n${text}\n`;
    expect(places(whole)).toEqual(expected);
    const { roles, findings } = load(whole);
    for (const finding of findings) {
      expect(finding).toMatchObject({ file: 'roles.yaml', severity: 'error' });
      expect(finding.message).toMatch(/^\S.*\.$/);
    }
    if (suggestion !== undefined) expect(findings[0]?.suggestion ?? '').toMatch(suggestion);
    // nobody has a role because of a file that is wrong
    expect(roles).toBe(NO_ROLES);
  });

  it.each([
    ['no version', 'roles: {}', '1:1 missing-key'],
    ['another version', 'version: 2\nroles: {}', '1:10 bad-value'],
    ['nothing', '', '1:1 file-empty'],
    ['not a map', '- 1', '1:1 wrong-type'],
    ['an alias', 'version: 1\nroles: &a {}\nmembers: *a', '2:8 yaml-alias'],
  ])('%s', (_, text, expected) => {
    expect(places(text)).toContain(expected);
    expect(load(text).roles).toBe(NO_ROLES);
  });

  it('says what inherits what in a circle', () => {
    const { findings } = load('version: 1\nroles:\n  a: { inherits: [b] }\n  b: { inherits: [a] }\n');
    expect(findings[0]?.message).toBe('Roles inherit in a circle: a → b → a.');
  });

  it('all mistakes at once, in the order of the file', () => {
    const text = `version: 1
members:
  a: { users: [ann] }
  nobody: {}
roles:
  a: { permissions: [x], inherits: [b] }
  b: { inherits: [a, c], premissions: [] }
`;
    expect(places(text)).toEqual([
      '3:16 bare-user-name',
      '4:3 unknown-role',
      '6:22 unknown-permission',
      '6:37 role-cycle',
      '7:22 unknown-role',
      '7:26 unknown-key',
    ]);
  });
});

describe('members beside the providers of a configuration', () => {
  const told = (members: string, providers?: readonly string[]) => {
    const text = `version: 1\nmembers:\n  a: ${members}\nroles: { a: {} }\n`;
    const { roles, findings } = loadRoles({ file: 'roles.yaml', text }, providers);
    // a warning takes nothing away
    expect(roles.roles.has('a')).toBe(true);
    return findings.map(({ severity, line, column, code, suggestion }) => [
      `${severity} ${line}:${column} ${code}`,
      suggestion,
    ]);
  };
  const BARE = 'warning 3:17 bare-group-name';
  const UNKNOWN = 'warning 3:17 unknown-provider';
  it.each<[string, string, readonly string[] | undefined, readonly unknown[]]>([
    ['a bare group without a configuration', '{ groups: [leads] }', undefined, []],
    ['a bare group of the only provider', '{ groups: [leads] }', ['staff'], []],
    [
      'a bare group of several',
      '{ groups: [leads] }',
      ['staff', 'corp'],
      [[BARE, 'Write whose it is, such as staff:leads.']],
    ],
    ['a group of one of several', '{ groups: ["corp:leads", "staff:urn:x:leads"] }', ['staff', 'corp'], []],
    [
      'a provider that there is not',
      '{ groups: ["crop:leads"] }',
      ['staff', 'corp'],
      [[UNKNOWN, 'Did you mean corp?']],
    ],
    ['a colon in a bare name', '{ groups: ["urn:x:leads"] }', ['staff'], [[UNKNOWN, undefined]]],
    ['the same without a configuration', '{ groups: ["urn:x:leads"] }', undefined, []],
    ['no provider at all', '{ groups: ["staff:leads", leads] }', [], [[UNKNOWN, undefined]]],
    [
      'a user of no provider',
      '{ users: ["staff:ann", "crop:ann"] }',
      ['staff', 'corp'],
      [['warning 3:29 unknown-provider', 'Did you mean corp?']],
    ],
  ])('%s', (_, members, providers, expected) => {
    expect(told(members, providers)).toEqual(expected);
  });

  it('names some of many providers', () => {
    const text = 'version: 1\nmembers:\n  a: { groups: [leads] }\nroles: { a: {} }\n';
    const { findings } = loadRoles({ file: 'roles.yaml', text }, ['p1', 'p2', 'p3', 'p4']);
    expect(findings[0]?.message).toBe(
      'Several providers say groups (p1, p2, p3, …): whoever is in a group "leads" of any of them has the role.',
    );
  });

  it('tells of the first hundred', () => {
    const members = { a: { groups: Array.from({ length: 5000 }, (_, i) => `g${i}`), users: ['crop:x'] } };
    const source = { file: 'roles.yaml', text: JSON.stringify({ version: 1, roles: { a: {} }, members }) };
    expect(loadRoles(source, ['staff', 'corp']).findings).toHaveLength(100);
  });
});

describe('bounds', () => {
  it('a long chain of roles is refused where it becomes too large, and not by running out of stack', () => {
    const names = Array.from({ length: 9000 }, (_, i) => `r${i}`);
    const roles = Object.fromEntries(names.map((name, i) => [name, i === 0 ? {} : { inherits: [names[i - 1]] }]));
    const { findings } = load(JSON.stringify({ version: 1, roles }));
    expect(findings.map(({ code }) => code)).toEqual(['roles-too-large']);
    expect(findings[0]?.message).toContain(String(MAX_CLOSURE));
  });

  it('a circle of thousands is told in one line', () => {
    const names = Array.from({ length: 9000 }, (_, i) => `r${i}`);
    const roles = Object.fromEntries(names.map((name, i) => [name, { inherits: [names[(i + 1) % 9000]] }]));
    const { findings } = load(JSON.stringify({ version: 1, roles }));
    expect(findings.map(({ code }) => code)).toEqual(['role-cycle']);
    expect(findings[0]?.message.length).toBeLessThan(200);
  });

  it('more names than anybody reads, and more mistakes', () => {
    const many = Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [`r${i}`, {}]));
    expect(load(JSON.stringify({ version: 1, roles: many })).findings.map(({ code }) => code)).toEqual([
      'too-many-names',
    ]);
    const wrong = { a: { inherits: Array.from({ length: 5000 }, (_, i) => `x${i}`) } };
    expect(load(JSON.stringify({ version: 1, roles: wrong })).findings.length).toBe(100);
  });
});
