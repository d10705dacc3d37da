import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { openAudit } from '../../src/audit/audit.ts';
import type { AuditEvent } from '../../src/core/event.ts';
import type { LogFields } from '../../src/core/ports.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'audit-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export const clock = { now: () => Date.now(), monotonic: () => performance.now() };

export function audit(file: string, maxQueue?: number) {
  const dropped: number[] = [];
  const logged: string[] = [];
  const write = (message: string, _fields?: LogFields) => void logged.push(message);
  const log = { debug: write, info: write, warn: write, error: write };
  const service = openAudit(
    { clock, log, onDropped: (count) => dropped.push(count) },
    { file, ...(maxQueue === undefined ? {} : { maxQueue }) },
  );
  cleanups.push(() => service.close(1000));
  return { service, logged, dropped: () => dropped.reduce((a, b) => a + b, 0) };
}

export const event = (detail: string, more: Partial<AuditEvent> = {}): AuditEvent => ({
  time: 1_700_000_000_000,
  type: 'decision',
  action: 'request',
  result: 'allow',
  detail,
  ...more,
});

/** Every line of the file, parsed; a line that is no JSON throws. */
export const lines = (file: string): AuditEvent[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AuditEvent);
