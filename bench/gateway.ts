import { spawnSync } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Child, freePort, startNode } from './process.ts';
import { rulesOf, writeRules } from './rules.ts';
import { signIn } from './sign-in.ts';

const CLI = fileURLToPath(new URL('../bin/sallyport.mjs', import.meta.url));
const USER = 'bench';
const PASSWORD = 'Bench-only horse staple 4711';

/** What the route's policies have, beside roles.yaml: rules that tell areas of paths apart (rules.ts). */
export const RULES = 50;

export interface Gateway extends Child {
  readonly url: string;
  /** a path that the last rule allows */
  readonly path: string;
  /** the Cookie header of a signed-in person */
  readonly cookie: string;
}

export interface GatewayOptions {
  /** one rule more, which reads a header: then no decision is remembered */
  readonly uncached?: boolean;
  /** added to the configuration, whole lines of YAML */
  readonly more?: string;
}

/**
 * Starts the gateway as an operator would, through its command line only: own configuration, policies and data in `folder`,
 * which it makes, and a local account; then signs in over HTTP.
 */
export async function startGateway(
  folder: string,
  upstream: string,
  core: number | undefined,
  { uncached = false, more = '' }: GatewayOptions = {},
): Promise<Gateway> {
  const [port, adminPort] = [await freePort(), await freePort()];
  const config = join(folder, 'sallyport.yaml');
  const policies = join(folder, 'policies');
  for (const made of [policies, join(folder, 'data')]) mkdirSync(made, { recursive: true });
  const rules = rulesOf(RULES);
  const area = rules.areas.at(-1) ?? '';
  writeRules(policies, rules);
  writeFileSync(join(policies, 'headers.yaml'), HEADER_RULE);
  const layers = uncached ? [...rules.layers, 'headers'] : rules.layers;
  writeFileSync(config, `${configuration(port, adminPort, upstream, layers)}${more}`);
  addAccount(config, [area, `${area}-leads`, 'staff', 'berlin']);

  const log = join(folder, 'gateway.log');
  const child = startNode([CLI, 'run', '--config', config], core, openSync(log, 'a'));
  try {
    await ready(`http://127.0.0.1:${adminPort}/readyz`, child);
    const url = `http://127.0.0.1:${port}`;
    return { ...child, url, path: `/${area}/page`, cookie: await signIn(url, USER, PASSWORD) };
  } catch (error) {
    await child.stop();
    throw new Error(`the gateway did not come up; its log:\n${readFileSync(log, 'utf8').slice(-4000)}`, {
      cause: error,
    });
  }
}

function addAccount(config: string, groups: readonly string[]): void {
  const account = ['user', 'add', USER, '--email', 'bench@example.com', '--groups', groups.join()];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [CLI, ...account, '--password-stdin', '--config', config],
    { input: `${PASSWORD}\n`, encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`the account could not be made:\n${stdout}${stderr}`);
}

const HEADER_RULE = `version: 1
policy: headers
rules:
  - deny: debugging
    when: { request.header.x-debug: { present: true } }
`;

const configuration = (port: number, adminPort: number, upstream: string, layers: readonly string[]): string =>
  `version: 1
listen: { http: "127.0.0.1:${port}" }
admin: { address: "127.0.0.1:${adminPort}" }
store: { path: ./data }
policies: ./policies
audit: { file: ./data/audit.ndjson }
identity:
  providers:
    - { id: staff, type: local }
routes:
  - route: app
    upstream: ${upstream}
    policy: [${layers.join(', ')}]
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
