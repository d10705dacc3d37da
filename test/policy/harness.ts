import type { Decision, Elevation, Level, Method, Proof } from '../../src/core/decision.ts';
import type { Reading } from '../../src/core/signal.ts';
import { loadPolicies, type PolicyFile } from '../../src/policy/load.ts';
import { compileProgram, type Program, type ProgramOptions } from '../../src/policy/program.ts';
import { catalogue, type Situation } from './catalogue.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const ELEVATION: Elevation = { none: Number.POSITIVE_INFINITY, low: 8 * HOUR, medium: HOUR, high: 15 * MINUTE };

/** A policy file of rules alone; YAML is a superset of JSON. */
export const policyFile = (rules: unknown, rest: Readonly<Record<string, unknown>> = {}, name = 'p'): PolicyFile => ({
  file: `${name}.yaml`,
  text: JSON.stringify({ version: 1, policy: name, ...rest, rules }),
});

/** Compiles files that must be free of errors. */
export function programOf(files: readonly PolicyFile[], options: Partial<ProgramOptions> = {}): Program<Situation> {
  const { set, findings } = loadPolicies(files, catalogue);
  const errors = findings.filter((finding) => finding.severity === 'error');
  if (errors.length > 0) throw new Error(JSON.stringify(errors, undefined, 1));
  const compiled = compileProgram(set, catalogue, {
    layers: [...set.layers.keys()],
    public: false,
    caseSensitive: false,
    elevation: ELEVATION,
    ...options,
  });
  if (compiled.findings.length > 0) throw new Error(JSON.stringify(compiled.findings, undefined, 1));
  return compiled.program;
}

export const rulesProgram = (rules: unknown, options: Partial<ProgramOptions> = {}): Program<Situation> =>
  programOf([policyFile(rules)], options);

/** A request; somebody's if it has a `sub`. */
export function situation(values: Readonly<Record<string, Reading>> = {}, rest: Partial<Situation> = {}): Situation {
  const map = new Map(Object.entries(values));
  const authenticated = typeof map.get('identity.sub') === 'string';
  return {
    values: map,
    now: 1_000_000_000_000,
    authenticated,
    proofs: [],
    authAt: Number.NaN,
    createdAt: Number.NaN,
    ...rest,
  };
}

export const proof = (method: Method | undefined, level: Level, at: number): Proof => ({ method, level, at });

/** `deny/sanctioned/country_restriction`: what an answer is, in one comparable text. */
export function outcome(decision: Decision): string {
  if (decision.effect === 'login') return 'login';
  const rule = decision.rule?.rule ?? '-';
  return decision.effect === 'allow' ? `allow/${rule}` : `${decision.effect}/${rule}/${decision.reason}`;
}

/** The tri word of one condition, through the whole compiler. */
export function judge(
  when: unknown,
  values: Readonly<Record<string, Reading>>,
  options: Partial<ProgramOptions> = {},
): string {
  const program = rulesProgram([{ allow: 'a', when }], options);
  return program.explain(situation({ 'identity.sub': 'ann', ...values })).rules[0]?.result ?? 'none';
}
