import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Answer } from '../core/handler.ts';
import type { GatewayReason } from '../core/reasons.ts';
import type { Exchange } from './exchange.ts';
import { NodeExchange } from './node-exchange.ts';

export interface LaneOptions {
  readonly host: string;
  readonly port: number;
  /** our own limit of the whole head, bytes; the parser gets a little more so that ours is the one that answers */
  readonly maxHeadBytes: number;
  readonly headersTimeoutMs: number;
  /** the whole request, body included; 0: no limit */
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  /** nothing moves on a connection in the middle of an exchange: it is cut */
  readonly idleTimeoutMs: number;
}

export interface Lane {
  /** Resolves to the bound port; rejects when it cannot be bound. */
  listen(): Promise<number>;
  /** Stops accepting, lets what runs finish, cuts what is left after the deadline. Idempotent. */
  close(deadlineMs: number): Promise<void>;
}

/**
 * HTTP/1.1 over `node:http`. The lane only frames: whatever the parser let through goes up unread, and what it refused is
 * answered with `broken`. Nothing is listened to for `upgrade`, so an upgrade arrives as an ordinary request and its bytes
 * are never tunnelled.
 *
 * @param handle takes over the exchange; must not throw
 * @param broken the answer for a request that could not even be parsed
 */
export function openNodeLane(
  options: LaneOptions,
  handle: (exchange: Exchange) => void,
  broken: (reason: GatewayReason, peerAddress: string) => Answer,
): Lane {
  let draining = false;
  const isDraining = (): boolean => draining;
  const server: Server = createServer({
    insecureHTTPParser: false,
    // Node would otherwise answer a missing Host itself, without our id and reason
    requireHostHeader: false,
    joinDuplicateHeaders: false,
    maxHeaderSize: options.maxHeadBytes * 2 + 4096,
    headersTimeout: options.headersTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    keepAliveTimeout: options.keepAliveTimeoutMs,
    connectionsCheckingInterval: 1000,
  });
  // 0 means no truncation: a header that is cut off still frames the body (Node CVE-2026-58044); we count ourselves
  server.maxHeadersCount = 0;
  server.setTimeout(options.idleTimeoutMs);
  const unanswered = new WeakMap<Socket, Set<NodeExchange>>();
  const take = (awaitsContinue: boolean) => (request: IncomingMessage, response: ServerResponse) => {
    const ofSocket = unanswered.get(request.socket) ?? new Set();
    // pipelined behind a request that was refused: its bytes may be the refused one's body, so they are nobody's request
    for (const earlier of ofSocket) if (earlier.closing) return;
    const exchange = new NodeExchange(request, response, false, awaitsContinue, isDraining);
    unanswered.set(request.socket, ofSocket.add(exchange));
    exchange.onClose(() => ofSocket.delete(exchange));
    handle(exchange);
  };
  const refuse = (socket: Socket, reason: GatewayReason): void => {
    const [first, second] = unanswered.get(socket) ?? [];
    // an error of ours must not be read as the answer to an earlier request that is still being worked on
    if (first === undefined) answerRaw(socket, broken(reason, socket.remoteAddress ?? ''));
    else if (second !== undefined || first.started) socket.destroy();
    else if (first.received) first.onClose(() => socket.destroy());
    else {
      first.renounce();
      answerRaw(socket, broken(reason, socket.remoteAddress ?? ''));
    }
  };
  server.on('request', take(false));
  server.on('checkContinue', take(true));
  server.on('checkExpectation', take(false));
  server.on('connect', (_request: IncomingMessage, socket: Socket) => refuse(socket, 'ambiguous_request'));
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const reason = reasonOf(error);
    if (reason === undefined) socket.destroy();
    else refuse(socket, reason);
  });
  return {
    listen: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(options.port, options.host, () => {
          server.off('error', reject);
          resolve((server.address() as AddressInfo).port);
        });
      }),
    close: async (deadlineMs) => {
      if (!server.listening) return;
      draining = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const cut = setTimeout(() => server.closeAllConnections(), deadlineMs);
      await closed;
      clearTimeout(cut);
    },
  };
}

/** What was wrong with the request; undefined: nothing, the client is gone. */
function reasonOf({ code }: NodeJS.ErrnoException): GatewayReason | undefined {
  if (code === 'HPE_HEADER_OVERFLOW') return 'headers_too_large';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request_timeout';
  return code?.startsWith('HPE_') ? 'ambiguous_request' : undefined;
}

/** Answers on a socket that has no parser any more, and closes it. */
function answerRaw(socket: Socket, answer: Answer): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = Buffer.from(answer.body);
  const lines = answer.headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const reason = STATUS_CODES[answer.status] ?? 'Refused';
  const head = `HTTP/1.1 ${answer.status} ${reason}\r\n${lines}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
  socket.end(Buffer.concat([Buffer.from(head, 'latin1'), body]), () => socket.destroySoon());
}
