import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from './setup.ts';

/** Records durably in several lines of work and prints a number once it is acknowledged; decisions in between. */
const program = (file: string, from: number) => `
  import { writeSync } from 'node:fs';
  import { openAudit } from ${JSON.stringify(new URL('../../src/audit/audit.ts', import.meta.url).href)};
  const nothing = () => {};
  const log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
  const clock = { now: () => Date.now(), monotonic: () => performance.now() };
  const audit = openAudit({ clock, log, onDropped: nothing }, { file: ${JSON.stringify(file)} });
  await audit.start();
  let next = ${from};
  const work = async () => {
    for (;;) {
      const detail = String(next++);
      for (let i = 0; i < 20; i++) audit.record({ time: 1, type: 'decision', action: 'request', result: 'allow', detail: 'x'.repeat(500) });
      await audit.recordDurably({ time: 1, type: 'authentication', action: 'sign_in', result: 'success', detail });
      writeSync(1, detail + '\\n');
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
`;

/** Runs the program until `count` acknowledgements came, kills it, and gives all that came. */
async function runAndKill(file: string, from: number, count: number): Promise<string[]> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program(file, from)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const acknowledged: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(line);
    if (acknowledged.length === count) child.kill('SIGKILL');
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  expect(child.signalCode).toBe('SIGKILL');
  return acknowledged;
}

const details = (file: string) => {
  const found = new Set<string>();
  const torn: string[] = [];
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line === '') continue;
    try {
      const { type, detail } = JSON.parse(line);
      if (type === 'authentication') found.add(detail);
    } catch {
      torn.push(line);
    }
  }
  return { found, torn };
};

describe('a process that is killed', () => {
  test('leaves every acknowledged record in the file, and its successors’ records whole', async () => {
    const file = join(temporaryFolder(), 'audit.ndjson');
    for (let round = 0; round < 3; round++) {
      const acknowledged = await runAndKill(file, round * 100_000, 50);
      const { found, torn } = details(file);
      expect(acknowledged.length).toBeGreaterThanOrEqual(50);
      expect(acknowledged.filter((detail) => !found.has(detail))).toEqual([]);
      expect(torn.length).toBeLessThanOrEqual(round + 1);
    }
  });
  test('does not spoil the records of the others that write the same file', async () => {
    const file = join(temporaryFolder(), 'audit.ndjson');
    const all = await Promise.all([runAndKill(file, 100_000, 30), runAndKill(file, 200_000, 80)]);
    const { found, torn } = details(file);
    expect(all.flat().filter((detail) => !found.has(detail))).toEqual([]);
    expect(torn.length).toBeLessThanOrEqual(2);
  });
});
