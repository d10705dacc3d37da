import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type RunningCommand, startSallyport } from '../support/command.ts';
import { type Send, senderTo } from '../support/gateway.ts';

export const STAFF = `
version: 1
policy: staff
rules:
  - allow: staff
    when: { identity.groups: { any_of: [staff] } }
`;

/** A directory with a configuration on free ports; `more` holds `routes:` and whatever else it shall say. */
export function configured(more: string, files: Readonly<Record<string, string>> = {}): string {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-app-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const all = { 'sallyport.yaml': configText(more), 'policies/staff.yaml': STAFF, ...files };
  for (const [name, text] of Object.entries(all)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  return directory;
}

/** A whole configuration; a key that `more` says replaces the one given here. */
export function configText(more: string): string {
  const common = {
    version: '1',
    listen: '{ http: 127.0.0.1:0 }',
    admin: '{ address: 127.0.0.1:0 }',
    store: '{ path: data }',
    policies: 'policies',
    identity: '{ providers: [{ id: staff, type: local }] }',
  };
  const lines = Object.entries(common).filter(([key]) => !new RegExp(`^${key}:`, 'm').test(more));
  return `${lines.map(([key, value]) => `${key}: ${value}\n`).join('')}${more}\n`;
}

export interface GatewayProcess {
  readonly command: RunningCommand;
  readonly port: number;
  readonly adminPort: number;
  readonly send: Send;
}

/** `sallyport run` in a process of its own, serving; ended with the test whatever it does. */
export async function startGateway(
  directory: string,
  env: NodeJS.ProcessEnv = {},
  bin?: string,
): Promise<GatewayProcess> {
  const command = startSallyport(['run', '--config', join(directory, 'sallyport.yaml')], env, bin);
  onTestFinished(async () => {
    command.process.kill('SIGKILL');
    await command.ended;
  });
  const [, port, adminPort] = await command.says(/"gateway":"127\.0\.0\.1:(\d+)","admin":"127\.0\.0\.1:(\d+)"/);
  return { command, port: Number(port), adminPort: Number(adminPort), send: senderTo(Number(port)) };
}

/** Readiness as a load balancer sees it. */
export async function readiness(adminPort: number): Promise<{ readonly status: number; readonly reasons: string[] }> {
  const answer = await fetch(`http://127.0.0.1:${adminPort}/readyz`, { headers: { Connection: 'close' } });
  const { reasons } = (await answer.json()) as { reasons: string[] };
  return { status: answer.status, reasons };
}

/** One figure; labels, where there are any, as the scrape writes them: `name{kind="session"}`. */
export async function metric(adminPort: number, name: string): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${adminPort}/metrics`, { headers: { Connection: 'close' } });
  const line = (await answer.text()).split('\n').find((each) => each.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? Number.NaN);
}

/** Events of an audit file; lines that are none are returned apart. */
export function auditOf(file: string): {
  readonly events: readonly Record<string, unknown>[];
  readonly torn: string[];
} {
  const events: Record<string, unknown>[] = [];
  const torn: string[] = [];
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line === '') continue;
    try {
      events.push(JSON.parse(line));
    } catch {
      torn.push(line);
    }
  }
  return { events, torn };
}

/** Asks until the answer is the one; every round waits for a real answer, the test's time limit is the only one. */
export async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setImmediate(resolve));
}
