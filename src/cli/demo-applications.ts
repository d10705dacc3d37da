import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, existsSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { CommandFailure } from './output.ts';

/** One application behind the demonstration, as it comes from npm. */
export interface Application {
  readonly origin: string;
  stop(): void;
}

const require = createRequire(import.meta.url);
const START_LIMIT_MS = 30_000;

/** TiddlyWiki, told to believe the identity header: that is all its integration takes. Pages are kept under `home`. */
export async function startWiki(home: string): Promise<Application> {
  const program = programOf('tiddlywiki/package.json', 'tiddlywiki.js');
  const wiki = join(home, 'wiki');
  if (!existsSync(join(wiki, 'tiddlywiki.info'))) await runOnce(program, [wiki, '--init', 'server'], home, 'wiki');
  const port = await freePort();
  const listen = [
    `port=${port}`,
    'host=127.0.0.1',
    'authenticated-user-header=X-Forwarded-User',
    'readers=(authenticated)',
    'writers=(authenticated)',
  ];
  return startApplication('wiki', program, [wiki, '--listen', ...listen], home, port);
}

/** json-server over a file of orders and announcements. */
export async function startApi(home: string, seeds: string): Promise<Application> {
  const program = programOf('json-server/package.json', 'lib/cli/bin.js');
  const file = join(home, 'api.json');
  if (!existsSync(file)) copyFileSync(join(seeds, 'api-data.json'), file);
  const port = await freePort();
  const args = [
    '--host',
    '127.0.0.1',
    '--port',
    String(port),
    '--quiet',
    '--routes',
    join(seeds, 'api-routes.json'),
    file,
  ];
  return startApplication('api', program, args, home, port);
}

function programOf(manifest: string, script: string): string {
  try {
    return join(require.resolve(manifest), '..', script);
  } catch {
    const name = manifest.slice(0, manifest.indexOf('/'));
    throw new CommandFailure(
      `the demonstration needs the package ${name}: run it in a clone after \`npm ci\`, or \`npm install ${name}\``,
    );
  }
}

async function startApplication(
  name: string,
  program: string,
  args: readonly string[],
  home: string,
  port: number,
): Promise<Application> {
  const child = startProcess(program, args, home, name);
  let failed: Error | undefined;
  child.once('exit', (code) => {
    failed = new CommandFailure(
      `the ${name} of the demonstration ended with ${code}; see ${join(home, `${name}.log`)}`,
    );
  });
  child.once('error', (error) => {
    failed = error;
  });
  await reachable(port, () => failed);
  return { origin: `http://127.0.0.1:${port}`, stop: () => void child.kill('SIGTERM') };
}

function startProcess(program: string, args: readonly string[], home: string, name: string): ChildProcess {
  const log = openSync(join(home, `${name}.log`), 'a');
  return spawn(process.execPath, [program, ...args], { stdio: ['ignore', log, log] });
}

function runOnce(program: string, args: readonly string[], home: string, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = startProcess(program, args, home, name);
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0) resolve();
      else
        reject(
          new CommandFailure(`the ${name} of the demonstration cannot be prepared; see ${join(home, `${name}.log`)}`),
        );
    });
  });
}

/** Resolves once somebody listens on the port. */
async function reachable(port: number, failure: () => Error | undefined): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new CommandFailure(`an application of the demonstration does not listen on port ${port}`)),
    START_LIMIT_MS,
  );
  try {
    await Promise.race([late, untilReachable(port, failure)]);
  } finally {
    clearTimeout(timer);
  }
}

async function untilReachable(port: number, failure: () => Error | undefined): Promise<void> {
  while (!(await isOpen(port))) {
    const failed = failure();
    if (failed !== undefined) throw failed;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
