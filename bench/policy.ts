import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { hasErrors } from '../src/core/finding.ts';
import { loadPolicies } from '../src/policy/load.ts';
import { compileProgram, type Program } from '../src/policy/program.ts';
import type { RequestContext } from '../src/signals/context.ts';
import { catalogue } from '../src/signals/index.ts';
import { median, percentiles } from './load.ts';
import { type Case, casesOf, ELEVATION } from './mix.ts';
import { findCores, pinSelf } from './process.ts';
import { gridOf, machine } from './report.ts';
import { rulesOf, type Shape } from './rules.ts';

/**
 * `node bench/policy.ts [--rules 10,50,100,1000] [--seconds N] [--out FILE]`: what one decision costs that nobody remembers,
 * warm, by the number of rules (docs/performance.md). Exits 1 when any decision is wrong; a gate that does not hold is
 * printed, not an error.
 */

/** A warm decision over this many rules takes at most this long, in the median. */
const GATE = { rules: 50, ns: 3000 };

const SHAPES: readonly Shape[] = ['by path', 'by person', 'by network'];

export interface Judged {
  readonly rules: number;
  readonly shape: Shape;
  readonly program: Program<RequestContext>;
  readonly cases: readonly Case[];
}

interface Row {
  readonly rules: number;
  readonly shape: Shape;
  /** ns a decision: median over passes through all requests, and 99th percentile of decisions timed one by one */
  readonly median: number;
  readonly p99: number;
  /** ns a decision, median */
  readonly requests: readonly { readonly request: string; readonly effect: string; readonly median: number }[];
}

if (import.meta.main) {
  try {
    main();
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

function main(): void {
  const { values } = parseArgs({
    options: {
      rules: { type: 'string', default: '10,50,100,1000' },
      seconds: { type: 'string', default: '3' },
      out: { type: 'string', default: fileURLToPath(new URL('./results/policy.json', import.meta.url)) },
    },
  });
  const seconds = Number(values.seconds);
  const cores = findCores();
  if (cores !== undefined) pinSelf(cores.proxy);
  const all = SHAPES.flatMap((shape) => values.rules.split(',').map((size) => prepare(Number(size), shape)));
  // all are warm before any is measured: a gateway has many routes, and its code has seen them all
  for (const judged of all) timePasses(judged, seconds);
  const rows = all.map(
    (judged): Row => ({
      rules: judged.rules,
      shape: judged.shape,
      median: median(timePasses(judged, seconds)),
      ...timeEach(judged),
    }),
  );
  for (const judged of all) verify(judged);

  const gated = rows.filter(({ rules }) => rules === GATE.rules);
  const holds = gated.every((row) => row.median <= GATE.ns);
  mkdirSync(dirname(values.out), { recursive: true });
  const result = { machine: machine(cores !== undefined), rows, gate: { ...GATE, holds: gated.length > 0 && holds } };
  writeFileSync(values.out, `${JSON.stringify(result, null, 2)}\n`);
  const cells = rows.map(({ rules, shape, median: ns, p99, requests }) => {
    const [dearest] = requests.toSorted((a, b) => b.median - a.median);
    const figures = [ns, p99, dearest?.median ?? Number.NaN].map((figure) => figure.toFixed(0));
    return [`${rules}, ${shape}`, ...figures, dearest?.request ?? ''];
  });
  console.log(gridOf(['rules', 'ns median', 'ns p99', 'ns of the dearest', 'which is'], cells));
  if (holds !== undefined)
    console.log(`${GATE.rules} rules within ${GATE.ns} ns: ${holds ? 'holds' : 'DOES NOT HOLD'}`);
}

/** Loads and compiles as the gateway does. Throws when the policies have an error or answer anything wrongly. */
export function prepare(size: number, shape: Shape): Judged {
  const rules = rulesOf(size, shape);
  const { set, findings } = loadPolicies(rules.files, catalogue);
  const { program, findings: ofRoute } = compileProgram(set, catalogue, {
    layers: rules.layers,
    public: false,
    caseSensitive: false,
    elevation: ELEVATION,
  });
  const errors = [...findings, ...ofRoute].filter(({ severity }) => severity === 'error');
  if (hasErrors(errors)) throw new Error(`${size} rules do not load: ${errors[0]?.message}`);
  const loaded = [...set.layers.values()].reduce((sum, policy) => sum + policy.rules.length, 0);
  if (loaded !== size)
    throw new Error(`${loaded} rules were loaded, not ${size}: a multiple of 5 from 10 on is needed`);
  const judged = { rules: size, shape, program, cases: casesOf(rules, set.roles) };
  verify(judged);
  return judged;
}

/** Throws unless every request gets its answer, by the rule that it is due to: a figure for wrong answers is worse than none. */
function verify({ rules, program, cases }: Judged): void {
  for (const { name, context, effect, rule } of cases) {
    const decision = program.evaluate(context);
    const by = decision.effect === 'login' ? undefined : decision.rule?.rule;
    if (decision.effect !== effect || by !== rule)
      throw new Error(`${rules} rules: ${name} was answered ${decision.effect} by ${by}, not ${effect} by ${rule}`);
  }
}

/** Nanoseconds a decision in each pass through all requests. Every effect is looked at. */
function timePasses({ program, cases }: Judged, seconds: number): number[] {
  const end = performance.now() + seconds * 1000;
  const passes: number[] = [];
  for (let start = performance.now(); start < end; start = performance.now()) {
    for (const { context, effect } of cases)
      if (program.evaluate(context).effect !== effect) throw new Error('an answer changed while it was measured');
    passes.push(((performance.now() - start) * 1e6) / cases.length);
  }
  return passes;
}

/** Every decision by itself, in turn, less what reading the clock takes. */
function timeEach({ program, cases }: Judged): Pick<Row, 'p99' | 'requests'> {
  const clock = median(Array.from({ length: 20_000 }, () => elapsedNs(() => undefined)));
  const times = cases.map((): number[] => []);
  for (let turn = 0; turn < 4000; turn++)
    cases.forEach(({ context }, i) => {
      times[i]?.push(Math.max(0, elapsedNs(() => program.evaluate(context)) - clock));
    });
  return {
    p99: percentiles(times.flat()).p99,
    requests: cases.map(({ name, effect }, i) => ({ request: name, effect, median: median(times[i] ?? []) })),
  };
}

function elapsedNs(work: () => unknown): number {
  const start = performance.now();
  work();
  return (performance.now() - start) * 1e6;
}
