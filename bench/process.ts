import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { createInterface } from 'node:readline';

/** A child of the bench, and how to end it. */
export interface Child {
  readonly pid: number;
  readonly process: ChildProcess;
  stop(): Promise<void>;
}

/** Cores for the two sides, or undefined where there is no taskset or only one core: then nothing is pinned and it is said. */
export interface Cores {
  readonly proxy: number;
  readonly load: number;
}

export function findCores(): Cores | undefined {
  const shown = spawnSync('taskset', ['-cp', String(process.pid)], { encoding: 'utf8' });
  if (shown.error !== undefined || shown.status !== 0) return undefined;
  const list = shown.stdout.split(':').at(-1)?.trim() ?? '';
  const cores = list.split(',').flatMap((part) => {
    const [from = Number.NaN, to = from] = part.split('-').map(Number);
    return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
  });
  const [proxy, load] = cores;
  return proxy === undefined || load === undefined ? undefined : { proxy, load };
}

/** Moves this process, the load generator, to its core; children started without a core of their own follow. */
export function pinSelf(core: number): void {
  spawnSync('taskset', ['-acp', String(core), String(process.pid)]);
}

/** Starts Node with arguments, on one core if given. Whatever it says on stderr is shown. */
export const startNode = (args: readonly string[], core: number | undefined, stdout: 'pipe' | number): Child =>
  start([process.execPath, '--no-deprecation', ...args], core, stdout);

export function start(command: readonly string[], core: number | undefined, stdout: 'pipe' | number): Child {
  const [file = '', ...rest] = core === undefined ? command : ['taskset', '-c', String(core), ...command];
  const child = spawn(file, rest, { stdio: ['ignore', stdout, 'inherit'] });
  const exited = once(child, 'exit');
  return {
    pid: child.pid ?? 0,
    process: child,
    async stop() {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 5000);
      await exited;
      clearTimeout(late);
    },
  };
}

/** A free port of the loopback address, for programs that cannot say which one they took. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Waits for the port that a child prints as its first line. */
export async function printedPort(child: Child): Promise<number> {
  const { stdout } = child.process;
  if (stdout === null) throw new Error('the child has no output');
  for await (const line of createInterface({ input: stdout })) return Number(line);
  throw new Error('a child of the bench ended before it listened');
}

/** CPU time of a process so far, µs, user and system; undefined where /proc is not. Assumes the usual 100 ticks a second. */
export function cpuMicros(pid: number): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  } catch {
    return undefined;
  }
}
