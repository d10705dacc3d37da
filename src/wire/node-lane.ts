import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Answer } from '../core/handler.ts';
import type { GatewayReason } from '../core/reasons.ts';
import type { Exchange } from './exchange.ts';
import { NodeConnection } from './node-connection.ts';
import { NodeExchange } from './node-exchange.ts';

export interface LaneOptions {
  readonly host: string;
  readonly port: number;
  /** our own limit of the whole head, bytes */
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

/** The parser holds more than our limits allow, so that they are what answers: 414, or 431 with the right reason. */
const PARSER_HEAD_BYTES = 128 * 1024;

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
    maxHeaderSize: Math.max(options.maxHeadBytes * 2, PARSER_HEAD_BYTES),
    headersTimeout: options.headersTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    keepAliveTimeout: options.keepAliveTimeoutMs,
    connectionsCheckingInterval: 1000,
  });
  // 0 means no truncation: a header that is cut off still frames the body (Node CVE-2026-58044); we count ourselves
  server.maxHeadersCount = 0;
  server.setTimeout(options.idleTimeoutMs);
  // kept by ourselves: Node counts a connection on which nothing was ever sent as busy, for ever once the server closes
  const connections = new Map<Socket, NodeConnection>();
  server.on('connection', (socket) => {
    connections.set(socket, new NodeConnection(socket, handle, isDraining));
    socket.once('close', () => connections.delete(socket));
  });
  const take = (awaitsContinue: boolean) => (request: IncomingMessage, response: ServerResponse) => {
    const connection = connections.get(request.socket);
    if (connection === undefined) return;
    const onLast = (): void => connection.end();
    connection.take(new NodeExchange(request, response, { secure: false, awaitsContinue, isDraining, onLast }));
  };
  const refuse = (socket: Socket, reason: GatewayReason): void =>
    connections.get(socket)?.refuse(() => broken(reason, socket.remoteAddress ?? ''));
  server.on('request', take(false));
  server.on('checkContinue', take(true));
  server.on('checkExpectation', take(false));
  server.on('connect', (_request: IncomingMessage, socket: Socket) => refuse(socket, 'ambiguous_request'));
  server.on('clientError', (error: ParseError, socket: Socket) => {
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
      for (const [socket, connection] of connections) if (connection.idle) socket.destroy();
      const cut = setTimeout(() => server.closeAllConnections(), deadlineMs);
      await closed;
      clearTimeout(cut);
    },
  };
}

/** What Node's parser says of bytes that it refuses. */
interface ParseError extends NodeJS.ErrnoException {
  /** the piece that it was reading */
  readonly rawPacket?: Buffer;
}

/** What was wrong with the request; undefined: nothing, the client is gone. */
function reasonOf({ code, rawPacket }: ParseError): GatewayReason | undefined {
  if (code === 'HPE_HEADER_OVERFLOW') return isAllTarget(rawPacket) ? 'uri_too_long' : 'headers_too_large';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request_timeout';
  return code?.startsWith('HPE_') ? 'ambiguous_request' : undefined;
}

/** The piece begins with a request line and never gets to its end. */
const isAllTarget = (packet: Buffer | undefined): boolean =>
  packet !== undefined && /^[A-Z-]+ \//.test(packet.toString('latin1', 0, 32)) && !packet.includes('\r\n');
