import { type AddressInfo, createServer, type Socket } from 'node:net';

/** One connection that reached the application, byte for byte. */
export interface TornRequest {
  readonly socket: Socket;
  /** Resolves once this text is among what came. */
  has(text: string): Promise<void>;
  /** Resolves when the gateway has ended the connection, with everything that came. */
  ended(): Promise<string>;
}

export interface TornUpstream {
  readonly origin: string;
  /** connections so far */
  readonly count: () => number;
  /** Resolves with the next connection that nobody asked for yet, the oldest first. */
  next(): Promise<TornRequest>;
  close(): Promise<void>;
}

/** An application that only listens: what reached it of a request that was given up, and that it was. */
export async function openTornUpstream(): Promise<TornUpstream> {
  const waiting: TornRequest[] = [];
  const sockets = new Set<Socket>();
  let count = 0;
  let arrived = Promise.withResolvers<void>();
  const server = createServer((socket) => {
    count++;
    sockets.add(socket);
    let received = '';
    let over = false;
    let moved = Promise.withResolvers<void>();
    const move = (): void => {
      moved.resolve();
      moved = Promise.withResolvers();
    };
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      move();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      over = true;
      sockets.delete(socket);
      move();
    });
    waiting.push({
      socket,
      has: async (text) => {
        while (!received.includes(text) && !over) await moved.promise;
        if (!received.includes(text)) throw new Error(`ended before ${text.slice(0, 20)} came: ${received}`);
      },
      ended: async () => {
        while (!over) await moved.promise;
        return received;
      },
    });
    arrived.resolve();
    arrived = Promise.withResolvers();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    count: () => count,
    async next() {
      while (waiting.length === 0) await arrived.promise;
      return waiting.shift() as TornRequest;
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
