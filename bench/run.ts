import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startGateway } from './gateway.ts';
import { BROWSER_HEADERS, type Measurement, pace, saturate, type Target } from './load.ts';
import { type Child, cpuMicros, findCores, pinSelf, printedPort, startNode } from './process.ts';
import { machine, type Rounds, rowsOf, tableOf } from './report.ts';
import { BODY } from './upstream.ts';

/**
 * `node bench/run.ts [--quick] [--targets sallyport,http-proxy,direct] [--out FILE]`: the gateway with session and policy
 * against http-proxy without any, in rounds that take turns (docs/performance.md). Exits 1 when any answer was wrong.
 */
const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    targets: { type: 'string', default: 'sallyport,http-proxy,direct' },
    out: { type: 'string', default: fileURLToPath(new URL('./results/latest.json', import.meta.url)) },
  },
});

const RIVAL = 'http-proxy';
const plan = values.quick
  ? { connections: 64, warmSeconds: 4, rounds: 4, seconds: 4, pacedRounds: 2, pacedSeconds: 4, rate: 1500 }
  : { connections: 64, warmSeconds: 6, rounds: 9, seconds: 8, pacedRounds: 5, pacedSeconds: 10, rate: 1500 };

/** Something to measure, and the process whose CPU time it costs. */
interface Subject {
  readonly target: Target;
  readonly pid: number | undefined;
}

const children: Child[] = [];
const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
const say = (text: string) => process.stderr.write(`${text}\n`);

try {
  await main();
} catch (error) {
  say(error instanceof Error ? `bench: ${error.message}` : String(error));
  process.exitCode = 1;
} finally {
  await Promise.all(children.map((child) => child.stop()));
  rmSync(folder, { recursive: true, force: true });
}

async function main(): Promise<void> {
  const cores = findCores();
  if (cores === undefined) say('no second core or no taskset: nothing is pinned, and the figures say little');
  else pinSelf(cores.load);
  const upstream = keep(startNode([script('upstream.ts')], cores?.load, 'pipe'));
  const upstreamUrl = `http://127.0.0.1:${await printedPort(upstream)}`;
  const subjects: Subject[] = [];
  for (const name of values.targets.split(',')) subjects.push(await open(name, upstreamUrl, cores?.proxy));

  for (const { target } of subjects) {
    say(`warming ${target.name} for ${plan.warmSeconds} s`);
    await saturate(target, plan.connections, plan.warmSeconds);
  }
  const all = subjects.map(({ target }) => ({
    name: target.name,
    saturated: [] as Rounds['saturated'][number][],
    paced: [] as Measurement[],
  }));
  for (let round = 1; round <= plan.rounds; round++) {
    for (const [i, subject] of subjects.entries()) {
      const measured = await checked(upstreamUrl, () => saturated(subject));
      all[i]?.saturated.push(measured);
      say(`round ${round}/${plan.rounds} ${subject.target.name}: ${measured.perSecond.toFixed(0)} requests/s`);
    }
  }
  for (let round = 1; round <= plan.pacedRounds; round++) {
    for (const [i, { target }] of subjects.entries()) {
      const measured = await checked(upstreamUrl, () => pace(target, plan.connections, plan.pacedSeconds, plan.rate));
      all[i]?.paced.push(measured);
      say(`at ${plan.rate}/s ${round}/${plan.pacedRounds} ${target.name}: p99 ${measured.p99.toFixed(2)} ms`);
    }
  }
  const rows = rowsOf(all, RIVAL);
  mkdirSync(join(values.out, '..'), { recursive: true });
  writeFileSync(
    values.out,
    `${JSON.stringify({ machine: machine(cores !== undefined), plan, rows, rounds: all }, null, 2)}\n`,
  );
  console.log(tableOf(rows, plan.rate));
}

async function open(name: string, upstream: string, core: number | undefined): Promise<Subject> {
  const headers = { ...BROWSER_HEADERS, cookie: 'theme=dark; sidebar=open' };
  switch (name) {
    case 'sallyport': {
      const gateway = await startGateway(folder, upstream, core);
      keep(gateway);
      const cookie = `${headers.cookie}; ${gateway.cookie}`;
      return {
        target: { name, url: `${gateway.url}/page`, headers: { ...headers, cookie }, body: BODY },
        pid: gateway.pid,
      };
    }
    case RIVAL: {
      const rival = keep(startNode([script('rival.ts'), upstream], core, 'pipe'));
      const url = `http://127.0.0.1:${await printedPort(rival)}/page`;
      return { target: { name, url, headers, body: BODY }, pid: rival.pid };
    }
    case 'direct':
      return { target: { name, url: `${upstream}/page`, headers, body: BODY }, pid: undefined };
    default:
      throw new Error(`no target is called ${name}; there are sallyport, ${RIVAL} and direct`);
  }
}

async function saturated({ target, pid }: Subject): Promise<Rounds['saturated'][number]> {
  const before = pid === undefined ? undefined : cpuMicros(pid);
  const measured = await saturate(target, plan.connections, plan.seconds);
  const after = pid === undefined ? undefined : cpuMicros(pid);
  return { ...measured, cpuMicros: before === undefined || after === undefined ? undefined : after - before };
}

/** Runs a measurement and makes sure that the upstream saw every request of it. */
async function checked<M extends Measurement>(upstream: string, measure: () => Promise<M>): Promise<M> {
  const hits = async () => Number(await (await fetch(`${upstream}/hits`)).text());
  const before = await hits();
  const measured = await measure();
  const seen = (await hits()) - before;
  if (seen < measured.requests) throw new Error(`${measured.requests} answers, but the upstream saw ${seen} requests`);
  return measured;
}

function keep(child: Child): Child {
  children.push(child);
  return child;
}

function script(name: string): string {
  return fileURLToPath(new URL(`./${name}`, import.meta.url));
}
