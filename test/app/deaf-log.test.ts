import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, writeFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { senderTo } from '../support/gateway.ts';
import { openUpstream } from '../support/upstream.ts';
import { configText, configured, metric, readiness, until } from './process.ts';

const BIN = fileURLToPath(new URL('../../bin/sallyport.mjs', import.meta.url));
const opened: number[] = [];
afterEach(() => {
  for (const fd of opened.splice(0)) closeSync(fd);
});
const open = (path: string, flags: number): number => {
  const fd = openSync(path, flags);
  opened.push(fd);
  return fd;
};

/** A pipe that is full and has no reader that would empty it. */
function fullPipe(directory: string): number {
  const path = join(directory, 'pipe');
  execFileSync('mkfifo', [path]);
  const filler = open(path, constants.O_RDWR | constants.O_NONBLOCK);
  // with its other end open nowhere else, it stays full
  const full = open(path, constants.O_WRONLY);
  for (const bytes of [4096, 1]) {
    try {
      for (;;) writeSync(filler, Buffer.alloc(bytes, '\n'));
    } catch (error) {
      expect(error).toMatchObject({ code: 'EAGAIN' });
    }
  }
  return full;
}

/** Two ports that nobody uses; the log, which tells them otherwise, cannot be read here. */
async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()];
  const ports: number[] = [];
  for (const server of servers) {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    ports.push((server.address() as { port: number }).port);
  }
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  return ports as [number, number];
}

async function started(stdout: (directory: string) => number | 'pipe') {
  const upstream = await openUpstream();
  onTestFinished(() => upstream.close());
  const [port, adminPort] = await freePorts();
  const routes = `routes:\n  - { route: app, upstream: "${upstream.origin}", public: true }`;
  const more = `listen: { http: 127.0.0.1:${port} }\nadmin: { address: 127.0.0.1:${adminPort} }\n${routes}`;
  const directory = configured(more);
  const file = join(directory, 'sallyport.yaml');
  const child: ChildProcess = spawn(process.execPath, [BIN, 'run', '--config', file], {
    stdio: ['ignore', stdout(directory), 'inherit'],
  });
  child.stdout?.destroy();
  const ended = once(child, 'close');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  await until(async () => {
    const ready = await readiness(adminPort).catch(() => undefined);
    return ready?.status === 200 || child.exitCode !== null;
  });
  const reload = (text: string): void => writeFileSync(file, configText(`${more}\n${text}`));
  return { child, ended, adminPort, send: senderTo(port), reload };
}

describe('a gateway whose log cannot be written', () => {
  it.each<[string, (directory: string) => number | 'pipe']>([
    ['a full disk', () => open('/dev/full', constants.O_WRONLY)],
    ['a pipe that is full and that nobody reads', fullPipe],
    ['a pipe whose reader is gone', () => 'pipe'],
  ])('serves, reloads, and ends with 0 on SIGTERM: %s', async (_name, stdout) => {
    const { child, ended, adminPort, send, reload } = await started(stdout);
    expect((await send('GET /a HTTP/1.1')).status).toBe(200);
    // every reading is logged, a refused one with all that is wrong
    reload('nonsense: true');
    await until(async () => (await metric(adminPort, 'sallyport_config_reload_success')) === 0);
    reload('');
    await until(async () => (await metric(adminPort, 'sallyport_config_reload_success')) === 1);
    expect((await send('GET /b HTTP/1.1')).status).toBe(200);
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });
});

describe('a gateway that fails once it serves', () => {
  it('closes what it opened and ends with 1', async () => {
    const directory = configured('routes:\n  - { route: app, upstream: "http://127.0.0.1:9", public: true }');
    const program = `
      import { runGateway } from ${JSON.stringify(new URL('../../src/cli/run.ts', import.meta.url).href)};
      const options = { file: process.argv[1], logLevel: 'info', env: process.env };
      const onStarted = () => Promise.reject(new Error('no account could be made'));
      await runGateway({ ...options, onStarted }).catch((error) => {
        console.error(error.message);
        process.exitCode = 1;
      });`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program, join(directory, 'sallyport.yaml')], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    onTestFinished(() => void child.kill('SIGKILL'));
    expect(await once(child, 'close')).toEqual([1, null]);
    expect(output).toContain('no account could be made');
    expect(output).toMatch(/"serving"[\s\S]*"stopped"/);
  });
});
