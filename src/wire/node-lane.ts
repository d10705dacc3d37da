import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Answer } from '../core/handler.ts';
import type { Log } from '../core/ports.ts';
import type { GatewayReason } from '../core/reasons.ts';
import type { AdmissionLimits, ConnectionRefusal } from './admission.ts';
import { Door } from './door.ts';
import type { Exchange } from './exchange.ts';
import { NodeConnection, type Slowness } from './node-connection.ts';
import { NodeExchange } from './node-exchange.ts';
import type { MinRate } from './pace.ts';
import { Tally } from './tally.ts';

export interface LaneOptions {
  readonly host: string;
  readonly port: number;
  /** our own limit of the whole head, bytes */
  readonly maxHeadBytes: number;
}

/** What may change while the lane is open. */
export interface LaneLimits extends AdmissionLimits {
  readonly headersTimeoutMs: number;
  /** the whole request, body included; 0: no limit */
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  /** nothing moves on a connection in the middle of an exchange: it is cut */
  readonly idleTimeoutMs: number;
  readonly minRate: MinRate;
}

export interface LaneDeps {
  readonly log: Log;
  /** takes over the exchange; must not throw */
  readonly handle: (exchange: Exchange) => void;
  /** the answer for a request that could not even be parsed */
  readonly broken: (reason: GatewayReason, peerAddress: string) => Answer;
  /** the answer for a connection that is not taken; in a flood only some are answered */
  readonly full: (reason: ConnectionRefusal) => Answer;
}

/** Why a connection was cut in the middle of an exchange, or its request given up. */
export type ConnectionCut = Slowness | 'idle';

export interface LaneFigures {
  /** connections that are open */
  readonly connections: number;
  /** since the start, by reason */
  readonly refused: Readonly<Record<ConnectionRefusal, number>>;
  readonly cut: Readonly<Record<ConnectionCut, number>>;
}

export interface Lane {
  /** Resolves to the bound port; rejects when it cannot be bound. */
  listen(): Promise<number>;
  /** Other limits from now on: times and rates for all connections, `idleTimeoutMs` and counts for those to come. */
  configure(limits: LaneLimits): void;
  figures(): LaneFigures;
  /** Stops accepting, lets what runs finish, cuts what is left after the deadline. Idempotent. */
  close(deadlineMs: number): Promise<void>;
}

/** The parser holds more than our limits allow, so that they are what answers: 414, or 431 with the right reason. */
const PARSER_HEAD_BYTES = 128 * 1024;
/** How often times and rates are looked at: one timer for all connections. */
const LOOK_MS = 1000;

/**
 * HTTP/1.1 over `node:http`. The lane only frames: whatever the parser let through goes up unread, and what it refused is
 * answered with `broken`. Nothing is listened to for `upgrade`, so an upgrade arrives as an ordinary request and its bytes
 * are never tunnelled. A connection beyond the limits is answered with `full` and never meets the parser.
 */
export function openNodeLane(options: LaneOptions, limits: LaneLimits, deps: LaneDeps): Lane {
  const { log, handle, broken } = deps;
  let { minRate } = limits;
  let draining = false;
  const isDraining = (): boolean => draining;
  const server: Server = createServer({
    insecureHTTPParser: false,
    // Node would otherwise answer a missing Host itself, without our id and reason
    requireHostHeader: false,
    joinDuplicateHeaders: false,
    maxHeaderSize: Math.max(options.maxHeadBytes * 2, PARSER_HEAD_BYTES),
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: LOOK_MS,
  });
  // 0 means no truncation: a header that is cut off still frames the body (Node CVE-2026-58044); we count ourselves
  server.maxHeadersCount = 0;
  server.setTimeout(limits.idleTimeoutMs);
  const door = new Door(limits, deps);
  const cut = new Tally<ConnectionCut>(log, 'connections cut', ['slow_request', 'slow_reader', 'idle']);
  // kept by ourselves: Node counts a connection on which nothing was ever sent as busy, for ever once the server closes
  const connections = new Map<Socket, NodeConnection>();
  // Node's own listener gives the socket a parser; it comes behind the count
  const parsers = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    if (!door.takes(socket)) return;
    connections.set(socket, new NodeConnection(socket, handle, isDraining));
    socket.once('close', () => connections.delete(socket));
    for (const parse of parsers) parse.call(server, socket);
  });
  const take = (awaitsContinue: boolean) => (request: IncomingMessage, response: ServerResponse) => {
    const connection = connections.get(request.socket);
    if (connection === undefined) return;
    const onLast = (): void => connection.end();
    connection.take(new NodeExchange(request, response, { secure: false, awaitsContinue, isDraining, onLast }));
  };
  const refuse = (socket: Socket, reason: GatewayReason): void => {
    const answer = (): Answer => broken(reason, socket.remoteAddress ?? '');
    if (reason === 'request_timeout') connections.get(socket)?.timeOut(answer);
    else connections.get(socket)?.refuse(answer);
  };
  server.on('request', take(false));
  server.on('checkContinue', take(true));
  server.on('checkExpectation', take(false));
  server.on('connect', (_request: IncomingMessage, socket: Socket) => refuse(socket, 'ambiguous_request'));
  server.on('clientError', (error: ParseError, socket: Socket) => {
    const reason = reasonOf(error);
    if (reason === undefined) socket.destroy();
    else refuse(socket, reason);
  });
  server.on('timeout', (socket: Socket) => {
    // between two requests it is the ordinary end of a connection that is kept alive
    if (connections.get(socket)?.idle === false) cut.count('idle', socket.remoteAddress ?? '');
    socket.destroy();
  });
  let looking: NodeJS.Timeout | undefined;
  function look(): void {
    for (const [socket, connection] of connections) {
      const slowness = connection.look(LOOK_MS, minRate);
      if (slowness !== undefined) cut.count(slowness, socket.remoteAddress ?? '');
    }
    door.tick();
    cut.tick();
  }
  return {
    listen: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(options.port, options.host, () => {
          server.off('error', reject);
          looking = setInterval(look, LOOK_MS).unref();
          resolve((server.address() as AddressInfo).port);
        });
      }),
    configure(next) {
      minRate = next.minRate;
      door.configure(next);
      server.headersTimeout = next.headersTimeoutMs;
      server.requestTimeout = next.requestTimeoutMs;
      server.keepAliveTimeout = next.keepAliveTimeoutMs;
      server.timeout = next.idleTimeoutMs;
    },
    figures: () => ({ connections: door.open, refused: door.refused, cut: cut.counts }),
    close: async (deadlineMs) => {
      if (!server.listening) return;
      draining = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      for (const [socket, connection] of connections) if (connection.idle) socket.destroy();
      const late = setTimeout(() => server.closeAllConnections(), deadlineMs);
      await closed;
      clearTimeout(late);
      clearInterval(looking);
      door.flush();
      cut.flush();
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
