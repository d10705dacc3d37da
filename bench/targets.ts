import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type GatewayOptions, startGateway } from './gateway.ts';
import { BROWSER_HEADERS } from './load.ts';
import { findNginx, startNginx } from './nginx.ts';
import { type Child, printedPort, startNode } from './process.ts';
import { SESSION } from './rivals/auth-service.ts';

/** Where targets are started. */
export interface Setting {
  /** of the bench; a target takes a folder in it for itself */
  readonly folder: string;
  /** where the application is */
  readonly upstream: string;
  /** for proxies and what belongs to them */
  readonly core: number | undefined;
  /** has a child stopped at the end */
  readonly keep: <C extends Child>(child: C) => C;
}

export interface Opened {
  readonly url: string;
  /** the Cookie header that lets a request through */
  readonly cookie: string;
  /** the processes whose CPU time a request costs, the application's and the load's aside */
  readonly pids: readonly number[];
}

export interface TargetSpec {
  readonly name: string;
  /** what it does for a request */
  readonly does: string;
  /** part of a quick run */
  readonly quick: boolean;
  /** without the cookie nothing may reach the application */
  readonly guarded: boolean;
  /** undefined: it is not installed here */
  open(setting: Setting): Promise<Opened | undefined>;
}

/** Other cookies that a browser has for the application. */
const COOKIE = 'theme=dark; sidebar=open';

/** Every target, in the order of the table. The first is measured against the others. */
export const TARGETS: readonly TargetSpec[] = [
  {
    name: 'sallyport',
    does: 'session cookie, roles, 50 rules, identity headers and assertion, audit; decisions are remembered',
    quick: true,
    guarded: true,
    open: gateway('sallyport', {}),
  },
  {
    name: 'sallyport-uncached',
    does: 'the same with one rule more, which reads a header, so that every request is judged anew',
    quick: false,
    guarded: true,
    open: gateway('sallyport-uncached', { uncached: true }),
  },
  rival('http-proxy', { quick: true }),
  rival('fast-proxy', { quick: true }),
  rival('httpxy', { quick: false }),
  rival('fastify-http-proxy', { quick: false }),
  {
    name: 'nginx',
    does: 'forwards; log in a file',
    quick: true,
    guarded: false,
    open: openNginx,
  },
  {
    name: 'nginx-auth',
    does: 'forwards what a service on Node allows by the session cookie, and names the user; log in a file',
    quick: true,
    guarded: true,
    open: openNginxAuth,
  },
  {
    name: 'direct',
    does: 'no proxy: the ceiling of load generator and application together, which share a core',
    quick: false,
    guarded: false,
    open: ({ upstream }) => Promise.resolve({ url: `${upstream}/page`, cookie: COOKIE, pids: [] }),
  },
];

function gateway(name: string, options: GatewayOptions): TargetSpec['open'] {
  return async ({ folder, upstream, core, keep }) => {
    const { url, path, cookie, pid } = keep(await startGateway(join(folder, name), upstream, core, options));
    return { url: `${url}${path}`, cookie: `${COOKIE}; ${cookie}`, pids: [pid] };
  };
}

/** A library in a server of a few lines, rivals/NAME.ts: no policy, no log, no header of its own. */
function rival(name: string, { quick }: { readonly quick: boolean }): TargetSpec {
  return {
    name,
    does: 'forwards; no policy, no log',
    quick,
    guarded: false,
    async open({ upstream, core, keep }) {
      const child = keep(startNode([script(`rivals/${name}.ts`), upstream], core, 'pipe'));
      return { url: `http://127.0.0.1:${await printedPort(child)}/page`, cookie: COOKIE, pids: [child.pid] };
    },
  };
}

async function openNginx({ folder, upstream, core, keep }: Setting): Promise<Opened | undefined> {
  const program = findNginx();
  if (program === undefined) return undefined;
  const { url, pid } = keep(await startNginx(program, join(folder, 'nginx'), upstream, core));
  return { url: `${url}/page`, cookie: COOKIE, pids: [pid] };
}

async function openNginxAuth({ folder, upstream, core, keep }: Setting): Promise<Opened | undefined> {
  const program = findNginx();
  if (program === undefined) return undefined;
  const service = keep(startNode([script('rivals/auth-service.ts'), upstream], core, 'pipe'));
  const auth = `http://127.0.0.1:${await printedPort(service)}`;
  const { url, pid } = keep(await startNginx(program, join(folder, 'nginx-auth'), upstream, core, auth));
  return { url: `${url}/page`, cookie: `${COOKIE}; session=${SESSION}`, pids: [pid, service.pid] };
}

export const headersWith = (cookie: string): Readonly<Record<string, string>> => ({ ...BROWSER_HEADERS, cookie });

const script = (name: string): string => fileURLToPath(new URL(`./${name}`, import.meta.url));
