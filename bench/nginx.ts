import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Child, freePort, start } from './process.ts';

/** Where nginx is, installed first if that is permitted; undefined: it is not to be had. */
export function findNginx(): string | undefined {
  if (nginxOnPath() === undefined)
    spawnSync('bash', [fileURLToPath(new URL('./services.sh', import.meta.url))], { stdio: 'inherit' });
  return nginxOnPath();
}

/** Servers lie where an ordinary user's PATH may not lead. */
function nginxOnPath(): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, 'nginx')).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface Nginx extends Child {
  readonly url: string;
}

/**
 * Starts nginx as one process, without privileges, with all its files in `folder`, which it makes. With `auth` every request is
 * asked about there first, and the user that it names goes to the application.
 */
export async function startNginx(
  program: string,
  folder: string,
  upstream: string,
  core: number | undefined,
  auth?: string,
): Promise<Nginx> {
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const log = join(folder, 'error.log');
  writeFileSync(
    join(folder, 'nginx.conf'),
    configuration(folder, port, new URL(upstream).host, auth && new URL(auth).host),
  );
  const child = start([program, '-p', folder, '-e', log, '-c', join(folder, 'nginx.conf')], core, 'pipe');
  for (let attempt = 0; attempt < 100; attempt++) {
    if (await accepts(port)) return { ...child, url: `http://127.0.0.1:${port}` };
    if (child.process.exitCode !== null) break;
    await pause(50);
  }
  await child.stop();
  throw new Error(`nginx did not come up; its log:\n${readFileSync(log, 'utf8').slice(-2000)}`);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (open: boolean) => () => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', end(true)).once('error', end(false));
  });
}

/** As its documentation advises: HTTP/1.1 and idle connections on every hop, a buffered log. */
const configuration = (folder: string, port: number, upstream: string, auth: string | undefined): string => `
daemon off;
master_process off;
worker_processes 1;
pid ${folder}/nginx.pid;
events { worker_connections 2048; }
http {
  access_log ${folder}/access.log combined buffer=64k flush=1s;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join('\n  ')}
  keepalive_timeout 120s;
  keepalive_requests 100000000;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $http_host;
  upstream app { server ${upstream}; keepalive 128; keepalive_requests 100000000; keepalive_timeout 120s; }
  ${auth === undefined ? '' : `upstream auth { server ${auth}; keepalive 128; keepalive_requests 100000000; keepalive_timeout 120s; }`}
  server {
    listen 127.0.0.1:${port};
    ${auth === undefined ? 'location / { proxy_pass http://app; }' : GUARDED}
  }
}
`;

const GUARDED = `
    location / {
      auth_request /auth;
      auth_request_set $user $upstream_http_x_user;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-User $user;
      proxy_pass http://app;
    }
    location = /auth {
      internal;
      proxy_pass http://auth;
      proxy_pass_request_body off;
      proxy_set_header Connection "";
      proxy_set_header Content-Length "";
    }`;
