import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Where the application is; the only argument of every rival. */
export function upstreamUrl(): string {
  const [url] = process.argv.slice(2);
  if (url === undefined) throw new Error(`usage: node ${process.argv[1]} UPSTREAM_URL`);
  return url;
}

/** Serves on a free port and prints it. Connections of clients stay open between rounds. */
export function serve(listener: RequestListener): void {
  const server = createServer(listener);
  server.keepAliveTimeout = 120_000;
  server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
}
