import { createServer } from 'node:http';

/**
 * The application behind everything that is measured: 1 KiB of text, always the same, as fast as node:http can. Prints its
 * port. `/hits` tells how many requests it answered, so that nobody is credited with answers that never came from here.
 */
export const BODY = 'sallyport bench '.repeat(64);

const body = Buffer.from(BODY);
const headers = { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': String(body.length) };

if (import.meta.main) {
  let hits = 0;
  const server = createServer((request, response) => {
    if (request.url === '/hits') return response.end(String(hits));
    hits++;
    response.writeHead(200, headers);
    return response.end(body);
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    if (address !== null && typeof address === 'object') console.log(address.port);
  });
}
