import { expect, test } from 'vitest';
import { judge, policyFile, programOf, situation } from './harness.ts';

const values = {
  'request.method': 'GET',
  'identity.groups': ['ops', 'dev'],
  'device.trust': 60,
  'device.known': true,
} as const;

test.each<[string, unknown, 'true' | 'false']>([
  ['a scalar means equal', { 'request.method': 'GET' }, 'true'],
  ['a scalar that differs', { 'request.method': 'POST' }, 'false'],
  ['a scalar on a list: contains', { 'identity.groups': 'ops' }, 'true'],
  ['a scalar that the list does not hold', { 'identity.groups': 'hr' }, 'false'],
  ['a list means one of', { 'request.method': ['HEAD', 'GET'] }, 'true'],
  ['a list on a list: any of', { 'identity.groups': ['hr', 'dev'] }, 'true'],
  ['a number', { 'device.trust': 60 }, 'true'],
  ['a boolean', { 'device.known': false }, 'false'],
  ['operators must all hold', { 'device.trust': { at_least: 50, below: 70 } }, 'true'],
  ['operators of which one does not', { 'device.trust': { at_least: 50, below: 60 } }, 'false'],
  ['pairs must all hold', { 'request.method': 'GET', 'device.known': false }, 'false'],
  ['all', { all: [{ 'request.method': 'GET' }, { 'device.known': true }] }, 'true'],
  ['any', { any: [{ 'request.method': 'POST' }, { 'device.known': true }] }, 'true'],
  ['not', { not: { 'request.method': 'POST' } }, 'true'],
  ['not of a conjunction', { not: { 'request.method': 'GET', 'device.known': false } }, 'true'],
  ['any beside a pair', { 'device.known': true, any: [{ 'request.method': 'POST' }] }, 'false'],
])('%s', (_name, when, expected) => {
  expect(judge(when, values)).toBe(expected);
});

test('no when means always; is names a condition of the file, which may name another', () => {
  const conditions = { strong: { is: 'known', 'device.trust': { above: 50 } }, known: { 'device.known': true } };
  const program = programOf([
    policyFile([{ allow: 'strong', when: { is: 'strong' } }, { allow: 'rest' }], { conditions }),
  ]);
  const evaluate = (trust: number): unknown =>
    program.evaluate(situation({ 'identity.sub': 'ann', 'device.known': true, 'device.trust': trust }));
  expect(evaluate(60)).toMatchObject({ rule: { rule: 'strong' } });
  expect(evaluate(50)).toMatchObject({ rule: { rule: 'rest' } });
});
