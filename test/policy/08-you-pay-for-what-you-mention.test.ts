import { expect, test } from 'vitest';
import { policyFile, programOf, rulesProgram, situation } from './harness.ts';

const readBy = (rules: unknown, values: Record<string, string | number | boolean>): string[] => {
  const log: string[] = [];
  rulesProgram(rules).evaluate(situation({ 'identity.sub': 'ann', ...values }, { log }));
  return log;
};

test('a program names exactly the attributes that its rules read, keys and compared attributes included', () => {
  const program = rulesProgram([
    { allow: 'a', when: { 'request.header.x-team': { equals: { attribute: 'identity.claims.team' } } } },
    { deny: 'd', when: { not: { any: [{ 'geo.country': 'DE' }] } } },
  ]);
  expect(program.reads).toEqual(['geo.country', 'identity.claims.team', 'request.header.x-team']);
});

test('a condition that no rule uses is not read', () => {
  const conditions = { unused: { 'geo.country': 'DE' } };
  const program = programOf([policyFile([{ allow: 'a', when: { 'request.method': 'GET' } }], { conditions })]);
  expect(program.reads).toEqual(['request.method']);
});

test('nothing else is read, and a costly attribute only once cheap ones leave the answer open', () => {
  const costlyFirst = [{ allow: 'a', when: { 'geo.country': 'DE', 'request.method': 'GET' } }];
  expect(readBy(costlyFirst, { 'request.method': 'POST', 'geo.country': 'DE' })).toEqual(['request.method']);
  expect(readBy(costlyFirst, { 'request.method': 'GET', 'geo.country': 'DE' })).toEqual([
    'request.method',
    'geo.country',
  ]);
  const either = [{ allow: 'a', when: { any: [{ 'geo.country': 'DE' }, { 'request.method': 'GET' }] } }];
  expect(readBy(either, { 'request.method': 'GET', 'geo.country': 'DE' })).toEqual(['request.method']);
});

test('step-ups are judged only for what would be allowed', () => {
  const rules = [
    { allow: 'a', when: { 'request.method': 'GET' } },
    { step_up: 's', when: { 'geo.country': 'FR' }, require: { level: 'high' } },
  ];
  expect(readBy(rules, { 'request.method': 'POST', 'geo.country': 'FR' })).toEqual(['request.method']);
});
