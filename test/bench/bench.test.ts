import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { prepare } from '../../bench/policy.ts';

/** The bench must go on working; what it measures is nobody's business here. */

test.each([
  [50, 'by path'],
  [50, 'by person'],
  [50, 'by network'],
  [1000, 'by path'],
] as const)('%d rules %s load, and answer every request of the bench as they must', (rules, shape) => {
  const effects = new Set(prepare(rules, shape).cases.map(({ effect }) => effect));
  expect([...effects].sort()).toEqual(['allow', 'deny', 'step_up']);
});

test('everything that npm brings starts and answers rightly, and the gateway only to somebody signed in', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-test-'));
  const out = join(folder, 'result.json');
  const targets = ['sallyport', 'http-proxy', 'fast-proxy', 'httpxy', 'fastify-http-proxy', 'direct'];
  const run = fileURLToPath(new URL('../../bench/run.ts', import.meta.url));
  const options = ['--smoke', '--load', 'autocannon', '--targets', targets.join(), '--out', out];
  const child = spawn(process.execPath, [run, ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    const [table, said] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
    expect(child.exitCode, said).toBe(0);
    const { rows } = JSON.parse(readFileSync(out, 'utf8')) as { rows: { target: string; requestsPerSecond: number }[] };
    expect(rows.map(({ target }) => target)).toEqual(targets);
    for (const { target, requestsPerSecond } of rows) {
      expect(requestsPerSecond, target).toBeGreaterThan(0);
      expect(table).toContain(`| ${target} `);
    }
  } finally {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);
