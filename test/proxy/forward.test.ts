import { request } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { openTestGateway, type TestGateway } from '../support/gateway.ts';
import { openRaw, parseAnswer, rawRequest } from '../support/raw.ts';
import { openRawUpstream, openUpstream } from '../support/upstream.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function gatewayTo(origin: string, more = ''): Promise<TestGateway> {
  const gate = await openTestGateway({
    config: `routes:\n  - { route: open, upstream: "${origin}", public: true, timeouts: { connect: 1s, headers: 300ms, body_idle: 300ms }${more} }\n`,
  });
  closers.push(gate.close);
  return gate;
}
async function rawUpstream(...args: Parameters<typeof openRawUpstream>) {
  const upstream = await openRawUpstream(...args);
  closers.push(upstream.close);
  return upstream;
}
async function upstreamOf(...args: Parameters<typeof openUpstream>) {
  const upstream = await openUpstream(...args);
  closers.push(upstream.close);
  return upstream;
}
const reasonOf = (body: string): string => JSON.parse(body).reason;

describe('an upstream that misbehaves', () => {
  it.each([
    ['no HTTP at all', 'nonsense\r\n\r\n'],
    ['two Content-Lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    ['both framings', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n'],
    ['a bad Content-Length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\na'],
    ['a status that does not exist', 'HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n'],
    [
      '101 that nobody asked for',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n',
    ],
    ['a control in a header', 'HTTP/1.1 200 OK\r\nX-A: b\x01\r\nContent-Length: 0\r\n\r\n'],
    ['endless headers', `HTTP/1.1 200 OK\r\n${'X-A: b\r\n'.repeat(20_000)}\r\n`],
  ])('%s is 502 and a connection that is not used again', async (_name, answer) => {
    const upstream = await rawUpstream((socket) => socket.write(Buffer.from(answer, 'latin1')));
    const gate = await gatewayTo(upstream.origin);
    const first = await gate.send('GET / HTTP/1.1');
    expect(first.status, first.text.slice(0, 300)).toBe(502);
    expect(['upstream_invalid', 'upstream_unreachable']).toContain(reasonOf(first.body));
    await gate.send('GET / HTTP/1.1');
    expect(upstream.connections()).toBe(2);
  });

  it('is gone: 502', async () => {
    const upstream = await openRawUpstream(() => {});
    await upstream.close();
    const answer = await (await gatewayTo(upstream.origin)).send('GET / HTTP/1.1');
    expect(answer.status).toBe(502);
    expect(reasonOf(answer.body)).toBe('upstream_unreachable');
  });

  it('hangs up before it answers: 502, and a POST is not sent twice', async () => {
    const upstream = await rawUpstream((socket) => socket.destroy());
    const answer = await (await gatewayTo(upstream.origin)).send('POST / HTTP/1.1', ['Content-Length: 1'], 'a');
    expect(answer.status).toBe(502);
    expect(upstream.heads).toHaveLength(1);
  });

  it.each<[string, string, readonly string[], string]>([
    ['GET', 'GET / HTTP/1.1', [], ''],
    ['POST with a body', 'POST / HTTP/1.1', ['Content-Length: 1'], 'a'],
  ])('is too slow for a %s: 504', async (_name, line, headers, body) => {
    const upstream = await rawUpstream(() => {});
    const answer = await (await gatewayTo(upstream.origin)).send(line, headers, body);
    expect(answer.status).toBe(504);
    expect(reasonOf(answer.body)).toBe('upstream_timeout');
  });

  it.each([
    ['breaks off in a body of known length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc', true],
    ['breaks off in a chunked body', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n', true],
    ['sends a bad chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n', false],
    ['stalls in its body', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc', false],
  ])('%s: the client is cut and cannot take it for whole', async (_name, answer, hangUp) => {
    const upstream = await rawUpstream((socket) => {
      socket.write(answer);
      if (hangUp) setImmediate(() => socket.end());
    });
    const gate = await gatewayTo(upstream.origin);
    const talk = await openRaw(gate.port);
    talk.send(rawRequest('GET / HTTP/1.1'));
    const text = await talk.closed();
    expect(text).not.toMatch(/\r\n0\r\n\r\n$/);
    expect(parseAnswer(text).headers.get('content-length') ?? 'chunked').not.toBe('3');
  });

  it('sends an answer that nobody asked for: the connection is given up (undici CVE-2026-6733)', async () => {
    const ok = (body: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const upstream = await rawUpstream((socket, head) => {
      socket.write(ok(head.split(' ')[1] ?? ''));
      if (head.includes('/first')) socket.write(ok('/unsolicited'));
    });
    const gate = await gatewayTo(upstream.origin);
    expect((await gate.send('GET /first HTTP/1.1')).body).toBe('/first');
    for (let i = 0; i < 3; i++) expect((await gate.send(`GET /next${i} HTTP/1.1`)).body).toBe(`/next${i}`);
  });
});

describe('bodies stream', () => {
  it('both ways at once, piece by piece', async () => {
    const upstream = await openRawUpstream((socket) => {
      // the head goes out with the first piece of the body, so the first ping is here already
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npong\r\n');
      socket.on('data', (chunk) => {
        if (chunk.includes('ping')) socket.write('4\r\npong\r\n');
        if (chunk.includes('0\r\n\r\n')) socket.end('0\r\n\r\n');
      });
    });
    closers.push(upstream.close);
    const gate = await gatewayTo(upstream.origin);
    const talk = await openRaw(gate.port);
    talk.send(rawRequest('POST / HTTP/1.1', ['Transfer-Encoding: chunked'], '4\r\nping\r\n'));
    await talk.until(/pong/);
    talk.send('4\r\nping\r\n');
    await talk.until(/pong[\s\S]*pong/);
    talk.send('0\r\n\r\n');
    expect(await talk.until(/0\r\n\r\n$/)).toMatch(/^HTTP\/1\.1 200/);
    talk.socket.destroy();
  });

  it('a reader that stops stops the upstream too', async () => {
    let sent = 0;
    let paused!: () => void;
    const isPaused = new Promise<void>((resolve) => (paused = resolve));
    const piece = Buffer.alloc(65_536);
    const upstream = await upstreamOf((_request, response) => {
      const fill = (): void => {
        while (sent < 200e6) {
          sent += piece.length;
          if (!response.write(piece)) {
            // full as far as the kernel goes; when nothing drains for long, the pressure has come through
            const stuck = setTimeout(paused, 500);
            response.once('drain', () => {
              clearTimeout(stuck);
              fill();
            });
            return;
          }
        }
        response.end();
      };
      fill();
    });
    const gate = await openTestGateway({
      config: `routes:\n  - { route: open, upstream: "${upstream.origin}", public: true }\n`,
    });
    closers.push(gate.close);
    const talk = await openRaw(gate.port);
    talk.socket.pause();
    talk.send(rawRequest('GET / HTTP/1.1'));
    await isPaused;
    expect(sent).toBeLessThan(60e6);
    talk.socket.destroy();
  });

  it('a client that leaves ends the request at the upstream', async () => {
    let left!: () => void;
    const hasLeft = new Promise<void>((resolve) => (left = resolve));
    const upstream = await openRawUpstream((socket) => {
      socket.on('close', left);
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc');
    });
    closers.push(upstream.close);
    const gate = await gatewayTo(upstream.origin, ', reuse: true');
    const talk = await openRaw(gate.port);
    talk.send(rawRequest('GET / HTTP/1.1'));
    await talk.until(/abc/);
    talk.socket.destroy();
    await hasLeft;
  });

  it('10 MB arrive as they were sent', async () => {
    const upstream = await upstreamOf();
    const gate = await openTestGateway({
      config: `routes:\n  - { route: open, upstream: "${upstream.origin}", public: true }\n`,
    });
    closers.push(gate.close);
    const body = Buffer.alloc(10e6, 'abcdefghij');
    const status = await new Promise((resolve, reject) => {
      const outgoing = request({ port: gate.port, method: 'PUT', headers: { Host: 'app.test' } }, (answer) => {
        answer.resume();
        answer.on('end', () => resolve(answer.statusCode));
      });
      outgoing.on('error', reject);
      for (let at = 0; at < body.length; at += 1e6) outgoing.write(body.subarray(at, at + 1e6));
      outgoing.end();
    });
    expect(status).toBe(200);
    expect(upstream.newest().body.length).toBe(body.length);
    expect(upstream.newest().body === body.toString('latin1')).toBe(true);
  });
});

it.each([
  ['HEAD / HTTP/1.1', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', 200, '5'],
  ['GET / HTTP/1.1', 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n', 304, undefined],
  ['GET / HTTP/1.1', 'HTTP/1.1 204 No Content\r\n\r\n', 204, undefined],
  [
    'GET / HTTP/1.1',
    'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
    200,
    '0',
  ],
])('%s with %j keeps its framing', async (line, answer, status, length) => {
  const upstream = await rawUpstream((socket) => socket.write(answer));
  const gate = await gatewayTo(upstream.origin);
  const got = await gate.send(line);
  expect(got.status).toBe(status);
  expect(got.headers.get('content-length')).toBe(length);
  expect(got.body).toBe('');
});

it('reuse: false opens a connection for each request', async () => {
  const upstream = await rawUpstream((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
  const gate = await gatewayTo(upstream.origin, ', reuse: false');
  for (let i = 0; i < 3; i++) expect((await gate.send('GET / HTTP/1.1')).status).toBe(200);
  expect(upstream.connections()).toBe(3);
});
