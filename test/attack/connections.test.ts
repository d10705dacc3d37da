import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestGateway, type TestGateway } from '../support/gateway.ts';
import { exchangeRaw, openRaw, parseAnswer, rawRequest } from '../support/raw.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';

let upstream: RecordingUpstream;
let gate: TestGateway;
let held: (() => void)[] = [];

beforeAll(async () => {
  upstream = await openUpstream((request, response) => {
    if (request.url?.startsWith('/held')) held.push(() => response.end('held'));
    else response.end(`answer to ${request.url}`);
  });
  gate = await openTestGateway({
    config: `
routes:
  - { route: open, match: { path: /open }, upstream: "${upstream.origin}", public: true }
  - { route: held, match: { path: /held }, upstream: "${upstream.origin}", public: true }
  - { route: app, upstream: "${upstream.origin}", policy: staff }
`,
  });
  await gate.addUser('ann');
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});
beforeEach(() => {
  upstream.reset();
  held = [];
});

const urls = (): string[] => upstream.hits.map((hit) => hit.url);
const hit = async (url: string): Promise<void> => {
  while (!urls().includes(url)) await pause(5);
};

describe('after an upgrade request nothing on the connection is a request any more (RFC 9931)', () => {
  const upgrade = (path: string): string =>
    rawRequest(`GET ${path} HTTP/1.1`, ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']);
  it.each([
    ['right behind it', 0],
    ['once it was answered', 1],
  ])('bytes %s', async (_name, later) => {
    const talk = await openRaw(gate.port);
    const smuggled = rawRequest('GET /open/smuggled HTTP/1.1');
    talk.send(upgrade('/open/ws') + (later === 0 ? smuggled : ''));
    await talk.until(/answer to/);
    if (later === 1) talk.send(smuggled);
    const text = await talk.closed();
    expect(text.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 200']);
    expect(parseAnswer(text).headers.get('connection')).toBe('close');
    expect(urls()).toEqual(['/open/ws']);
  });
  it('on our own endpoints too', async () => {
    const text = await exchangeRaw(
      gate.port,
      upgrade('/.sallyport/userinfo') + rawRequest('GET /open/smuggled HTTP/1.1'),
    );
    expect(text.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 200']);
    expect(urls()).toEqual([]);
  });
});

describe('pipelined requests run one after the other', () => {
  it('the second is not judged before the first is answered', async () => {
    const talk = await openRaw(gate.port);
    talk.send(rawRequest('GET /held/1 HTTP/1.1') + rawRequest('GET /open/2 HTTP/1.1', ['Connection: close']));
    await hit('/held/1');
    expect((await gate.send('GET /open/other HTTP/1.1')).status).toBe(200);
    expect(urls()).toEqual(['/held/1', '/open/other']);
    held[0]?.();
    expect(await talk.closed()).toMatch(/held[\s\S]*answer to \/open\/2/);
  });

  it('a sign-out counts for what was sent behind it', async () => {
    const cookie = await gate.signIn('ann');
    const page = await gate.send('GET /.sallyport/logout HTTP/1.1', [
      `Cookie: sallyport=${cookie}`,
      'Accept: text/html',
    ]);
    const csrf = /name="csrf" value="([^"]+)"/.exec(page.body)?.[1] ?? '';
    const body = new URLSearchParams({ csrf }).toString();
    const signOut = rawRequest(
      'POST /.sallyport/logout HTTP/1.1',
      [
        `Cookie: sallyport=${cookie}`,
        'Origin: http://app.test',
        'Content-Type: application/x-www-form-urlencoded',
        `Content-Length: ${body.length}`,
      ],
      body,
    );
    const after = rawRequest('GET /after HTTP/1.1', [`Cookie: sallyport=${cookie}`, 'Connection: close']);
    const text = await exchangeRaw(gate.port, signOut + after);
    expect(text.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 303', 'HTTP/1.1 401']);
    expect(urls()).toEqual([]);
  });

  it.each([
    ['too many of them', rawRequest('GET /open/more HTTP/1.1').repeat(40)],
    ['too much in their heads', rawRequest('GET /open/more HTTP/1.1', [`X-Long: ${'a'.repeat(12_000)}`]).repeat(3)],
  ])('waiting ones end the connection: %s; and none of them gets to the application', async (_name, waiting) => {
    const talk = await openRaw(gate.port);
    talk.send(rawRequest('GET /held/first HTTP/1.1') + waiting);
    await talk.closed();
    // whether the first got there depends on how quick the connection to the application was
    expect(urls().filter((url) => url !== '/held/first')).toEqual([]);
  });

  it('nonsense behind a good request is answered after it', async () => {
    const text = await exchangeRaw(gate.port, `${rawRequest('GET /open/1 HTTP/1.1')}nonsense\r\n\r\n`);
    expect(text.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
  });

  it.each([
    ['an expectation that was not met', ['Expect: 100-continue']],
    ['a client that said close', ['Connection: close']],
  ])('%s ends the connection, and what is behind it is no request', async (_name, headers) => {
    const text = await exchangeRaw(
      gate.port,
      rawRequest('GET /open/1 HTTP/1.1', headers) + rawRequest('GET /open/2 HTTP/1.1'),
    );
    expect(text.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 200']);
    expect(urls()).toEqual(['/open/1']);
  });
});

describe('a refusal gets out although a body is still on its way (RFC 9112 §9.6)', () => {
  it.each([
    ['401', 'POST /x HTTP/1.1', ['Content-Length: 60000'], 401],
    ['413', 'POST /x HTTP/1.1', ['Content-Length: 999999999999'], 413],
    ['400', 'POST /x HTTP/1.1', ['Transfer-Encoding: gzip, chunked'], 400],
    ['400 of the parser', 'POST /x HTTP/1.1', ['Content-Length: 1', 'Content-Length: 2'], 400],
  ])('%s, fifty times', async (_name, line, headers, status) => {
    const talks = await Promise.all(Array.from({ length: 50 }, () => openRaw(gate.port)));
    for (const talk of talks) {
      talk.send(rawRequest(line, headers));
      setImmediate(() => talk.send('a'.repeat(30_000)));
    }
    for (const talk of talks) expect(parseAnswer(await talk.until(/\r\n\r\n/)).status).toBe(status);
    for (const talk of talks) talk.socket.destroy();
    expect(urls()).toEqual([]);
  });
});

it.each([9_000, 40_000, 70_000, 120_000])('a target of %i bytes is 414', async (length) => {
  const answer = parseAnswer(await exchangeRaw(gate.port, rawRequest(`GET /${'a'.repeat(length)} HTTP/1.1`)));
  expect([answer.status, JSON.parse(answer.body).reason]).toEqual([414, 'uri_too_long']);
});

it('a form that has two readings is 400 on a closed connection', async () => {
  const body = 'username=a&username=b';
  const talk = await openRaw(gate.port);
  talk.send(
    rawRequest(
      'POST /.sallyport/login HTTP/1.1',
      ['Origin: http://app.test', 'Content-Type: application/x-www-form-urlencoded', `Content-Length: ${body.length}`],
      body,
    ),
  );
  const answer = parseAnswer(await talk.closed());
  expect(answer.status).toBe(400);
  expect(answer.headers.get('connection')).toBe('close');
});
