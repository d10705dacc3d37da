import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { Service } from '../core/ports.ts';
import { compileHostCheck } from './guard.ts';
import { PROBLEMS, type ProblemReason, problemBody, problemHeaders } from './problem.ts';
import { type AdminDeps, adminRoutes, PROTECTIVE_HEADERS } from './routes.ts';

export interface AdminSettings {
  readonly address: { readonly host: string; readonly port: number };
  /** further names under which the listener is reached */
  readonly hosts: readonly string[];
  /** the administrator's token; undefined: the API answers nobody */
  readonly token: string | undefined;
}

export interface AdminListener extends Service {
  /** the port that is listened on; 0 before `start` and after `close` */
  port(): number;
}

const MAX_HEADERS = 100;
const LIMITS = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 20_000,
  keepAliveTimeout: 15_000,
  connectionsCheckingInterval: 5_000,
} as const;
const MAX_CONNECTIONS = 256;

/**
 * Opens the admin listener: health, metrics and, behind the token, `/api/v1`. A Host that is not its own is 421 (RFC 9110
 * §15.5.20), checked before anything else reads the request. `start` rejects when the address is taken. `close` stops
 * accepting, lets running answers end and cuts what is left at the deadline; close it last, so that readiness can be asked
 * while the gateway drains.
 */
export function openAdminListener(deps: AdminDeps, settings: AdminSettings): AdminListener {
  const { host, port } = settings.address;
  const hostAllowed = compileHostCheck(host, settings.hosts);
  const app = adminRoutes(deps, settings.token);
  const handle = getRequestListener(app.fetch, {
    // the process's own Request and Response stay what they are
    overrideGlobalObjects: false,
    // a target that cannot become a URL: a backslash in it
    errorHandler: () =>
      new Response(problemBody('bad_request'), {
        status: PROBLEMS.bad_request.status,
        headers: { ...problemHeaders('bad_request'), ...PROTECTIVE_HEADERS },
      }),
  });
  const server: Server = createServer(LIMITS, (incoming, outgoing) => {
    const refusal = refusalOf(incoming);
    if (refusal !== undefined) return refuse(outgoing, refusal);
    void handle(incoming, outgoing);
  });
  // Node would leave out what is above its count and go on; we count ourselves (security rule 5)
  server.maxHeadersCount = 0;
  server.maxConnections = MAX_CONNECTIONS;
  let closing: Promise<void> | undefined;

  function refusalOf({ rawHeaders, socket, url }: IncomingMessage): ProblemReason | undefined {
    // an absolute target names a host of its own, and would be the one that counts (RFC 9112 §3.2.2)
    if (url?.startsWith('/') !== true) return 'bad_request';
    if (rawHeaders.length > 2 * MAX_HEADERS) return 'headers_too_large';
    return hostAllowed({ rawHeaders, localAddress: socket.localAddress }) ? undefined : 'misdirected_request';
  }

  return {
    start: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host, port }, () => {
          server.off('error', reject);
          server.on('error', (error) => deps.log.error('admin listener failed', { error: error.message }));
          resolve();
        });
      }),
    port() {
      const address = server.address();
      return address === null || typeof address === 'string' ? 0 : address.port;
    },
    close(deadlineMs) {
      closing ??= new Promise((resolve) => {
        const timer = setTimeout(() => server.closeAllConnections(), deadlineMs);
        // an error here only says that it was not listening
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
        server.closeIdleConnections();
      });
      return closing;
    },
  };
}

function refuse(outgoing: ServerResponse, reason: ProblemReason): void {
  const body = problemBody(reason);
  outgoing.writeHead(PROBLEMS[reason].status, {
    ...problemHeaders(reason),
    ...PROTECTIVE_HEADERS,
    Connection: 'close',
    'Content-Length': Buffer.byteLength(body),
  });
  outgoing.end(body);
}
