import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';

/** What reached the application. */
export interface Hit {
  readonly method: string;
  readonly url: string;
  /** as they arrived: name, value, … */
  readonly rawHeaders: readonly string[];
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface RecordingUpstream {
  readonly port: number;
  readonly origin: string;
  /** requests whose head arrived */
  readonly hits: readonly Hit[];
  /** every value of a header on the newest hit, folded name */
  newest(): Hit;
  reset(): void;
  close(): Promise<void>;
}

export type Answering = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** A real application behind the gateway that remembers everything that reaches it. */
export async function openUpstream(answer: Answering = echo): Promise<RecordingUpstream> {
  const hits: Hit[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => {});
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('latin1');
      hits.push({
        method: request.method ?? '',
        url: request.url ?? '',
        rawHeaders: request.rawHeaders,
        headers: request.headers,
        body,
      });
      answer(request, response, body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    hits,
    newest: () => hits.at(-1) as Hit,
    reset: () => void hits.splice(0),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function echo(request: IncomingMessage, response: ServerResponse, body: string): void {
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.rawHeaders, body }));
}

/** An upstream that speaks bytes, for answers that no HTTP server would give. Counts connections and requests' heads. */
export async function openRawUpstream(
  onHead: (socket: Socket, head: string) => void,
): Promise<{ port: number; origin: string; heads: string[]; connections: () => number; close: () => Promise<void> }> {
  const heads: string[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createTcpServer((socket) => {
    connections++;
    sockets.add(socket);
    let seen = '';
    socket.on('data', (chunk) => {
      seen += chunk.toString('latin1');
      for (let end = seen.indexOf('\r\n\r\n'); end >= 0; end = seen.indexOf('\r\n\r\n')) {
        const head = seen.slice(0, end);
        seen = seen.slice(end + 4);
        if (/^[A-Z]+ /.test(head)) {
          heads.push(head);
          onHead(socket, head);
        }
      }
    });
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    heads,
    connections: () => connections,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
