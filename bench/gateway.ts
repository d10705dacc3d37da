import { spawnSync } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Child, startNode } from './process.ts';
import { signIn } from './sign-in.ts';

const CLI = fileURLToPath(new URL('../bin/sallyport.mjs', import.meta.url));
const POLICIES = fileURLToPath(new URL('./policies', import.meta.url));
const USER = 'bench';
const PASSWORD = 'Bench-only horse staple 4711';

export interface Gateway extends Child {
  readonly url: string;
  /** the Cookie header of a signed-in person */
  readonly cookie: string;
}

/**
 * Starts the gateway as an operator would, through its command line only: own configuration and data in `folder`, a local
 * account, the policies beside this file; then signs in over HTTP. `more` is added to the configuration, whole lines of YAML.
 */
export async function startGateway(
  folder: string,
  upstream: string,
  core: number | undefined,
  more = '',
): Promise<Gateway> {
  const [port, adminPort] = [await freePort(), await freePort()];
  const config = join(folder, 'sallyport.yaml');
  mkdirSync(join(folder, 'data'), { recursive: true });
  writeFileSync(config, `${configuration(port, adminPort, upstream)}${more}`);
  const added = spawnSync(
    process.execPath,
    [
      CLI,
      'user',
      'add',
      USER,
      '--email',
      'bench@example.com',
      '--groups',
      'staff',
      '--password-stdin',
      '--config',
      config,
    ],
    { input: `${PASSWORD}\n`, encoding: 'utf8' },
  );
  if (added.status !== 0) throw new Error(`the account could not be made:\n${added.stdout}${added.stderr}`);

  const log = join(folder, 'gateway.log');
  const child = startNode([CLI, 'run', '--config', config], core, openSync(log, 'a'));
  try {
    await ready(`http://127.0.0.1:${adminPort}/readyz`, child);
    const url = `http://127.0.0.1:${port}`;
    return { ...child, url, cookie: await signIn(url, USER, PASSWORD) };
  } catch (error) {
    await child.stop();
    throw new Error(`the gateway did not come up; its log:\n${readFileSync(log, 'utf8').slice(-4000)}`, {
      cause: error,
    });
  }
}

const configuration = (port: number, adminPort: number, upstream: string): string => `version: 1
listen: { http: "127.0.0.1:${port}" }
admin: { address: "127.0.0.1:${adminPort}" }
store: { path: ./data }
policies: ${JSON.stringify(POLICIES)}
audit: { file: ./data/audit.ndjson }
identity:
  providers:
    - { id: staff, type: local }
routes:
  - route: app
    upstream: ${upstream}
    policy: [baseline, app]
`;

async function ready(url: string, child: Child): Promise<void> {
  for (let attempt = 0; attempt < 150; attempt++) {
    if (child.process.exitCode !== null) throw new Error(`it ended with ${child.process.exitCode}`);
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.status === 200) return;
    await pause(100);
  }
  throw new Error('not ready within 15 s');
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = address !== null && typeof address === 'object' ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
