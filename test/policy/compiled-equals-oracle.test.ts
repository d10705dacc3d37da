import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rules, situations, whens } from './arbitrary.ts';
import { ELEVATION, outcome, rulesProgram } from './harness.ts';
import { oracle, oracleWhen } from './oracle.ts';

test('every condition has the value that a naive reading of the page gives it', () => {
  fc.assert(
    fc.property(whens, situations, fc.boolean(), (when, context, caseSensitive) => {
      const explained = rulesProgram([{ allow: 'a', when }], { caseSensitive }).explain(context);
      expect(explained.rules[0]?.result).toBe(oracleWhen(when, context, { veil: false, caseSensitive }));
    }),
    { numRuns: 1_500 },
  );
});

test('every request gets the answer that a naive reading of the page gives it, and explain agrees', () => {
  fc.assert(
    fc.property(rules, fc.array(situations, { minLength: 1, maxLength: 5 }), (source, contexts) => {
      const program = rulesProgram(source);
      for (const context of contexts) {
        expect(outcome(program.evaluate(context))).toBe(oracle(source, context, ELEVATION));
        expect(program.explain(context).decision).toEqual(program.evaluate(context));
      }
    }),
    { numRuns: 500 },
  );
});
