import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { Asked, Told } from './hammer.ts';

// Keeps connections to gateways busy, one request after the other on each, and is the application behind them too: so nothing
// that the test does blurs the instants. All of them are of the one monotonic clock of the machine (CLOCK_MONOTONIC), ns.
// The parent asks over IPC.

interface Lane {
  readonly gate: number;
  readonly number: number;
}

/** Of one round: whatever was started since the cookie was set. */
let round = freshRound('');

function freshRound(cookie: string) {
  return {
    cookie,
    /** instants at which requests were started, and what was answered */
    answers: [] as { readonly gate: number; readonly started: bigint; readonly status: number }[],
    /** what reached the application */
    hits: [] as { readonly gate: number; readonly started: bigint }[],
  };
}

const application = createServer((request, response) => {
  const [cookie, gate, started] = String(request.headers['x-hammer']).split(' ') as [string, string, string];
  if (cookie === nameOf(round.cookie)) round.hits.push({ gate: Number(gate), started: BigInt(started) });
  response.end('ok');
}).listen(0, '127.0.0.1');
await once(application, 'listening');

/** Enough of a cookie to tell rounds apart; the gateway does not let its own pass. */
const nameOf = (cookie: string): string => cookie.slice(-12);

/** Asks for ever; a gateway that closes the connection is dialled anew. */
async function lane(port: number, { gate, number }: Lane): Promise<never> {
  for (let count = 0; ; ) {
    const socket = connect(port, '127.0.0.1')
      .setNoDelay(true)
      .on('error', () => {});
    let text = '';
    let wake: () => void = () => {};
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
      wake();
    });
    socket.on('close', () => wake());
    for (; !socket.destroyed && socket.readyState !== 'readOnly' && socket.readyState !== 'closed'; count += 1) {
      const current = round;
      if (current.cookie === '') {
        await new Promise((resolve) => setImmediate(resolve));
        continue;
      }
      text = '';
      // every other one is of a target that was never asked for, so that no answer is at hand for it
      const target = count % 2 === 0 ? '/warm' : `/${number}-${count}`;
      const started = process.hrtime.bigint();
      socket.write(
        `GET ${target} HTTP/1.1\r\nHost: app.test\r\nCookie: sallyport=${current.cookie}\r\nX-Hammer: ${nameOf(current.cookie)} ${gate} ${started}\r\n\r\n`,
      );
      while (!isWhole(text) && !socket.destroyed) await new Promise<void>((resolve) => (wake = resolve));
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);
      if (status !== 0) current.answers.push({ gate, started, status });
      if (/^connection: close/im.test(text)) socket.destroy();
    }
    socket.destroy();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** By Content-Length or the last chunk: the gateway frames every answer by one of them. */
function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = /^content-length: (\d+)/im.exec(text.slice(0, end + 2))?.[1];
  return length === undefined ? text.endsWith('0\r\n\r\n') : text.length >= end + 4 + Number(length);
}

/** What became of the requests that were started since; without an instant, of all of the round. */
const tellOf = (gate: number, since: bigint): Told => {
  const statuses: Record<string, number> = {};
  for (const each of round.answers) {
    if (each.gate === gate && each.started > since) statuses[each.status] = (statuses[each.status] ?? 0) + 1;
  }
  return { statuses, reached: round.hits.filter((hit) => hit.gate === gate && hit.started > since).length };
};

process.on('message', ({ ports = [], lanes = 0, cookie, since = '0' }: Asked) => {
  for (const [gate, port] of ports.entries())
    for (let number = 0; number < lanes; number += 1) void lane(port, { gate, number });
  if (cookie !== undefined) round = freshRound(cookie);
  process.send?.([0, 1].map((gate) => tellOf(gate, BigInt(since))));
});
// the first thing it says
process.send?.((application.address() as AddressInfo).port);
process.on('disconnect', () => process.exit());
