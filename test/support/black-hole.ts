import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** Which bytes vanish: of those who connect, of the server, both, or none. */
export type Swallow = 'requests' | 'answers' | 'both' | 'nothing';

/** A relay in front of a server, on a port of its own, that can lose what passes without telling anybody. */
export interface BlackHole {
  readonly port: number;
  /**
   * From now on. Connections that lose something stay open and are never good again, as if a device on the way had forgotten
   * them; new ones are taken, and lose the same, until it swallows nothing.
   */
  swallow(what: Swallow): void;
  /** From now on every byte takes that long, each way; ms. */
  delay(ms: number): void;
  /** Resets every connection. */
  cut(): void;
  close(): Promise<void>;
}

export async function openBlackHole(target: number): Promise<BlackHole> {
  let swallowing: Swallow = 'nothing';
  let delayMs = 0;
  const sockets = new Set<Socket>();

  const relay = (from: Socket, to: Socket, direction: 'requests' | 'answers'): void => {
    // whoever lost a byte once passes nothing more: what follows a hole would be read as something else
    let broken = false;
    from.on('data', (chunk) => {
      broken ||= swallowing === direction || swallowing === 'both';
      if (broken) return;
      if (delayMs > 0) setTimeout(() => void (to.destroyed || to.write(chunk)), delayMs);
      else to.write(chunk);
    });
    from.on('end', () => {
      if (!broken && swallowing === 'nothing') to.end();
    });
    from.on('error', () => {});
    from.on('close', () => {
      sockets.delete(from);
      if (!broken && swallowing === 'nothing') to.destroy();
    });
  };
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    for (const socket of [client, upstream]) sockets.add(socket.setNoDelay(true));
    relay(client, upstream, 'requests');
    relay(upstream, client, 'answers');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port: (server.address() as { port: number }).port,
    swallow(what) {
      swallowing = what;
    },
    delay(ms) {
      delayMs = ms;
    },
    cut,
    async close() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
