import { type AddressInfo, createServer } from 'node:net';

/**
 * The application behind everything that is measured: 1 KiB of text, always the same. It speaks no more HTTP than its clients
 * need (heads without bodies, keep-alive, pipelining), so that it is not what is measured. Prints its port. `/hits` tells how
 * many requests it answered, so that nobody is credited with answers that never came from here.
 */
export const BODY = 'sallyport bench '.repeat(64);

const answer = (body: string): string =>
  `HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const PAGE = Buffer.from(answer(BODY), 'latin1');
const END = '\r\n\r\n';

if (import.meta.main) {
  let hits = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    let pending = '';
    socket.on('data', (chunk) => {
      pending += chunk.toString('latin1');
      for (let end = pending.indexOf(END); end >= 0; end = pending.indexOf(END)) {
        const head = pending.slice(0, end);
        pending = pending.slice(end + END.length);
        if (head.startsWith('GET /hits ')) socket.write(answer(String(hits)));
        else if (head.startsWith('GET /')) {
          hits++;
          socket.write(PAGE);
        } else socket.destroy();
      }
    });
    // whoever is stopped in the middle of a request cuts connections
    socket.on('error', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
}
