import { Agent, request } from 'node:http';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import autocannon from 'autocannon';

export interface Target {
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** every answer must be this, byte for byte */
  readonly body: string;
}

export interface Measurement {
  readonly requests: number;
  readonly perSecond: number;
  /** ms */
  readonly p50: number;
  readonly p99: number;
}

/** What a browser sends along: ten headers, some 700 bytes with the cookie. */
export const BROWSER_HEADERS = {
  accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  'accept-encoding': 'gzip, deflate, br',
  'accept-language': 'en-GB,en;q=0.9,de;q=0.8',
  'cache-control': 'no-cache',
  'sec-fetch-dest': 'document',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-site': 'same-origin',
  'upgrade-insecure-requests': '1',
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
} as const;

/**
 * As many requests as the target takes, over keep-alive connections. Throws when any answer was not a 2xx with the right
 * body: a figure for wrong answers is worse than none.
 */
export async function saturate(target: Target, connections: number, seconds: number): Promise<Measurement> {
  const latencies: number[] = [];
  const { url, headers, body } = target;
  const result = await new Promise<Parameters<Parameters<typeof autocannon>[1]>[1]>((resolve, reject) => {
    // a moment on a busy machine may see no answer at all, so that short runs go by number
    const length = seconds < 1 ? { amount: 10 * connections, sampleInt: 50 } : { duration: seconds };
    autocannon({ url, headers, connections, ...length, expectBody: body }, (error, found) =>
      error === null ? resolve(found) : reject(error),
    ).on('response', (_client, _status, _bytes, ms) => latencies.push(ms));
  });
  const wrong = result.non2xx + result.errors + result.timeouts + result.mismatches;
  if (wrong > 0 || result['2xx'] === 0) {
    const { non2xx, errors, timeouts, mismatches } = result;
    throw new Error(
      `${target.name}: wrong answers ${JSON.stringify({ ok: result['2xx'], non2xx, errors, timeouts, mismatches })}`,
    );
  }
  return { requests: result['2xx'], perSecond: result['2xx'] / result.duration, ...percentiles(latencies) };
}

/**
 * A fixed number of requests a second, evenly spaced whether or not earlier ones were answered. Latency counts from the
 * moment a request was due, so that a target that stalls cannot hide it. Throws like `saturate`.
 */
export async function pace(
  target: Target,
  connections: number,
  seconds: number,
  perSecond: number,
): Promise<Measurement> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const latencies: number[] = [];
  const running: Promise<void>[] = [];
  const total = seconds * perSecond;
  const start = performance.now();
  while (running.length < total) {
    const due = Math.min(total, Math.floor(((performance.now() - start) * perSecond) / 1000) + 1);
    while (running.length < due) {
      const dueAt = start + (running.length * 1000) / perSecond;
      running.push(sample(target, agent).then(() => void latencies.push(performance.now() - dueAt)));
    }
    await pause(1);
  }
  await Promise.all(running);
  agent.destroy();
  return { requests: total, perSecond: (total * 1000) / (performance.now() - start), ...percentiles(latencies) };
}

/** One request, whose answer must be right in every byte. */
export async function sample(target: Target, agent: Agent | false = false): Promise<void> {
  const { status, text } = await exchange(target, agent);
  if (status !== 200 || text !== target.body)
    throw new Error(`${target.name}: status ${status}, ${text.length} characters`);
}

/** The answer to one request of a target. */
export function exchange(
  { url, headers }: Target,
  agent: Agent | false,
): Promise<{ readonly status: number | undefined; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent, headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      answer.once('error', reject).once('end', () => resolve({ status: answer.statusCode, text }));
    });
    outgoing.once('error', reject).end();
  });
}

export function percentiles(values: readonly number[]): { readonly p50: number; readonly p99: number } {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}

export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2;
}
