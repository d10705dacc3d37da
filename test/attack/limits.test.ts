import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { openTestGateway, type TestGateway } from '../support/gateway.ts';
import { exchangeRaw, openRaw, parseAnswer, type RawAnswer, rawRequest } from '../support/raw.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';
import { openTornUpstream, type TornUpstream } from './torn-upstream.ts';

let upstream: RecordingUpstream;
let torn: TornUpstream;
let gate: TestGateway;

const configOf = (limits: string): string => `
limits: { ${limits} }
routes:
  - { route: open, upstream: "${upstream.origin}", public: true }
  - { route: uploads, match: { path: /uploads }, upstream: "${upstream.origin}", public: true, limits: { body: 4KiB } }
  - { route: tiny, match: { path: /tiny }, upstream: "${upstream.origin}", public: true, limits: { body: 10B } }
  - { route: none, match: { path: /none }, upstream: "${upstream.origin}", public: true, limits: { body: 0B } }
  - { route: torn, match: { path: /torn }, upstream: "${torn.origin}", public: true }
`;
const SMALL = 'head: 2KiB, headers: 10, target: 1KiB, body: 1KiB';

beforeAll(async () => {
  upstream = await openUpstream();
  torn = await openTornUpstream();
  gate = await openTestGateway({ config: configOf(SMALL) });
});
afterAll(async () => {
  await gate.close();
  await torn.close();
  await upstream.close();
});
beforeEach(() => upstream.reset());

const ask = async (bytes: string): Promise<RawAnswer> => parseAnswer(await exchangeRaw(gate.port, bytes));
const told = (answer: RawAnswer): unknown[] => [answer.status, JSON.parse(answer.body).reason];

/** With `Host: app.test` and `Connection: close`, which come to 35 bytes, two lines. */
const get = (target: string, headers: readonly string[] = []): string =>
  rawRequest(`GET ${target} HTTP/1.1`, [...headers, 'Connection: close']);
// `GET / HTTP/1.1` and its end are 16 bytes, a header's colon, blank and end are 4
const headOf = (bytes: number): string => get('/', [`X-Big: ${'a'.repeat(bytes - 16 - 35 - 9)}`]);
const headersOf = (count: number): string =>
  get(
    '/',
    Array.from({ length: count - 2 }, (_, i) => `X-${i}: a`),
  );
const targetOf = (bytes: number): string => get(`/${'a'.repeat(bytes - 1)}`);

describe('the last that is accepted, and the first that is not', () => {
  it.each<[string, (n: number) => string, number, number, string]>([
    ['bytes of head', headOf, 2048, 431, 'headers_too_large'],
    ['header lines', headersOf, 10, 431, 'headers_too_large'],
    ['bytes of target', targetOf, 1024, 414, 'uri_too_long'],
  ])('%s', async (_name, request, most, status, reason) => {
    expect((await ask(request(most))).status).toBe(200);
    expect(upstream.hits).toHaveLength(1);
    const refused = await ask(request(most + 1));
    expect(told(refused)).toEqual([status, reason]);
    expect(refused.headers.get('connection')).toBe('close');
    expect(upstream.hits).toHaveLength(1);
  });

  it('are others from the next request on, once the configuration says so', async () => {
    const own = await openTestGateway({ config: configOf(SMALL) });
    onTestFinished(own.close);
    const send = async (bytes: string): Promise<number> => parseAnswer(await exchangeRaw(own.port, bytes)).status;
    const all = [
      headersOf(12),
      targetOf(1100),
      rawRequest('POST / HTTP/1.1', ['Connection: close', 'Content-Length: 2000'], 'a'.repeat(2000)),
    ];
    expect([await send(all[0] ?? ''), await send(all[1] ?? ''), await send(all[2] ?? '')]).toEqual([431, 414, 413]);
    own.write('sallyport.yaml', configOf('head: 2KiB, headers: 20, target: 2KiB, body: 2KiB'));
    expect(own.gateway.reload().ok).toBe(true);
    expect([await send(all[0] ?? ''), await send(all[1] ?? ''), await send(all[2] ?? '')]).toEqual([200, 200, 200]);
  });
});

describe('a body', () => {
  const sized = (path: string, bytes: number): string =>
    rawRequest(`POST ${path} HTTP/1.1`, [`Content-Length: ${bytes}`, 'Connection: close'], 'a'.repeat(bytes));
  const chunked = (path: string, bytes: number): string =>
    rawRequest(
      `POST ${path} HTTP/1.1`,
      ['Transfer-Encoding: chunked', 'Connection: close'],
      `${bytes.toString(16)}\r\n${'a'.repeat(bytes)}\r\n0\r\n\r\n`,
    );
  describe.each([
    ['by Content-Length', sized],
    ['in chunks', chunked],
  ])('%s', (_name, request) => {
    it.each([
      ['the limit of all', '/', 1024],
      ['more on a route for uploads', '/uploads/x', 4096],
      ['less on another', '/tiny', 10],
    ])('%s', async (_limit, path, most) => {
      expect((await ask(request(path, most))).status).toBe(200);
      expect(upstream.newest().body).toHaveLength(most);
      const refused = await ask(request(path, most + 1));
      expect(told(refused)).toEqual([413, 'payload_too_large']);
      expect(refused.headers.get('connection')).toBe('close');
      expect(upstream.hits).toHaveLength(1);
    });
    it('none at all', async () => {
      expect(told(await ask(request('/none', 1)))).toEqual([413, 'payload_too_large']);
      expect(upstream.hits).toEqual([]);
      expect((await ask(get('/none'))).status).toBe(200);
    });
  });

  it('that a client asks before sending is refused and never sent', async () => {
    const talk = await openRaw(gate.port);
    talk.send(rawRequest('POST / HTTP/1.1', ['Expect: 100-continue', 'Content-Length: 1025']));
    const text = await talk.closed();
    expect(text).not.toContain('100 Continue');
    expect(told(parseAnswer(text))).toEqual([413, 'payload_too_large']);
    expect(upstream.hits).toEqual([]);
  });

  it('that grows too large on its way: the client is told, the application sees it torn', async () => {
    const talk = await openRaw(gate.port);
    talk.send(rawRequest('POST /torn/a HTTP/1.1', ['Transfer-Encoding: chunked']));
    talk.send(`258\r\n${'a'.repeat(600)}\r\n`);
    const request = await torn.next();
    await request.has('a'.repeat(600));
    talk.send(`258\r\n${'Z'.repeat(600)}\r\n0\r\n\r\n`);
    expect(told(parseAnswer(await talk.closed()))).toEqual([413, 'payload_too_large']);
    expect(await request.ended()).not.toMatch(/Z{2}|\r\n0\r\n\r\n/);
  });

  it('that grows too large after the answer began: the client is cut, and cannot take the answer for whole', async () => {
    const talk = await openRaw(gate.port);
    talk.send(rawRequest('POST /torn/b HTTP/1.1', ['Transfer-Encoding: chunked'], `258\r\n${'a'.repeat(600)}\r\n`));
    const request = await torn.next();
    request.socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nearly\r\n');
    await talk.until(/early/);
    talk.send(`258\r\n${'Z'.repeat(600)}\r\n0\r\n\r\n`);
    const text = await talk.closed();
    expect(text.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 200']);
    expect(text).not.toMatch(/\r\n0\r\n\r\n$/);
    expect(await request.ended()).not.toMatch(/Z{2}|\r\n0\r\n\r\n/);
  });
});
