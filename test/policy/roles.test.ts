import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { Access } from '../../src/core/subject.ts';
import { checkPolicies } from '../../src/policy/check.ts';
import { loadPolicies } from '../../src/policy/load.ts';
import { deriveRoles, NO_ROLES, type RoleSet } from '../../src/policy/roles.ts';
import { loadRoles } from '../../src/policy/roles-file.ts';
import { catalogue } from '../../src/signals/index.ts';

function rolesOf(value: unknown): RoleSet {
  const { roles, findings } = loadRoles({ file: 'roles.yaml', text: JSON.stringify(value) });
  if (findings.length > 0) throw new Error(JSON.stringify(findings));
  return roles;
}

const permission = { resource: 'doc', action: 'read', scope: 'own' };
const set = rolesOf({
  version: 1,
  permissions: { p: permission, q: permission, r: permission, s: permission },
  members: {
    manager: { groups: ['leads'], users: ['staff:ann'] },
    auditor: { groups: ['audit', 'leads', 'corp:admins', 'corp:urn:x:admins'] },
  },
  roles: {
    // a diamond: manager reaches employee by two ways
    employee: { permissions: ['p'] },
    writer: { inherits: ['employee'], permissions: ['q'] },
    reviewer: { inherits: ['employee'], permissions: ['r', 'p'] },
    manager: { inherits: ['reviewer', 'writer'], permissions: ['s'] },
    auditor: { permissions: ['r'] },
  },
});
const derive = (subject: Partial<Parameters<typeof deriveRoles>[1]>, roles = set): Access =>
  deriveRoles(roles, {
    ...{ user: 'staff:zoe', groups: [], roles: [], ...subject },
    provider: (subject.user ?? 'staff:zoe').split(':')[0] as string,
  });
const MANAGER: Access = { roles: ['employee', 'manager', 'reviewer', 'writer'], permissions: ['p', 'q', 'r', 's'] };

const AUDITOR: Access = { roles: ['auditor'], permissions: ['r'] };
const NOTHING: Access = { roles: [], permissions: [] };

describe('roles of a subject', () => {
  it.each<[string, Parameters<typeof derive>[0], Access]>([
    ['nothing', {}, { roles: [], permissions: [] }],
    ['a user', { user: 'staff:ann' }, MANAGER],
    ['the same name at another provider', { user: 'corp:ann' }, { roles: [], permissions: [] }],
    ['another case', { user: 'staff:Ann' }, { roles: [], permissions: [] }],
    ['a role of the account', { roles: ['writer'] }, { roles: ['employee', 'writer'], permissions: ['p', 'q'] }],
    ['a group that two roles name', { groups: ['leads'] }, { ...MANAGER, roles: ['auditor', ...MANAGER.roles] }],
    ['the same role in three ways', { user: 'staff:ann', roles: ['manager', 'manager'] }, MANAGER],
    ['a role that is not defined stays a word', { roles: ['guest'] }, { roles: ['guest'], permissions: [] }],
    ['a group of its provider', { user: 'corp:zoe', groups: ['admins'] }, AUDITOR],
    ['a group whose name has colons', { user: 'corp:zoe', groups: ['urn:x:admins'] }, AUDITOR],
    ['the same group of another provider', { user: 'staff:zoe', groups: ['admins'] }, NOTHING],
    ['a group that is called like one of another provider', { user: 'evil:x', groups: ['corp:admins'] }, NOTHING],
    ['the provider written twice', { user: 'corp:zoe', groups: ['corp:admins'] }, NOTHING],
    ['a provider that begins like it', { user: 'corp-x:zoe', groups: ['admins'] }, NOTHING],
    ['a user that is called like a provider', { user: 'evil:corp:zoe', groups: ['admins'] }, NOTHING],
    ['a group is no role', { groups: ['manager'] }, { roles: [], permissions: [] }],
    ['a role is no group', { roles: ['leads'] }, { roles: ['leads'], permissions: [] }],
    [
      'all together, in order',
      { groups: ['audit'], roles: ['zebra', 'writer', 'guest'] },
      { roles: ['auditor', 'employee', 'guest', 'writer', 'zebra'], permissions: ['p', 'q', 'r'] },
    ],
    ['a prototype name', { roles: ['__proto__'], groups: ['constructor'] }, { roles: ['__proto__'], permissions: [] }],
  ])('%s', (_, subject, expected) => {
    const access = derive(subject);
    expect(access).toEqual(expected);
    for (const part of [access, access.roles, access.permissions]) expect(Object.isFrozen(part)).toBe(true);
  });

  it('without roles.yaml they are the words of the account', () => {
    expect(derive({ user: 'staff:ann', groups: ['leads'], roles: ['b', 'a', 'b'] }, NO_ROLES)).toEqual({
      roles: ['a', 'b'],
      permissions: [],
    });
  });

  it('one role costs nothing: what was written out at load is handed through', () => {
    expect(derive({ user: 'staff:ann' })).toBe(set.roles.get('manager'));
    expect(derive({})).toBe(derive({ user: 'corp:bob' }));
  });
});

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] as const;
/** Each role inherits only from those before it, so that there is no circle; the order in the file is another one. */
const files = fc.record({
  inherits: fc.tuple(...NAMES.map((_, i) => fc.subarray(NAMES.slice(0, i)))),
  permits: fc.tuple(...NAMES.map(() => fc.subarray(['p', 'q', 'r', 's', 't']))),
  order: fc.shuffledSubarray([...NAMES], { minLength: NAMES.length }),
  groups: fc.dictionary(fc.constantFrom(...NAMES), fc.subarray(['g1', 'g2', 'g3', 'staff:g1', 'corp:g2', 'corp:x:g3'])),
  users: fc.dictionary(fc.constantFrom(...NAMES), fc.subarray(['staff:ann', 'corp:ann'])),
});
const subjects = fc.record({
  user: fc.constantFrom('staff:ann' as const, 'corp:ann' as const, 'staff:bob' as const),
  groups: fc.shuffledSubarray(['g1', 'g2', 'g3', 'g4', 'corp:g2', 'x:g3']),
  roles: fc.shuffledSubarray([...NAMES.slice(0, 4), 'x', 'y']),
});

test('what is derived equals what a naive search through the file finds, whatever its order', () => {
  fc.assert(
    fc.property(files, subjects, ({ inherits, permits, order, groups, users }, subject) => {
      const provider = subject.user.split(':')[0] as string;
      const isIn = (said: string): boolean => {
        const [whose, ...rest] = said.split(':');
        return rest.length === 0
          ? subject.groups.includes(said)
          : whose === provider && subject.groups.includes(rest.join(':'));
      };
      const at = (name: string): number => NAMES.indexOf(name as 'a');
      const derived = deriveRoles(
        rolesOf({
          version: 1,
          permissions: Object.fromEntries(['p', 'q', 'r', 's', 't'].map((name) => [name, permission])),
          members: Object.fromEntries(order.map((n) => [n, { groups: groups[n] ?? [], users: users[n] ?? [] }])),
          roles: Object.fromEntries(order.map((n) => [n, { inherits: inherits[at(n)], permissions: permits[at(n)] }])),
        }),
        { ...subject, provider },
      );
      const roles = new Set<string>(subject.roles);
      for (const name of NAMES) {
        if (groups[name]?.some(isIn)) roles.add(name);
        if (users[name]?.includes(subject.user)) roles.add(name);
      }
      for (let before = -1; before !== roles.size; ) {
        before = roles.size;
        for (const role of [...roles]) for (const parent of inherits[at(role)] ?? []) roles.add(parent);
      }
      const permissions = new Set([...roles].flatMap((role) => permits[at(role)] ?? []));
      expect(derived).toEqual({ roles: [...roles].sort(), permissions: [...permissions].sort() });
    }),
    { numRuns: 300 },
  );
});

const ROLES = {
  file: 'roles.yaml',
  text: JSON.stringify({
    version: 1,
    permissions: { 'doc.read': permission },
    roles: { employee: { permissions: ['doc.read'] } },
  }),
};
const policy = (when: string): { file: string; text: string } => ({
  file: 'p.yaml',
  text: `version: 1
policy: p
rules:
  - allow: r
    when: ${when}
tests:
  - name: t
    given: { identity: { sub: ann, roles: [nowhere, employee], permissions: [doc.read] } }
    expect: { effect: allow }
`,
});
const warnings = (when: string, files = [policy(when), ROLES]): (string | undefined)[][] =>
  loadPolicies(files, catalogue).findings.map(({ line, severity, code, suggestion }) => [
    `${line} ${severity}`,
    code,
    suggestion,
  ]);

describe('names of roles and permissions in policies', () => {
  it.each<[string, string, (string | undefined)[][]]>([
    ['known ones', '{ identity.roles: employee, identity.permissions: { any_of: [doc.read] } }', []],
    ['an unknown role', '{ identity.roles: [emploee] }', [['5 warning', 'unknown-role', 'Did you mean employee?']]],
    [
      'an unknown permission',
      '{ identity.permissions: { all_of: [doc.read, doc.raed] } }',
      [['5 warning', 'unknown-permission', 'Did you mean doc.read?']],
    ],
    ['nothing near', '{ not: { identity.roles: nowhere } }', [['5 warning', 'unknown-role', undefined]]],
    [
      'the same twice, once',
      '{ any: [{ identity.roles: nowhere }, { identity.roles: { none_of: [nowhere] } }] }',
      [['5 warning', 'unknown-role', undefined]],
    ],
    ['operators without names', '{ identity.roles: { empty: false }, identity.permissions: { present: true } }', []],
    ['other lists', '{ identity.groups: nowhere }', []],
  ])('%s', (_, when, expected) => {
    expect(warnings(when).filter(([, code]) => code !== 'test-leaves-out')).toEqual(expected);
  });

  it('in a condition', () => {
    const { file, text } = policy('{ is: lead }');
    const files = [{ file, text: `${text}conditions:\n  lead: { identity.roles: leed }\n` }, ROLES];
    expect(warnings('', files).filter(([, code]) => code !== 'test-leaves-out')).toEqual([
      ['11 warning', 'unknown-role', undefined],
    ]);
  });

  it('without roles.yaml, or with one that is wrong, nothing is said of them', () => {
    const named = policy('{ identity.roles: nowhere, identity.permissions: none }');
    expect(warnings('', [named])).toEqual([]);
    const wrong = { ...ROLES, text: ROLES.text.replace('"version":1', '"version":2') };
    expect(warnings('', [named, wrong]).map(([, code]) => code)).toEqual(['bad-value']);
  });

  it('tests stay literal: roles of `given` inherit nothing and need not exist', () => {
    const { tests, findings } = checkPolicies([policy('{ identity.roles: nowhere }'), ROLES], catalogue);
    expect(findings.map(({ code }) => code)).toEqual(['unknown-role']);
    expect(tests.map(({ passed }) => passed)).toEqual([true]);
    const literal = policy('{ identity.roles: employee }').text.replace('[nowhere, employee]', '[manager]');
    const inherits = { version: 1, roles: { employee: {}, manager: { inherits: ['employee'] } } };
    const files = [
      { file: 'p.yaml', text: literal },
      { file: 'roles.yaml', text: JSON.stringify(inherits) },
    ];
    expect(checkPolicies(files, catalogue).tests.map(({ got }) => got)).toEqual(['deny reason no_rule_matched']);
  });
});
