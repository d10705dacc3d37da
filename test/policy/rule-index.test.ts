import fc from 'fast-check';
import { expect, test } from 'vitest';
import { absent, PartialList, type Reading, Repeated, unknown } from '../../src/core/signal.ts';
import { networkSet, parseAddress, parseNetwork } from '../../src/policy/address.ts';
import type { ExplainedRule, Explanation } from '../../src/policy/explain.ts';
import { NOW } from './arbitrary.ts';
import { outcome, policyFile, programOf, proof, situation } from './harness.ts';

/** Rules are found by the paths and groups that they name; explain judges every rule in full, whatever it names. */

// capitals, letters that fold to several or to others, a sigma that folds by what follows, empty segments, no slash at all
const segment = fc.constantFrom('a', 'A', 'b', 'ΑΣ', 'ας', 'ß', 'ẞ', 'ſſ', 'SS', 'K', 'k', 'İ', '');
const path = fc
  .tuple(fc.constantFrom('/', '/', '/', ''), fc.array(segment, { maxLength: 3 }), fc.constantFrom('', '/'))
  .map(([start, segments, end]) => `${start}${segments.join('/')}${end}`);
const written = path.filter((text) => text !== '');

const one = fc.oneof(
  written.map((equals) => ({ 'request.path': { equals } })),
  fc.array(path, { minLength: 1, maxLength: 3 }).map((list) => ({ 'request.path': { in: list } })),
  written.map((prefix) => ({ 'request.path': { prefix } })),
  fc
    .tuple(path, fc.constantFrom('', '*', '**', '/**', '?', 'a?/*'))
    .filter(([start, end]) => start + end !== '')
    .map(([start, end]) => ({ 'request.path': { glob: start + end } })),
  fc.tuple(written, written).map(([prefix, suffix]) => ({ 'request.path': { prefix, suffix } })),
  fc.constantFrom(
    { is: 'below-a' },
    { not: { 'request.path': { prefix: '/a' } } },
    { 'request.path': { none_of: ['/a'] } },
    { 'request.path': { prefix: { attribute: 'request.params.x' } } },
  ),
);
const group = fc.constantFrom('ops', 'dev', 'Ops', 'a/b', 'a');
const groups = fc.oneof(
  fc.array(group, { minLength: 1, maxLength: 2 }).map((any_of) => ({ 'identity.groups': { any_of } })),
  fc.array(group, { minLength: 1, maxLength: 2 }).map((all_of) => ({ 'identity.groups': { all_of } })),
  fc.constantFrom({ 'identity.groups': { none_of: ['ops'] } }, { 'identity.groups': { empty: true } }),
);
const when = fc.oneof(
  one,
  groups,
  fc.tuple(one, groups).map(([each, more]) => ({ ...each, ...more })),
  fc.tuple(groups, groups).map((any) => ({ any })),
  fc.array(one, { minLength: 1, maxLength: 2 }).map((any) => ({ any })),
  fc.tuple(one, fc.constantFrom('GET', 'PUT')).map(([each, method]) => ({ ...each, 'request.method': method })),
  fc.tuple(one, fc.constantFrom('GET', 'PUT')).map(([each, method]) => ({ any: [each, { 'request.method': method }] })),
  fc.constantFrom('GET', 'PUT').map((method) => ({ 'request.method': method })),
);
const rest = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ effect: 'allow' }) },
  { weight: 2, arbitrary: fc.constantFrom({ effect: 'deny' }, { effect: 'deny', unknown: 'skip' }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      { effect: 'step_up', require: { level: 'low' } },
      { effect: 'step_up', require: { level: 'medium', max_age: '15m', methods: ['totp'] } },
      { effect: 'step_up', require: { methods: ['webauthn', 'totp'] }, unknown: 'skip' },
    ),
  },
);
const rules = fc.array(fc.tuple(rest, when), { minLength: 1, maxLength: 9 });
const reading: fc.Arbitrary<Reading> = fc.oneof(
  { weight: 8, arbitrary: path },
  { weight: 1, arbitrary: fc.constantFrom<Reading>(absent, unknown) },
  { weight: 1, arbitrary: fc.tuple(path, path).map((values) => new Repeated(values)) },
);
const request = fc.record({
  'request.path': reading,
  'request.params.x': path,
  'identity.groups': fc.oneof(
    { weight: 6, arbitrary: fc.uniqueArray(group, { maxLength: 3 }) },
    fc.constantFrom<Reading>(absent, unknown, new PartialList(['dev'], ['ops', 'a/b'])),
  ),
  'request.method': fc.constantFrom('GET', 'PUT'),
  'identity.sub': fc.constantFrom<Reading>('ann', unknown),
});

/** So many that looking rules up is worth it. */
const others = Array.from({ length: 16 }, (_, i) => ({
  allow: `other-${i}`,
  when: i % 2 === 0 ? { 'request.path': `/other/${i}` } : { 'identity.groups': `other-${i}` },
}));

/** The answer by the sentences of the page, from what each rule is by itself. */
function answer({ rules: all, login, authenticated }: Explanation): string {
  const firing = (effect: string): ExplainedRule | undefined => {
    const fired = all.filter((rule) => rule.effect === effect && rule.fires && rule.met !== true);
    return fired.find((rule) => rule.result === 'true') ?? fired[0];
  };
  const [denied, allowed, stepUp] = [firing('deny'), firing('allow'), firing('step_up')];
  if (denied === undefined && allowed !== undefined && stepUp === undefined) return `allow/${allowed.rule}`;
  if (!authenticated) {
    const helps = login?.some(({ effect, result }) => effect === 'allow' && result !== 'false');
    if (helps && !login?.some(({ effect, result }) => effect === 'deny' && result === 'true')) return 'login';
  }
  if (denied !== undefined) return `deny/${denied.rule}`;
  return allowed === undefined ? 'deny/-' : `step_up/${stepUp?.rule}`;
}

test('rules that are found by what they name answer as if every rule were judged', () => {
  const conditions = { 'below-a': { 'request.path': { prefix: '/a/' } } };
  // so many that looking rules up is worth it
  const others = Array.from({ length: 8 }, (_, i) => ({
    allow: `other-${i}`,
    when: { 'request.path': `/other/${i}` },
  }));
  fc.assert(
    fc.property(
      rules,
      fc.array(request, { minLength: 1, maxLength: 6 }),
      fc.boolean(),
      (some, requests, caseSensitive) => {
        const list = some.map(([{ effect, ...more }, each], i) => ({ [effect]: `r${i}`, when: each, ...more }));
        const program = programOf([policyFile([...list, ...others], { conditions })], { caseSensitive });
        for (const values of requests) {
          const context = situation(values, { now: NOW, proofs: [proof('password', 'none', NOW)] });
          expect(outcome(program.evaluate(context)).split('/').slice(0, 2).join('/')).toBe(
            answer(program.explain(context)),
          );
        }
      },
    ),
    { numRuns: 600 },
  );
});

test.each([
  [{ glob: '/ẞ/**' }, '/ß/x', 'the pattern folds the capital sharp s to one letter, texts to none'],
  [{ glob: '/a?/*' }, '/ab/c', 'a wildcard before the last slash'],
  [{ glob: '/K/*' }, '/\u212a/x', 'the Kelvin sign is a k'],
  [{ prefix: '/ΑΣ/' }, '/ας/x', 'a sigma at the end of a segment'],
  [{ prefix: '/s/' }, '/ſ/x', 'the long s is an s'],
  [{ equals: '/a/' }, '/A/', 'a whole text that ends in a slash'],
  [{ in: ['/b', '/a'] }, '/A', 'one of several'],
] as [object, string, string][])('%j is found for %s: %s', (matcher, at) => {
  const program = programOf([policyFile([{ deny: 'd', when: { 'request.path': matcher } }, ...others])]);
  const context = situation({ 'identity.sub': 'ann', 'request.path': at });
  // each holds when case is ignored, or it would not show whether the rule was found
  expect(program.explain(context).rules[0]?.fires).toBe(true);
  expect(outcome(program.evaluate(context))).toBe('deny/d/policy_denied');
});

test('a request costs the rules of its own path, not those of the others', () => {
  const log: string[] = [];
  const list = Array.from({ length: 100 }, (_, i) => ({
    allow: `r${i}`,
    when: { 'request.path': { prefix: `/area-${i}/` }, 'geo.country': 'DE' },
  }));
  const context = situation({ 'identity.sub': 'ann', 'request.path': '/Area-70/page', 'geo.country': 'DE' }, { log });
  expect(programOf([policyFile(list)]).evaluate(context).effect).toBe('deny');
  // once to find the rules, once by the only one that could hold
  expect(log).toEqual(['request.path', 'request.path', 'geo.country']);
});

test('a network holds exactly the addresses that share its bits', () => {
  const bits = (bytes: readonly number[]): string => bytes.map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const octets = fc.array(fc.constantFrom(0, 1, 10, 127, 128, 192, 255), { minLength: 4, maxLength: 4 });
  const network = fc.tuple(octets, fc.integer({ min: 0, max: 32 }));
  fc.assert(
    fc.property(fc.array(network, { minLength: 1, maxLength: 4 }), octets, (networks, address) => {
      const has = networkSet(networks.flatMap(([bytes, length]) => parseNetwork(`${bytes.join('.')}/${length}`) ?? []));
      const expected = networks.some(([bytes, length]) => bits(address).startsWith(bits(bytes).slice(0, length)));
      expect(has(parseAddress(address.join('.')) ?? [])).toBe(expected);
    }),
    { numRuns: 1_000 },
  );
});
