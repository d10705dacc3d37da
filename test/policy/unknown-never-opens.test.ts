import fc from 'fast-check';
import { expect, test } from 'vitest';
import { unknown } from '../../src/core/signal.ts';
import { rules, situations } from './arbitrary.ts';
import { catalogue } from './catalogue.ts';
import { rulesProgram } from './harness.ts';

const names = [...catalogue.attributes.keys()].map((name) => name.replace('*', 'x'));
// a rule that skips what is unknown says itself that it may open a door
const strict = rules.map((all) => all.map(({ unknown: _skip, ...rule }) => rule));

test('making any attribute unknown never turns a refusal into an allow', () => {
  fc.assert(
    fc.property(strict, situations, fc.subarray(names, { minLength: 1 }), (source, context, blind) => {
      const program = rulesProgram(source);
      if (program.evaluate(context).effect === 'allow') return;
      const values = new Map([...context.values, ...blind.map((name) => [name, unknown] as const)]);
      expect(program.evaluate({ ...context, values }).effect).not.toBe('allow');
    }),
    { numRuns: 600 },
  );
});

test('losing every proof never turns a refusal into an allow', () => {
  fc.assert(
    fc.property(rules, situations, (source, context) => {
      const program = rulesProgram(source);
      if (program.evaluate(context).effect === 'allow') return;
      expect(program.evaluate({ ...context, proofs: [] }).effect).not.toBe('allow');
    }),
    { numRuns: 200 },
  );
});
