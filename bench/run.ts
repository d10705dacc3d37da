import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { exchange, type Measurement, pace, saturate, type Target } from './load.ts';
import { type Child, cpuMicros, findCores, pinSelf, printedPort, startNode } from './process.ts';
import { machine, type Rounds, rowsOf, type Saturated, tableOf } from './report.ts';
import { headersWith, type Opened, TARGETS, type TargetSpec } from './targets.ts';
import { BODY } from './upstream.ts';
import { hasWrk, saturateWithWrk } from './wrk.ts';

/**
 * `node bench/run.ts [--quick | --smoke] [--targets a,b] [--load wrk|autocannon] [--out FILE]`: the gateway with session, roles,
 * 50 rules and audit against proxies that do less, in rounds that take turns (docs/performance.md). Exits 1 when any answer
 * was wrong; a gate that does not hold is printed, not an error.
 */
const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    /** a moment of each, to see that everything starts and answers; its figures say nothing */
    smoke: { type: 'boolean', default: false },
    targets: { type: 'string' },
    load: { type: 'string', default: hasWrk() ? 'wrk' : 'autocannon' },
    out: { type: 'string', default: fileURLToPath(new URL('./results/latest.json', import.meta.url)) },
  },
});

interface Plan {
  readonly connections: number;
  /** V8 needs four seconds before its figures mean anything */
  readonly warmSeconds: number;
  readonly rounds: number;
  /** before each round, not counted */
  readonly runUpSeconds: number;
  readonly seconds: number;
  readonly pacedRounds: number;
  readonly pacedSeconds: number;
  /** requests a second of the paced rounds */
  readonly rate: number;
}
const common = { connections: 64, rate: 1500 };
const SMOKE: Plan = {
  ...common,
  warmSeconds: 0,
  runUpSeconds: 0,
  rounds: 1,
  seconds: 0.3,
  pacedRounds: 1,
  pacedSeconds: 0.2,
};
const QUICK: Plan = {
  ...common,
  warmSeconds: 4,
  runUpSeconds: 1,
  rounds: 4,
  seconds: 2,
  pacedRounds: 2,
  pacedSeconds: 2,
};
const FULL: Plan = {
  ...common,
  warmSeconds: 6,
  runUpSeconds: 1,
  rounds: 7,
  seconds: 6,
  pacedRounds: 3,
  pacedSeconds: 8,
};
const plan = values.smoke ? SMOKE : values.quick ? QUICK : FULL;

const LOADS = { wrk: saturateWithWrk, autocannon: saturate } as const;
/** Those that every target is compared with. */
const RIVALS = ['http-proxy', 'nginx'];
/** Full policy against http-proxy without any: so many times as fast, with a better 99th percentile. */
const GATE = { subject: 'sallyport', rival: 'http-proxy', ratio: 1.2 };

/** Something to measure, and the processes whose CPU time it costs. */
interface Subject {
  readonly target: Target;
  readonly pids: readonly number[];
}

const children: Child[] = [];
const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
const say = (text: string) => process.stderr.write(`${text}\n`);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
process.once('exit', () => {
  for (const child of children) child.process.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

try {
  await main();
} catch (error) {
  say(error instanceof Error ? `bench: ${error.message}` : String(error));
  process.exitCode = 1;
} finally {
  await Promise.all(children.map((child) => child.stop()));
}

async function main(): Promise<void> {
  const specs = chosen();
  const load = Object.entries(LOADS).find(([name]) => name === values.load)?.[1];
  if (load === undefined) throw new Error(`--load is one of ${Object.keys(LOADS).join(', ')}`);
  if (values.load === 'wrk' && !hasWrk()) throw new Error('wrk is not on PATH');
  const cores = findCores();
  if (cores === undefined) say('no second core or no taskset: nothing is pinned, and the figures say little');
  else pinSelf(cores.load);
  const app = keep(startNode([fileURLToPath(new URL('./upstream.ts', import.meta.url))], cores?.load, 'pipe'));
  const upstream = `http://127.0.0.1:${await printedPort(app)}`;

  const subjects = new Map<string, Subject>();
  for (const spec of specs) {
    const opened = await spec.open({ folder, upstream, core: cores?.proxy, keep });
    if (opened !== undefined) subjects.set(spec.name, await ready(spec, opened, upstream));
    else say(`${spec.name}: not installed`);
  }
  if (plan.warmSeconds > 0)
    for (const { target } of subjects.values()) {
      say(`warming ${target.name} for ${plan.warmSeconds} s`);
      await load(target, plan.connections, plan.warmSeconds);
    }

  const saturated = await inTurn(subjects, plan.rounds, async ({ target, pids }): Promise<Saturated> => {
    // while the others had their turn, idle connections to the application were given up: making them anew is not what is measured
    if (plan.runUpSeconds > 0) await load(target, plan.connections, plan.runUpSeconds);
    const before = cpuOf(pids);
    const measured = await checked(upstream, () => load(target, plan.connections, plan.seconds));
    const after = cpuOf(pids);
    say(`${target.name}: ${measured.perSecond.toFixed(0)} requests/s, p99 ${measured.p99.toFixed(2)} ms`);
    return { ...measured, cpuMicros: before === undefined || after === undefined ? undefined : after - before };
  });
  const paced = await inTurn(subjects, plan.pacedRounds, async ({ target }) => {
    const measured = await checked(upstream, () => pace(target, plan.connections, plan.pacedSeconds, plan.rate));
    say(`${target.name} at ${plan.rate}/s: p99 ${measured.p99.toFixed(2)} ms`);
    return measured;
  });
  report(
    specs.map(({ name }) => ({ name, saturated: saturated.get(name) ?? [], paced: paced.get(name) ?? [] })),
    cores !== undefined,
  );
}

function chosen(): readonly TargetSpec[] {
  const names = values.targets?.split(',');
  if (names === undefined) return TARGETS.filter(({ quick }) => quick || !values.quick);
  return names.map((name) => {
    const spec = TARGETS.find((each) => each.name === name);
    if (spec === undefined)
      throw new Error(`no target is called ${name}; there are ${TARGETS.map((each) => each.name).join(', ')}`);
    return spec;
  });
}

/** Makes sure that the target answers rightly, and that one with a guard lets nobody in without the cookie. */
async function ready(spec: TargetSpec, { url, cookie, pids }: Opened, upstream: string): Promise<Subject> {
  const target = { name: spec.name, url, headers: headersWith(cookie), body: BODY };
  const right = await exchange(target, false);
  if (right.status !== 200 || right.text !== BODY) throw new Error(`${spec.name}: ${right.status} ${right.text}`);
  if (!spec.guarded) return { target, pids };
  const before = await hits(upstream);
  const { status = 0 } = await exchange({ ...target, headers: headersWith('theme=dark') }, false);
  if (status < 300 || (await hits(upstream)) !== before)
    throw new Error(`${spec.name} let somebody in who is not signed in`);
  return { target, pids };
}

async function inTurn<M>(
  subjects: ReadonlyMap<string, Subject>,
  rounds: number,
  measure: (subject: Subject) => Promise<M>,
): Promise<ReadonlyMap<string, readonly M[]>> {
  const all = new Map([...subjects.keys()].map((name): [string, M[]] => [name, []]));
  for (let round = 0; round < rounds; round++)
    for (const [name, subject] of subjects) all.get(name)?.push(await measure(subject));
  return all;
}

async function hits(upstream: string): Promise<number> {
  return Number(await (await fetch(`${upstream}/hits`)).text());
}

/** Runs a measurement and makes sure that the upstream saw every request of it. */
async function checked<M extends Measurement>(upstream: string, measure: () => Promise<M>): Promise<M> {
  const before = await hits(upstream);
  const measured = await measure();
  const seen = (await hits(upstream)) - before;
  if (seen < measured.requests) throw new Error(`${measured.requests} answers, but the upstream saw ${seen} requests`);
  return measured;
}

function cpuOf(pids: readonly number[]): number | undefined {
  const each = pids.map(cpuMicros);
  if (each.length === 0 || !each.every((micros) => micros !== undefined)) return undefined;
  return each.reduce((sum, micros) => sum + micros, 0);
}

function report(all: readonly Rounds[], pinned: boolean): void {
  const rivals = RIVALS.filter((name) => all.some((each) => each.name === name));
  const rows = rowsOf(all, rivals);
  const [subject, rival] = [GATE.subject, GATE.rival].map((name) => rows.find(({ target }) => target === name));
  const ratio = subject?.ratios[GATE.rival];
  const gate = subject &&
    rival && {
      ...GATE,
      fastEnough: ratio !== undefined && ratio >= GATE.ratio,
      p99Below: subject.saturatedP99 < rival.saturatedP99,
    };
  mkdirSync(dirname(values.out), { recursive: true });
  const result = { machine: machine(pinned), load: values.load, plan, rows, gate, rounds: all };
  writeFileSync(values.out, `${JSON.stringify(result, null, 2)}\n`);
  console.log(
    `load: ${values.load}, ${plan.connections} connections, 1 KiB, medians of ${plan.rounds} × ${plan.seconds} s\n`,
  );
  console.log(tableOf(rows, rivals, plan.rate));
  if (gate === undefined) return;
  const word = (holds: boolean) => (holds ? 'holds' : 'DOES NOT HOLD');
  console.log(`\n${GATE.subject} at least ${GATE.ratio} × ${GATE.rival}: ${word(gate.fastEnough)}`);
  console.log(`p99 below that of ${GATE.rival}: ${word(gate.p99Below)}`);
}

function keep<C extends Child>(child: C): C {
  children.push(child);
  return child;
}
