import { expect, test } from 'vitest';
import { absent, type Reading, unknown } from '../../src/core/signal.ts';
import { anchoring, compileGlob, compileRegex } from '../../src/policy/text-match.ts';
import { judge } from './harness.ts';

const NOW = Date.parse('2026-03-29T12:00:00Z');
type Row = [name: string, matcher: unknown, reading: Reading, expected: boolean];

const rows: Readonly<Record<string, readonly Row[]>> = {
  'request.method': [
    ['equals', { equals: 'GET' }, 'GET', true],
    ['equals is exact', { equals: 'GET' }, 'get', false],
    ['in', { in: ['GET', 'HEAD'] }, 'HEAD', true],
    ['none_of', { none_of: ['GET', 'HEAD'] }, 'HEAD', false],
    ['prefix', { prefix: 'PO' }, 'POST', true],
    ['suffix', { suffix: 'ST' }, 'POST', true],
    ['suffix, not', { suffix: 'PO' }, 'POST', false],
    ['matches searches', { matches: 'O' }, 'POST', true],
    ['matches, anchored', { matches: '^P.ST$' }, 'POST', true],
    ['matches, anchored, not', { matches: '^O$' }, 'POST', false],
    ['no case in a regular expression unless it says so', { matches: '^post$' }, 'POST', false],
    ['and when it does', { matches: '(?i)^post$' }, 'POST', true],
  ],
  'request.path': [
    ['glob: one segment', { glob: '/a/*' }, '/a/b', true],
    ['glob: not two', { glob: '/a/*' }, '/a/b/c', false],
    ['glob: any depth', { glob: '/a/**' }, '/a/b/c', true],
    ['glob: within a name', { glob: '/**/*.pdf' }, '/a/b/c.pdf', true],
    ['glob: a dot is a dot', { glob: '/a.b' }, '/axb', false],
    ['glob: one character', { glob: '/?' }, '/x', true],
    ['glob: not a slash', { glob: '/?' }, '//', false],
    ['glob: is of the whole', { glob: '/a' }, '/a/b', false],
    ['glob: any run holds line feeds', { glob: '/a**' }, '/a\nb', true],
  ],
  'device.trust': [
    ['below', { below: 50 }, 49, true],
    ['below, not', { below: 50 }, 50, false],
    ['at_most', { at_most: 50 }, 50, true],
    ['above', { above: 50 }, 50, false],
    ['at_least', { at_least: 50 }, 50, true],
    ['between, lower end', { between: [50, 60] }, 50, true],
    ['between, upper end', { between: [50, 60] }, 60, true],
    ['between, outside', { between: [50, 60] }, 61, false],
    ['in', { in: [1, 2] }, 2, true],
    ['none_of', { none_of: [1, 2] }, 3, true],
  ],
  'session.idle': [
    ['below', { below: '15m' }, 899_999, true],
    ['at_least', { at_least: '15m' }, 900_000, true],
    ['equals', '90s', 90_000, true],
    ['between', { between: ['500ms', '1h'] }, 500, true],
    ['days', { at_most: '7d' }, 604_800_001, false],
  ],
  'time.now': [
    ['before', { before: '2026-03-29T12:00:00Z' }, NOW - 1, true],
    ['before, not', { before: '2026-03-29T12:00:00Z' }, NOW, false],
    ['after', { after: '2026-03-29T14:00:00+02:00' }, NOW + 1, true],
    ['after, not', { after: '2026-03-29T12:00:00Z' }, NOW, false],
    ['between', { between: ['2026-03-29T12:00:00Z', '2026-03-29T12:00:00.001Z'] }, NOW + 1, true],
  ],
  'time.date': [
    ['equals', '2026-03-29', '2026-03-29', true],
    ['before', { before: '2026-03-29' }, '2025-12-31', true],
    ['after', { after: '2026-03-29' }, '2026-03-29', false],
    ['between', { between: ['2026-03-01', '2026-03-31'] }, '2026-03-31', true],
  ],
  'identity.groups': [
    ['any_of', { any_of: ['a', 'x'] }, ['a', 'b'], true],
    ['all_of', { all_of: ['a', 'b'] }, ['b', 'a', 'c'], true],
    ['all_of, not', { all_of: ['a', 'b'] }, ['a'], false],
    ['none_of', { none_of: ['x'] }, ['a'], true],
    ['empty', { empty: true }, [], true],
    ['not empty', { empty: false }, ['a'], true],
  ],
  'request.client_ip': [
    ['in_cidr', { in_cidr: '10.0.0.0/8' }, '10.255.0.1', true],
    ['in_cidr, outside', { in_cidr: '10.0.0.0/8' }, '11.0.0.1', false],
    ['in_cidr, a list', { in_cidr: ['10.0.0.0/8', '2001:db8::/32'] }, '2001:db8:1::1', true],
    ['a mapped address is its IPv4', { in_cidr: '10.0.0.0/8' }, '::ffff:10.1.1.1', true],
    ['families do not mix', { in_cidr: '::/0' }, '10.0.0.1', false],
    ['an odd prefix', { in_cidr: '192.168.4.0/22' }, '192.168.7.255', true],
    ['an odd prefix, outside', { in_cidr: '192.168.4.0/22' }, '192.168.8.0', false],
    ['everything', { in_cidr: '0.0.0.0/0' }, '203.0.113.9', true],
    ['one address', '10.0.0.1', '10.0.0.1', true],
    ['equals, in another spelling', { equals: '2001:db8::1' }, '2001:0db8:0:0::1', true],
  ],
  'device.browser_version': [
    ['at_least, the same', { at_least: '17.4' }, '17.4', true],
    ['numbers, not text', { at_least: '17.4' }, '17.10', true],
    ['missing parts are zero', { at_least: '17.0.0' }, '17', true],
    ['below', { below: '17.4' }, '17.3.9', true],
    ['below, not', { below: '17.4' }, '17.4.0', false],
  ],
  'identity.assurance': [
    ['equals', 'medium', 'medium', true],
    ['at_least', { at_least: 'medium' }, 'high', true],
    ['below', { below: 'low' }, 'none', true],
    ['in', ['low', 'high'], 'medium', false],
  ],
  'device.known': [
    ['true', true, true, true],
    ['false', false, true, false],
  ],
};

for (const [attribute, table] of Object.entries(rows)) {
  test.each(table)(`${attribute}: %s`, (_name, matcher, reading, expected) => {
    expect(judge({ [attribute]: matcher }, { [attribute]: reading })).toBe(String(expected));
    expect(judge({ not: { [attribute]: matcher } }, { [attribute]: reading })).toBe(String(!expected));
    expect(judge({ [attribute]: matcher }, { [attribute]: unknown })).toBe('unknown');
  });
}

test.each([...new Set(Object.keys(rows))])('%s: present', (attribute) => {
  const reading = rows[attribute]?.[0]?.[2] ?? absent;
  expect(judge({ [attribute]: { present: true } }, { [attribute]: reading })).toBe('true');
  expect(judge({ [attribute]: { present: false } }, { [attribute]: reading })).toBe('false');
  expect(judge({ [attribute]: { present: false } }, { [attribute]: absent })).toBe('true');
});

test.each<[string, Record<string, Reading>, string]>([
  ['equal', { 'request.header.x': 'ann' }, 'true'],
  ['different', { 'request.header.x': 'bob' }, 'false'],
  ['one is absent', { 'request.header.x': absent }, 'false'],
  ['the other is absent', { 'request.header.x': 'ann', 'identity.sub': absent }, 'false'],
  ['one is unknown', { 'request.header.x': unknown }, 'unknown'],
  ['the other is unknown', { 'request.header.x': 'ann', 'identity.sub': unknown }, 'unknown'],
  ['one absent, one unknown', { 'request.header.x': absent, 'identity.sub': unknown }, 'unknown'],
])('a value may name another attribute: %s', (_name, values, expected) => {
  const when = { 'request.header.x': { equals: { attribute: 'identity.sub' } } };
  expect(judge(when, values)).toBe(expected);
});

test.each<[string, unknown, Record<string, Reading>, string]>([
  [
    'a text in a list',
    { 'request.header.team': { in: { attribute: 'identity.groups' } } },
    { 'request.header.team': 'ops' },
    'true',
  ],
  [
    'a text not in a list',
    { 'request.header.team': { none_of: { attribute: 'identity.groups' } } },
    { 'request.header.team': 'hr' },
    'true',
  ],
  [
    'a list holds a text',
    { 'identity.groups': { attribute: 'request.header.team' } },
    { 'request.header.team': 'ops' },
    'true',
  ],
  [
    'a constant beside an attribute',
    { 'identity.groups': { any_of: ['hr', { attribute: 'request.header.team' }] } },
    { 'request.header.team': 'dev' },
    'false',
  ],
  [
    'numbers in order',
    { 'device.trust': { at_least: { attribute: 'risk.score' } } },
    { 'device.trust': 5, 'risk.score': 4 },
    'true',
  ],
  [
    'addresses',
    { 'request.client_ip': { equals: { attribute: 'session.first_seen_ip' } } },
    { 'request.client_ip': '::ffff:1.2.3.4', 'session.first_seen_ip': '1.2.3.4' },
    'true',
  ],
])('another attribute as the value: %s', (_name, when, values, expected) => {
  expect(judge(when, { 'identity.groups': ['ops'], ...values })).toBe(expected);
});

test.each<[string, string]>([
  ['^a$', 'both'],
  ['\\Aa\\z', 'both'],
  ['(?i)^a$', 'both'],
  ['^(a|b)$', 'both'],
  ['^[|]$', 'both'],
  ['^[]|]$', 'both'],
  ['^a', 'start'],
  ['a$', 'end'],
  ['a', 'none'],
  ['^a\\$', 'start'],
  ['^a|b$', 'none'],
  ['(?m)^a$', 'none'],
])('%s is anchored at: %s', (source, expected) => {
  expect(anchoring(source)).toBe(expected);
});

test('patterns run in linear time and are bounded', () => {
  const pattern = compileRegex('(x+x+)+y');
  // a backtracking engine needs longer than the age of the universe for this
  expect(typeof pattern === 'string' || pattern.test('x'.repeat(20_000))).toBe(false);
  for (const source of ['(?=a)', '(a)\\1', '(', 'a'.repeat(1_001), '((a{100}){100}){10}'])
    expect(compileRegex(source), source).toBeTypeOf('string');
  for (const source of ['[ab]', '{a,b}', 'a\\b']) expect(compileGlob(source), source).toBeTypeOf('string');
});
