import { expect, test } from 'vitest';
import { hasErrors } from '../../src/core/finding.ts';
import { unknown } from '../../src/core/signal.ts';
import { loadPolicies } from '../../src/policy/load.ts';
import { compileProgram } from '../../src/policy/program.ts';
import { catalogue } from './catalogue.ts';
import { ELEVATION, outcome, policyFile, programOf, situation } from './harness.ts';

const ann = situation({ 'identity.sub': 'ann', 'request.method': 'GET', 'geo.country': 'DE' });
const baseline = policyFile(
  [{ deny: 'abroad', when: { 'geo.country': { none_of: ['DE'] } } }],
  { sensitivity: 'low' },
  'baseline',
);
const app = policyFile([{ allow: 'all' }], { sensitivity: 'high' }, 'app');
const quiet = policyFile([{ allow: 'all' }], {}, 'quiet');

test('the rules of all layers form one set: a baseline can forbid, an application add', () => {
  const program = programOf([baseline, app]);
  expect(outcome(program.evaluate(ann))).toBe('allow/all');
  expect(outcome(program.evaluate(situation({ 'identity.sub': 'ann', 'geo.country': 'FR' })))).toBe(
    'deny/abroad/policy_denied',
  );
});

test.each<[string, string[], 'critical' | undefined, string]>([
  ['the highest of the layers', ['baseline', 'app'], undefined, 'high'],
  ['one layer', ['baseline'], undefined, 'low'],
  ['none says: medium', ['quiet'], undefined, 'medium'],
  ["the route's own counts as well", ['baseline', 'app'], 'critical', 'critical'],
])('sensitivity: %s', (_name, layers, sensitivity, expected) => {
  const program = programOf([baseline, app, quiet], sensitivity === undefined ? { layers } : { layers, sensitivity });
  expect(program.sensitivity).toBe(expected);
});

const compile = (layers: string[], isPublic: boolean) => {
  const { set } = loadPolicies(
    [
      baseline,
      app,
      policyFile([{ deny: 'd', when: { 'device.trust': { below: 5 } } }], {}, 'personal'),
      { file: 'bad.yaml', text: 'version: 1\npolicy: bad\nrules: [{ allow: x, when: {} }]' },
    ],
    catalogue,
  );
  return compileProgram(set, catalogue, { layers, public: isPublic, caseSensitive: false, elevation: ELEVATION });
};

test('a public route allows by itself, names no rule, and its policies can still deny', () => {
  const { program, findings } = compile(['baseline'], true);
  expect(findings).toEqual([]);
  expect(program.evaluate(situation({ 'geo.country': 'DE' }))).toEqual({ effect: 'allow', rule: undefined });
  expect(outcome(program.evaluate(situation({ 'geo.country': 'FR' })))).toBe('deny/abroad/policy_denied');
  expect(program.evaluate(situation({ 'geo.country': unknown })).effect).not.toBe('allow');
});

test.each<[string, string[], boolean, string, string]>([
  ['neither policy nor public', [], false, 'route-without-policy', ''],
  ['a layer that does not exist', ['bazeline'], false, 'unknown-policy', ''],
  ['a layer with errors', ['bad'], false, 'broken-policy', ''],
  ['a layer twice', ['app', 'app'], false, 'duplicate-layer', ''],
  ['public with an allow', ['app'], true, 'public-route-effect', 'app.yaml'],
  ['public with an attribute about a person', ['personal'], true, 'public-route-person', 'personal.yaml'],
])('%s is an error, and the program denies', (_name, layers, isPublic, code, file) => {
  const { program, findings } = compile(layers, isPublic);
  expect(findings.map((finding) => [finding.code, finding.file])).toEqual([[code, file]]);
  expect(hasErrors(findings)).toBe(true);
  expect(program.evaluate(ann).effect).toBe('deny');
  expect(program.evaluate(situation()).effect).toBe('deny');
});

test('an unknown layer gets a suggestion', () => {
  expect(compile(['bazeline'], false).findings[0]?.suggestion).toBe('Did you mean baseline?');
});
