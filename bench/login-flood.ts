import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { FloodFigures } from './flooder.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { BROWSER_HEADERS, type Measurement, median, pace, saturate, type Target } from './load.ts';
import { type Child, findCores, pinSelf, printedPort, startNode } from './process.ts';
import { machine } from './report.ts';
import { BODY } from './upstream.ts';

/**
 * `node bench/login-flood.ts [--quick] [--connections N] [--out FILE]`: what a signed-in person's requests through the gateway
 * take while somebody else floods the sign-in with wrong passwords, against the same requests in quiet (docs/performance.md).
 * Exits 1 when any answer was wrong or nothing was hashed; a gate that does not hold is printed, not an error.
 */
const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    connections: { type: 'string', default: '64' },
    out: { type: 'string', default: fileURLToPath(new URL('./results/login-flood.json', import.meta.url)) },
  },
});

/** The proxied p99 during a flood must stay within this many times the quiet one. */
const GATE = 2;
const plan = {
  rate: 200,
  connections: 16,
  floodConnections: Number(values.connections),
  warmSeconds: 4,
  floodWarmSeconds: 4,
  settleMs: 2500,
  ...(values.quick ? { rounds: 3, seconds: 6 } : { rounds: 5, seconds: 15 }),
};

interface Round {
  readonly quiet: Measurement;
  readonly during: Measurement;
  readonly flood: FloodFigures;
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
  const gateway = await startGateway(folder, upstreamUrl, cores?.proxy, {
    more: 'trusted_proxies: [127.0.0.0/8]\n',
  });
  keep(gateway);
  const target: Target = {
    name: 'sallyport',
    url: `${gateway.url}${gateway.path}`,
    headers: { ...BROWSER_HEADERS, cookie: gateway.cookie },
    body: BODY,
  };

  say(`warming for ${plan.warmSeconds} s, and with a flood for ${plan.floodWarmSeconds} s`);
  await saturate(target, 64, plan.warmSeconds);
  await flooded(gateway, cores?.load, () => pause(plan.floodWarmSeconds * 1000));
  const rounds: Round[] = [];
  for (let round = 1; round <= plan.rounds; round++) {
    const quiet = await measure(target);
    const { measured: during, flood } = await flooded(gateway, cores?.load, () => measure(target));
    if (flood.other > 0) throw new Error(`${flood.other} sign-ins had an answer that none should have`);
    if (flood.hashed === 0) throw new Error('no password was hashed: that was no flood');
    rounds.push({ quiet, during, flood });
    say(`round ${round}/${plan.rounds}: p99 ${quiet.p99.toFixed(2)} ms quiet, ${during.p99.toFixed(2)} ms during`);
  }

  const row = {
    quietP50: median(rounds.map(({ quiet }) => quiet.p50)),
    quietP99: median(rounds.map(({ quiet }) => quiet.p99)),
    duringP50: median(rounds.map(({ during }) => during.p50)),
    duringP99: median(rounds.map(({ during }) => during.p99)),
    ratioP50: median(rounds.map(({ quiet, during }) => during.p50 / quiet.p50)),
    ratioP99: median(rounds.map(({ quiet, during }) => during.p99 / quiet.p99)),
    hashedPerSecond: median(rounds.map(({ flood }) => flood.hashed / flood.seconds)),
    busyPerSecond: median(rounds.map(({ flood }) => flood.busy / flood.seconds)),
    lockedPerSecond: median(rounds.map(({ flood }) => flood.locked / flood.seconds)),
  };
  const holds = row.ratioP99 <= GATE;
  mkdirSync(join(values.out, '..'), { recursive: true });
  const result = { machine: machine(cores !== undefined), plan, row, gate: { ratioP99: GATE, holds }, rounds };
  writeFileSync(values.out, `${JSON.stringify(result, null, 2)}\n`);
  const total = (of: keyof FloodFigures) => rounds.reduce((sum, { flood }) => sum + flood[of], 0);
  console.log(`${plan.rate} requests/s | p50 ms | p99 ms
quiet          | ${row.quietP50.toFixed(2)} | ${row.quietP99.toFixed(2)}
during a flood | ${row.duringP50.toFixed(2)} | ${row.duringP99.toFixed(2)}
ratio          | ${row.ratioP50.toFixed(2)} | ${row.ratioP99.toFixed(2)}
sign-ins: ${total('hashed')} hashed, ${total('busy')} busy (503), ${total('locked')} locked out (429), in ${total('seconds').toFixed(0)} s
p99 within ${GATE} times of quiet: ${holds ? 'holds' : 'DOES NOT HOLD'}`);
}

function measure(target: Target): Promise<Measurement> {
  return pace(target, plan.connections, plan.seconds, plan.rate);
}

/** Runs `work` while a process of its own floods; waits at the end until the gateway's queue is empty again. */
async function flooded<T>(
  gateway: Gateway,
  core: number | undefined,
  work: () => Promise<T>,
): Promise<{ readonly measured: T; readonly flood: FloodFigures }> {
  const flooder = startNode([script('flooder.ts'), gateway.url, String(plan.floodConnections)], core, 'pipe');
  const { stdout } = flooder.process;
  if (stdout === null) throw new Error('the flooder has no output');
  const lines = createInterface({ input: stdout });
  const ended = once(lines, 'close').then((): never => {
    throw new Error('the flooder ended too early');
  });
  const nextLine = () => Promise.race([once(lines, 'line'), ended]).then(([line]) => String(line));
  try {
    const begun = await nextLine();
    if (begun !== 'flooding') throw new Error(`the flooder said ${begun}`);
    const measured = await work();
    const last = nextLine();
    await flooder.stop();
    const flood = JSON.parse(await last) as FloodFigures;
    await pause(plan.settleMs);
    return { measured, flood };
  } finally {
    await flooder.stop();
  }
}

function keep(child: Child): Child {
  children.push(child);
  return child;
}

function script(name: string): string {
  return fileURLToPath(new URL(`./${name}`, import.meta.url));
}
