import { connect, type Socket } from 'node:net';

/** One parsed answer off a raw socket. */
export interface RawAnswer {
  readonly status: number;
  /** lower-case names; the last value of a repeated one */
  readonly headers: ReadonlyMap<string, string>;
  readonly setCookies: readonly string[];
  readonly body: string;
  /** everything that came, byte for byte */
  readonly text: string;
}

/** Sends bytes as they are (a string is latin1) and resolves with everything that came back until the other side closed. */
export function exchangeRaw(
  port: number,
  bytes: string | Buffer,
  options: { readonly halfClose?: boolean } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // a peer that closes on bytes it does not want resets; what it said before counts
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    if (options.halfClose) socket.end();
  });
}

/**
 * Opens a socket for a conversation: what came so far, and a wait for a pattern in it.
 *
 * @param from an address of this machine to come from; Linux has all of 127.0.0.0/8
 */
export async function openRaw(port: number, from?: string): Promise<RawConversation> {
  const socket = connect({ port, host: '127.0.0.1', ...(from !== undefined && { localAddress: from }) });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return new RawConversation(socket);
}

export class RawConversation {
  readonly socket: Socket;
  received = '';
  ended = false;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.received += chunk.toString('latin1');
      this.#wake();
    });
    socket.on('close', () => {
      this.ended = true;
      this.#wake();
    });
    socket.on('error', () => {});
  }

  send(text: string): void {
    this.socket.write(Buffer.from(text, 'latin1'));
  }

  /** Resolves once what was received matches, or the other side closed; the test's own time limit is the only one. */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.received) && !this.ended) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.received;
  }

  async closed(): Promise<string> {
    while (!this.ended) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.received;
  }
}

/** Parses the first answer in a text. */
export function parseAnswer(text: string): RawAnswer {
  const end = text.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const pairs = lines.map(
    (line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()] as const,
  );
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1] ?? Number.NaN),
    headers: new Map(pairs),
    setCookies: pairs.filter(([name]) => name === 'set-cookie').map(([, value]) => value),
    body: text.slice(end + 4),
    text,
  };
}

/** Builds a request: request line, headers, empty line, body. Host is added unless given. */
export function rawRequest(line: string, headers: readonly string[] = [], body = ''): string {
  const host = headers.some((header) => /^host:/i.test(header)) ? [] : ['Host: app.test'];
  return `${[line, ...host, ...headers].join('\r\n')}\r\n\r\n${body}`;
}
