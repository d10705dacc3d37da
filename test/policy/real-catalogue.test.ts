import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LEVELS, METHODS } from '../../src/core/decision.ts';
import { hasErrors } from '../../src/core/finding.ts';
import { loadPolicies } from '../../src/policy/load.ts';
import { compileProgram } from '../../src/policy/program.ts';
import { policySchema, policyTestsSchema } from '../../src/policy/schema.ts';
import { compileSchema } from '../../src/schema/validate.ts';
import { readYaml } from '../../src/schema/yaml.ts';
import { catalogue } from '../../src/signals/index.ts';
import { ELEVATION, HOUR, MINUTE, outcome, policyFile } from './harness.ts';

/** The engine with the attributes that the gateway has. */

const NOW = Date.parse('2026-03-29T00:50:00Z');
type Context = Parameters<typeof catalogue.now>[0];
type Proof = ReturnType<typeof catalogue.proofs>[number];

const contextOf = (proofs: readonly Proof[], now: number): Context =>
  ({
    facts: { at: now, method: 'GET', decodedPath: '/', clientAddress: '192.0.2.1', headers: [], headerNames: [] },
    params: new Map(),
    subject: {
      user: 'staff:ann',
      provider: 'staff',
      sub: 'ann',
      kind: 'person',
      groups: ['ops'],
      roles: [],
      claims: new Map(),
    },
    session: { createdAt: NOW - HOUR, proofs, address: '192.0.2.1', userAgent: '' },
    lastActivityAt: now,
    elevation: ELEVATION,
  }) as unknown as Context;

const conditions = fc.constantFrom(
  { 'identity.assurance': { at_least: 'low' } },
  { 'identity.assurance': 'none' },
  { 'identity.auth_age': { below: '10m' } },
  { 'identity.auth_age': { at_most: '1h' } },
  { 'identity.auth_age': { above: '15m' } },
  { 'identity.amr': { any_of: ['totp'] } },
  { 'identity.amr': { none_of: ['webauthn'] } },
  { 'session.age': { at_least: '2h' } },
  { 'time.hour': { between: [1, 2] } },
  { 'time.date': { after: '2026-03-29' } },
);
const rules = fc.array(
  fc.tuple(fc.constantFrom('allow', 'allow', 'deny', 'step_up'), fc.array(conditions, { minLength: 1, maxLength: 2 })),
  { minLength: 1, maxLength: 4 },
);
const proofs = fc.array(
  fc.record({
    method: fc.constantFrom(...METHODS),
    level: fc.constantFrom(...LEVELS),
    at: fc.integer({ min: NOW - 9 * HOUR, max: NOW }),
  }),
  { maxLength: 3 },
);
const steps = fc.array(
  fc.oneof(fc.constantFrom(0, 1, 10 * MINUTE, 15 * MINUTE, HOUR), fc.integer({ min: 0, max: 3 * HOUR })),
  { minLength: 2, maxLength: 8 },
);

test('decisions over proofs that age and run out are the same remembered and fresh, in any time zone', () => {
  fc.assert(
    fc.property(
      rules,
      proofs,
      steps,
      fc.constantFrom('UTC', 'Asia/Kathmandu', 'Europe/Berlin'),
      (source, held, passing, timezone) => {
        const list = source.map(([effect, any], i) => ({
          [effect]: `r${i}`,
          when: { any },
          ...(effect === 'step_up' ? { require: { level: 'low', max_age: '15m' } } : {}),
        }));
        const { set } = loadPolicies([policyFile(list, { timezone })], catalogue);
        const { program } = compileProgram(set, catalogue, {
          layers: ['p'],
          public: false,
          caseSensitive: false,
          elevation: ELEVATION,
        });
        expect(program.cacheKey).toEqual([]);
        let now = NOW;
        let remembered: { answer: string; until: number } | undefined;
        for (const step of passing) {
          now += step;
          const context = contextOf(held, now);
          const fresh = outcome(program.evaluate(context));
          if (remembered !== undefined && now < remembered.until) expect(remembered.answer).toBe(fresh);
          else remembered = { answer: fresh, until: program.validUntil(context) };
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('its schemas compile, and accept a policy over every attribute by its own example', () => {
  const rest = [...catalogue.attributes.values()].map((attribute, i) => {
    const name = attribute.name.replace('*', 'x');
    return {
      allow: `r${i}`,
      when: { [name]: attribute.type === 'list' ? { any_of: attribute.example } : attribute.example },
    };
  });
  const file = policyFile(rest);
  expect(loadPolicies([file], catalogue).findings.filter((finding) => finding.severity === 'error')).toEqual([]);
  const { document } = readYaml(file.file, file.text);
  expect(document).toBeDefined();
  if (document !== undefined) expect(hasErrors(compileSchema(policySchema(catalogue))(document))).toBe(false);
  expect(compileSchema(policyTestsSchema(catalogue))).toBeTypeOf('function');
});
