import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';

/** Settings of redis.conf; an empty list of `save` points is `''`. */
export type RedisSettings = Readonly<Record<string, string>>;

/** A real server on a port of its own. */
export interface RedisServer {
  readonly port: number;
  readonly url: string;
  readonly directory: string;
  /** a connection for what the test itself wants to see or do */
  readonly client: Redis;
  /** SIGSTOP: it takes connections and answers nothing. */
  freeze(): void;
  thaw(): void;
  /** SIGKILL; resolves once it is gone. */
  kill(): Promise<void>;
  /** Starts it again on its port, over what it left behind. */
  restart(): Promise<void>;
  /** The same over nothing. */
  restartEmpty(): Promise<void>;
  /** Ends it and removes its files. */
  stop(): Promise<void>;
}

const DURABLE: RedisSettings = { appendonly: 'yes', appendfsync: 'always', save: '' };

/** Starts one; unless the settings say otherwise it loses nothing that it acknowledged. */
export async function startRedis(settings: RedisSettings = {}): Promise<RedisServer> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-redis-'));
  const data = join(directory, 'data');
  mkdirSync(data);
  const port = Number(settings.port ?? (settings['tls-port'] === undefined ? await freePort() : 0));
  const all = { ...DURABLE, bind: '127.0.0.1', dir: data, daemonize: 'no', ...settings, port: String(port) };
  let server = await run(all);
  const client = new Redis({ port, host: '127.0.0.1', lazyConnect: true, retryStrategy: () => 20 });
  client.on('error', () => {});

  const kill = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const gone = once(server, 'exit');
    server.kill('SIGKILL');
    await gone;
  };
  const restart = async (): Promise<void> => {
    server = await run(all);
  };
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    directory,
    client,
    freeze: () => void server.kill('SIGSTOP'),
    thaw: () => void server.kill('SIGCONT'),
    kill,
    restart,
    async restartEmpty() {
      rmSync(data, { recursive: true });
      mkdirSync(data);
      await restart();
    },
    async stop() {
      client.disconnect();
      await kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Resolves once it takes commands. */
async function run(settings: RedisSettings): Promise<ChildProcess> {
  const args = Object.entries(settings).flatMap(([key, value]) => [
    `--${key}`,
    ...(value === '' ? [''] : value.split(' ')),
  ]);
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  await new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', () => reject(new Error(`redis-server did not start: ${output}`)));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.stdout.on('data', (chunk) => {
      output += chunk;
      if (/Ready to accept connections/.test(output)) resolve();
    });
  });
  return child;
}

/** One that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}
