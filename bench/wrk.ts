import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type Measurement, sample, type Target } from './load.ts';

const SCRIPT = fileURLToPath(new URL('./wrk.lua', import.meta.url));

/** What wrk.lua prints. */
interface Counted {
  readonly requests: number;
  readonly bytes: number;
  readonly micros: number;
  /** answers of 400 and above */
  readonly status: number;
  readonly broken: number;
  /** µs */
  readonly p50: number;
  readonly p99: number;
}

export const hasWrk = (): boolean => spawnSync('wrk', ['-v'], { stdio: 'ignore' }).error === undefined;

/**
 * As `saturate`, with wrk, which takes less of the load's core. It looks at no body, so one is compared before and one after,
 * no status may be an error, and all answers together must be as long as so many right ones are at least. Throws otherwise.
 */
export async function saturateWithWrk(target: Target, connections: number, seconds: number): Promise<Measurement> {
  await sample(target);
  const headers = Object.entries(target.headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  // whole seconds are all that wrk knows
  const args = ['-t1', `-c${connections}`, `-d${Math.ceil(seconds)}s`, '-s', SCRIPT, ...headers, target.url];
  const child = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [printed] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  const line = printed.split('\n').find((each) => each.startsWith('{'));
  if (line === undefined) throw new Error(`${target.name}: wrk said ${printed}`);
  const counted = JSON.parse(line) as Counted;
  const { requests, bytes, status, broken } = counted;
  if (requests === 0 || status > 0 || broken > 0 || bytes < requests * target.body.length)
    throw new Error(`${target.name}: wrong answers ${line}`);
  await sample(target);
  return {
    requests,
    perSecond: (requests * 1e6) / counted.micros,
    p50: counted.p50 / 1000,
    p99: counted.p99 / 1000,
  };
}
