import { expect, test } from 'vitest';
import { absent, PartialList, type Reading, Repeated, unknown } from '../../src/core/signal.ts';
import { judge, outcome, rulesProgram, situation } from './harness.ts';

type Word = 'true' | 'false' | 'unknown';

test.each<[string, unknown, Record<string, Reading>, Word]>([
  ['a comparison with an absent value is false', { 'geo.country': 'DE' }, { 'geo.country': absent }, 'false'],
  ['none_of an absent value is true', { 'geo.country': { none_of: ['DE'] } }, { 'geo.country': absent }, 'true'],
  ['none_of an absent list is true', { 'identity.groups': { none_of: ['a'] } }, { 'identity.groups': absent }, 'true'],
  ['an absent list is empty', { 'identity.groups': { empty: true } }, { 'identity.groups': absent }, 'true'],
  ['and does not hold anything', { 'identity.groups': { empty: false } }, { 'identity.groups': absent }, 'false'],
  ['present: false of what is absent', { 'geo.country': { present: false } }, { 'geo.country': absent }, 'true'],
  ['present: true of what is absent', { 'geo.country': { present: true } }, { 'geo.country': absent }, 'false'],
  ['equals false of an absent boolean', { 'device.known': false }, { 'device.known': absent }, 'false'],
  ['any comparison with unknown is unknown', { 'geo.country': 'DE' }, { 'geo.country': unknown }, 'unknown'],
  ['none_of unknown is unknown', { 'geo.country': { none_of: ['DE'] } }, { 'geo.country': unknown }, 'unknown'],
  ['present of unknown is unknown', { 'geo.country': { present: true } }, { 'geo.country': unknown }, 'unknown'],
  ['empty of unknown is unknown', { 'identity.groups': { empty: true } }, { 'identity.groups': unknown }, 'unknown'],
  ['not unknown is unknown', { not: { 'geo.country': 'DE' } }, { 'geo.country': unknown }, 'unknown'],
  [
    'unknown and false is false',
    { 'geo.country': 'DE', 'device.known': true },
    { 'geo.country': unknown, 'device.known': false },
    'false',
  ],
  [
    'unknown and true is unknown',
    { 'geo.country': 'DE', 'device.known': true },
    { 'geo.country': unknown, 'device.known': true },
    'unknown',
  ],
  [
    'unknown or true is true',
    { any: [{ 'geo.country': 'DE' }, { 'device.known': true }] },
    { 'geo.country': unknown, 'device.known': true },
    'true',
  ],
  [
    'unknown or false is unknown',
    { any: [{ 'geo.country': 'DE' }, { 'device.known': true }] },
    { 'geo.country': unknown, 'device.known': false },
    'unknown',
  ],
  ['NaN is no number', { 'device.trust': { at_least: 0 } }, { 'device.trust': Number.NaN }, 'unknown'],
  [
    'NaN is not outside of a range either',
    { not: { 'device.trust': { between: [0, 9] } } },
    { 'device.trust': Number.NaN },
    'unknown',
  ],
  [
    'an unreadable version',
    { 'device.browser_version': { at_least: '17' } },
    { 'device.browser_version': 'x' },
    'unknown',
  ],
  ['an unreadable address', { 'request.client_ip': '10.0.0.0/8' }, { 'request.client_ip': '10.0.0' }, 'unknown'],
  ['a value of the wrong kind', { 'request.method': 'GET' }, { 'request.method': 7 }, 'unknown'],
])('%s', (_name, when, values, expected) => {
  expect(judge(when, values)).toBe(expected);
});

test.each<[string, unknown, readonly string[], Word]>([
  ['holds for every value', { 'request.header.x': ['a', 'b'] }, ['a', 'b'], 'true'],
  ['holds for none', { 'request.header.x': 'c' }, ['a', 'b'], 'false'],
  ['holds for some', { 'request.header.x': 'a' }, ['a', 'b'], 'unknown'],
  ['none_of: not one of them', { 'request.header.x': { none_of: ['c'] } }, ['a', 'b'], 'true'],
  ['none_of: one of them', { 'request.header.x': { none_of: ['a'] } }, ['a', 'b'], 'unknown'],
  ['is present', { 'request.header.x': { present: true } }, ['a', 'b'], 'true'],
  [
    'against another attribute',
    { 'request.header.x': { equals: { attribute: 'identity.sub' } } },
    ['ann', 'bob'],
    'unknown',
  ],
  ['nothing at all', { 'request.header.x': 'a' }, [], 'unknown'],
])('a value that occurs twice: %s', (_name, when, repeated, expected) => {
  expect(judge(when, { 'request.header.x': new Repeated(repeated) })).toBe(expected);
});

test.each<[string, unknown, Word]>([
  ['a certain member', { 'identity.groups': { any_of: ['sure'] } }, 'true'],
  ['a possible member', { 'identity.groups': { any_of: ['maybe'] } }, 'unknown'],
  ['no member', { 'identity.groups': { any_of: ['other'] } }, 'false'],
  ['none_of a possible member', { 'identity.groups': { none_of: ['maybe'] } }, 'unknown'],
  ['all_of certain and possible', { 'identity.groups': { all_of: ['sure', 'maybe'] } }, 'unknown'],
  ['all_of with a stranger', { 'identity.groups': { all_of: ['sure', 'other'] } }, 'false'],
  ['empty', { 'identity.groups': { empty: true } }, 'false'],
])('a list with possible members: %s', (_name, when, expected) => {
  expect(judge(when, { 'identity.groups': new PartialList(['sure'], ['maybe']) })).toBe(expected);
});

test.each<[string, unknown, string, Word, Word]>([
  ['the very path', { prefix: '/admin' }, '/admin/x', 'true', 'true'],
  ['only when case is ignored', { prefix: '/admin' }, '/ADMIN/x', 'unknown', 'false'],
  ['not even then', { prefix: '/admin' }, '/user', 'false', 'false'],
  ['equals', '/Admin', '/admin', 'unknown', 'false'],
  ['one of', ['/x', '/Admin'], '/admin', 'unknown', 'false'],
  ['none_of', { none_of: ['/Admin'] }, '/admin', 'unknown', 'true'],
  ['glob', { glob: '/Admin/**' }, '/admin/x', 'unknown', 'false'],
  ['matches', { matches: '^/Admin$' }, '/admin', 'unknown', 'false'],
  ['the long s, an s only in upper case', { prefix: '/staff' }, '/\u017ftaff', 'unknown', 'false'],
  ['the Kelvin sign, a k only in lower case', { prefix: '/kiosk' }, '/\u212aiosk', 'unknown', 'false'],
])('case: %s', (_name, matcher, path, folded, exact) => {
  expect(judge({ 'request.path': matcher }, { 'request.path': path })).toBe(folded);
  expect(judge({ 'request.path': matcher }, { 'request.path': path }, { caseSensitive: true })).toBe(exact);
});

test('case: only the path and its params, and what is compared with them', () => {
  expect(judge({ 'request.method': 'get' }, { 'request.method': 'GET' })).toBe('false');
  const owner = { 'identity.sub': { equals: { attribute: 'request.params.user' } } };
  expect(judge(owner, { 'request.params.user': 'Ann' })).toBe('unknown');
});

const ann = { 'identity.sub': 'ann', 'geo.country': unknown } as const;

test('an allow needs true; a deny fires on true or unknown, unless it says skip', () => {
  const all = { allow: 'all' };
  const deny = { deny: 'kp', when: { 'geo.country': 'KP' } };
  expect(outcome(rulesProgram([{ allow: 'de', when: { 'geo.country': 'DE' } }]).evaluate(situation(ann)))).toBe(
    'deny/-/no_rule_matched',
  );
  expect(outcome(rulesProgram([all, deny]).evaluate(situation(ann)))).toBe('deny/kp/policy_denied');
  expect(outcome(rulesProgram([all, { ...deny, unknown: 'skip' }]).evaluate(situation(ann)))).toBe('allow/all');
  expect(
    outcome(rulesProgram([all, { ...deny, unknown: 'skip' }]).evaluate(situation({ ...ann, 'geo.country': 'KP' }))),
  ).toBe('deny/kp/policy_denied');
});
