import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PolicyFile } from '../src/policy/load.ts';

/**
 * Policies as a company might have them: rules for everybody, then for each area who may read, who may write and what needs
 * more. Of any size, so that one can see what a rule costs. Both benches use them: the gateway's through its configuration,
 * the policy bench directly.
 */
export interface RuleSet {
  readonly files: readonly PolicyFile[];
  /** layers in their order, as a route names them */
  readonly layers: readonly string[];
  /** `finance-0`: their names, and the first segment of their paths */
  readonly areas: readonly string[];
  readonly rules: number;
  readonly shape: Shape;
}

type Rule = Readonly<Record<string, unknown>>;

const WORDS = ['finance', 'people', 'legal', 'sales', 'support', 'plant', 'fleet', 'press'];
const READING = ['GET', 'HEAD'];
const WRITING = ['POST', 'PUT', 'PATCH', 'DELETE'];

const COMPANY: readonly Rule[] = [
  { deny: 'unusual-methods', when: { 'request.method': { none_of: [...READING, ...WRITING, 'OPTIONS'] } } },
  {
    deny: 'documentation-networks',
    when: { 'request.client_ip': { in_cidr: ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '2001:db8::/32'] } },
  },
  {
    deny: 'contractors-at-night',
    when: { 'identity.groups': ['contractors'], not: { 'time.hour': { between: [6, 21] } } },
  },
  { step_up: 'proof-to-delete', when: { 'request.method': 'DELETE' }, require: { level: 'medium' } },
  { allow: 'own-page', when: { 'identity.kind': 'person', 'request.path': { prefix: '/me/' } } },
];

const rulesByPath = (area: string, number: number): readonly Rule[] => [
  {
    deny: `${area}-admin-from-outside`,
    when: {
      'request.path': { prefix: `/${area}/admin/` },
      not: { 'request.client_ip': { in_cidr: ['10.0.0.0/8', `192.168.${number % 256}.0/24`] } },
    },
  },
  {
    deny: `${area}-ledger-at-weekends`,
    when: { 'request.path': { prefix: `/${area}/ledger/` }, 'time.weekday': ['sat', 'sun'] },
  },
  {
    step_up: `${area}-fresh-proof-for-settings`,
    when: { 'request.path': { prefix: `/${area}/settings/` }, 'request.method': { none_of: READING } },
    require: { level: 'medium', max_age: '15m' },
  },
  {
    allow: `${area}-editors-write`,
    when: {
      'identity.roles': [`${area}-editor`],
      'request.method': WRITING,
      'request.path': { prefix: `/${area}/` },
      'identity.assurance': { at_least: 'low' },
      'time.hour': { between: [6, 21] },
    },
  },
  {
    allow: `${area}-members-read`,
    when: {
      'identity.groups': [area, 'audit'],
      'request.method': READING,
      'request.path': { prefix: `/${area}/` },
    },
  },
];

/** The same company, with the areas told apart by groups, roles and permissions. */
const rulesByPerson = (area: string, number: number): readonly Rule[] => [
  {
    deny: `${area}-temps-from-outside`,
    when: {
      'identity.groups': [`${area}-temps`],
      not: { 'request.client_ip': { in_cidr: ['10.0.0.0/8', `192.168.${number % 256}.0/24`] } },
    },
  },
  {
    deny: `${area}-no-removal-at-weekends`,
    when: { 'identity.roles': [`${area}-editor`], 'request.method': 'DELETE', 'time.weekday': ['sat', 'sun'] },
  },
  {
    step_up: `${area}-fresh-proof-to-replace`,
    when: { 'identity.groups': [area], 'request.method': 'PUT' },
    require: { level: 'medium', max_age: '15m' },
  },
  {
    allow: `${area}-editors-write`,
    when: {
      'identity.permissions': { all_of: [`${area}.read`, `${area}.write`] },
      'request.method': WRITING,
      'identity.assurance': { at_least: 'low' },
      'time.hour': { between: [6, 21] },
    },
  },
  { allow: `${area}-members-read`, when: { 'identity.groups': [area, 'audit'], 'request.method': READING } },
];

/** An address in each of an area's networks: on site, guests', and one that is to be given up. */
export const addressesOf = (number: number): readonly [string, string, string] => {
  const rest = `${20 + (number >> 8)}.${number & 255}.7`;
  return [`10.${rest}`, `172.${rest}`, `100.${rest}`];
};

/** The same company, with a network for each area: every rule has to be looked at. */
const rulesByNetwork = (area: string, number: number): readonly Rule[] => {
  const [site, guests, old] = ['10', '172', '100'].map(
    (first) => `${first}.${20 + (number >> 8)}.${number & 255}.0/24`,
  );
  return [
    { deny: `${area}-old-network`, when: { 'request.client_ip': { in_cidr: [old] }, 'request.method': WRITING } },
    {
      deny: `${area}-guests-at-weekends`,
      when: { 'request.client_ip': { in_cidr: [guests] }, 'time.weekday': ['sat', 'sun'] },
    },
    {
      step_up: `${area}-fresh-proof-to-replace`,
      when: { 'request.client_ip': { in_cidr: [site] }, 'request.method': 'PUT' },
      require: { level: 'medium', max_age: '15m' },
    },
    {
      allow: `${area}-site-writes`,
      when: {
        'request.client_ip': { in_cidr: [site] },
        'request.method': WRITING,
        'identity.assurance': { at_least: 'low' },
        'time.hour': { between: [6, 21] },
      },
    },
    {
      allow: `${area}-site-reads`,
      when: { 'request.client_ip': { in_cidr: [site, guests] }, 'request.method': READING },
    },
  ];
};

const SHAPES = { 'by path': rulesByPath, 'by person': rulesByPerson, 'by network': rulesByNetwork } as const;

/** What tells the areas apart: where their pages lie, who is asking, or from where. The last cannot be looked up. */
export type Shape = keyof typeof SHAPES;

/** @param rules at least 10, a multiple of 5 */
export function rulesOf(rules: number, shape: Shape = 'by path'): RuleSet {
  const areas = Array.from({ length: (rules - COMPANY.length) / 5 }, (_, i) => `${WORDS[i % WORDS.length]}-${i}`);
  const files = [
    policy('company', COMPANY),
    policy('areas', areas.flatMap(SHAPES[shape])),
    { file: 'roles.yaml', text: JSON.stringify(rolesOf(areas), null, 1) },
  ];
  return { files, layers: ['company', 'areas'], areas, rules, shape };
}

/** YAML is a superset of JSON. */
const policy = (name: string, rules: readonly Rule[]): PolicyFile => ({
  file: `${name}.yaml`,
  text: JSON.stringify({ version: 1, policy: name, rules }, null, 1),
});

const rolesOf = (areas: readonly string[]): object => ({
  version: 1,
  permissions: Object.fromEntries(
    areas.flatMap((area) => [
      [`${area}.read`, { resource: area, action: 'read', scope: 'team' }],
      [`${area}.write`, { resource: area, action: 'update', scope: 'team' }],
    ]),
  ),
  members: Object.fromEntries(areas.map((area) => [`${area}-editor`, { groups: [`${area}-leads`] }])),
  roles: Object.fromEntries(
    areas.flatMap((area) => [
      [`${area}-reader`, { permissions: [`${area}.read`] }],
      [`${area}-editor`, { inherits: [`${area}-reader`], permissions: [`${area}.write`] }],
    ]),
  ),
});

export function writeRules(folder: string, { files }: RuleSet): void {
  for (const { file, text } of files) writeFileSync(join(folder, file), text);
}
