import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestGateway, seen, type TestGateway } from '../support/gateway.ts';
import { exchangeRaw, openRaw, parseAnswer, rawRequest } from '../support/raw.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';

let upstream: RecordingUpstream;
let gate: TestGateway;

beforeAll(async () => {
  upstream = await openUpstream();
  gate = await openTestGateway({
    config: `
limits: { body: 1KiB }
timeouts: { headers: 1s, request: 2s }
routes:
  - route: open
    upstream: ${upstream.origin}
    public: true
  - route: slashes
    match: { path: /slashes }
    upstream: ${upstream.origin}
    public: true
    allow: [encoded_slash]
`,
  });
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});
beforeEach(() => upstream.reset());

/** Raw bytes in; the answer must be this status, a problem of ours, on a closed connection, and nothing may have gone through. */
async function refused(bytes: string, status: number, reason: string): Promise<void> {
  const text = await exchangeRaw(gate.port, bytes);
  const answer = parseAnswer(text);
  expect(answer.status, text).toBe(status);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(JSON.parse(answer.body)).toMatchObject({ reason, status });
  expect(answer.headers.get('x-sallyport')).toBe('intercepted');
  expect(answer.headers.get('x-request-id')).toMatch(/^[a-z2-7]{26}$/);
  expect(answer.headers.get('connection')).toBe('close');
  expect(text.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  expect(upstream.hits).toEqual([]);
  expect((await gate.send('GET /alive HTTP/1.1')).status).toBe(200);
}

describe('a request with two readings is refused and nothing reaches the upstream', () => {
  const get = (line: string, headers: readonly string[] = []): string => rawRequest(line, headers);
  it.each([
    ['HTTP/0.9', 'GET /\r\n\r\n'],
    ['HTTP/2.0 as text', get('GET / HTTP/2.0')],
    ['HTTP/1.2', get('GET / HTTP/1.2')],
    ['a lower-case version', get('GET / http/1.1')],
    ['absolute-form (RFC 9112 §3.2.2)', get('GET http://app.test/x HTTP/1.1')],
    ['asterisk-form', get('OPTIONS * HTTP/1.1')],
    ['CONNECT (Traefik CVE-2026-71324)', get('CONNECT app.test:443 HTTP/1.1')],
    ['TRACE', get('TRACE / HTTP/1.1')],
    ['an unknown method', get('BREW / HTTP/1.1')],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
    ['two Hosts', get('GET / HTTP/1.1', ['Host: app.test', 'Host: evil.test'])],
    ['Host with userinfo', get('GET / HTTP/1.1', ['Host: a@app.test'])],
    ['bare LF', 'GET / HTTP/1.1\nHost: app.test\n\n'],
    ['a bare CR in a header', 'GET / HTTP/1.1\r\nHost: app.test\r\nX-A: b\rc\r\n\r\n'],
    ['obs-fold', 'GET / HTTP/1.1\r\nHost: app.test\r\nX-A: b\r\n c\r\n\r\n'],
    ['space before the colon', 'GET / HTTP/1.1\r\nHost: app.test\r\nX-A : b\r\n\r\n'],
    ['a header without colon', 'GET / HTTP/1.1\r\nHost: app.test\r\nnonsense\r\n\r\n'],
    ['an empty header name', 'GET / HTTP/1.1\r\nHost: app.test\r\n: b\r\n\r\n'],
    ['NUL in a header', 'GET / HTTP/1.1\r\nHost: app.test\r\nX-A: b\0c\r\n\r\n'],
    ['a control in a header', 'GET / HTTP/1.1\r\nHost: app.test\r\nX-A: b\x02c\r\n\r\n'],
    ['a tab in the request line', 'GET\t/ HTTP/1.1\r\nHost: app.test\r\n\r\n'],
    ['encoded slash', get('GET /a%2fb HTTP/1.1')],
    ['encoded backslash', get('GET /a%5cb HTTP/1.1')],
    ['backslash', get('GET /a\\b HTTP/1.1')],
    ['double slash', get('GET //evil.test/ HTTP/1.1')],
    ['semicolon', get('GET /a;b HTTP/1.1')],
    ['dot segment (Envoy CVE-2019-9901)', get('GET /a/../b HTTP/1.1')],
    ['encoded dot segment', get('GET /a/%2e%2e/b HTTP/1.1')],
    ['doubly encoded', get('GET /a/%252e%252e/b HTTP/1.1')],
    ['overlong UTF-8', get('GET /%c0%ae HTTP/1.1')],
    ['encoded NUL', get('GET /a%00 HTTP/1.1')],
    ['raw fragment', get('GET /a#b HTTP/1.1')],
    ['raw UTF-8 in the path', get('GET /\xc3\xa9 HTTP/1.1')],
    ['our own paths, oddly spelled', get('GET /.sallyport/%2e%2e/x HTTP/1.1')],
    ['an unknown expectation', rawRequest('POST / HTTP/1.1', ['Expect: y 100-continue', 'Content-Length: 1'], 'a')],
    ['two Authorizations', get('GET / HTTP/1.1', ['Authorization: a', 'Authorization: b'])],
    ['case decides the route (Traefik CVE-2025-66490)', get('GET /SLASHES HTTP/1.1')],
    [
      'an upgrade with a body',
      rawRequest('POST / HTTP/1.1', ['Connection: upgrade', 'Upgrade: websocket', 'Content-Length: 1'], 'a'),
    ],
  ])('%s', (_name, bytes) => refused(bytes, 400, 'ambiguous_request'));
});

describe('smuggling by framing', () => {
  const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n';
  const post = (headers: readonly string[], body: string): string => rawRequest('POST / HTTP/1.1', headers, body);
  it.each([
    [
      'Content-Length and Transfer-Encoding',
      post(['Content-Length: 4', 'Transfer-Encoding: chunked'], `0\r\n\r\n${smuggled}`),
    ],
    ['two Content-Lengths', post(['Content-Length: 0', `Content-Length: ${smuggled.length}`], smuggled)],
    ['a list of Content-Lengths', post(['Content-Length: 0, 5'], smuggled)],
    ['Content-Length with a leading zero', post([`Content-Length: 0${smuggled.length}`], smuggled)],
    ['a signed Content-Length', post(['Content-Length: +5'], smuggled)],
    ['Transfer-Encoding: gzip, chunked', post(['Transfer-Encoding: gzip, chunked'], `0\r\n\r\n${smuggled}`)],
    ['Transfer-Encoding: ,chunked', post(['Transfer-Encoding: ,chunked'], `0\r\n\r\n${smuggled}`)],
    ['Transfer-Encoding: xchunked', post(['Transfer-Encoding: xchunked'], `0\r\n\r\n${smuggled}`)],
    [
      'Transfer-Encoding twice',
      post(['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], `0\r\n\r\n${smuggled}`),
    ],
    ['an empty Transfer-Encoding', post(['Transfer-Encoding:'], smuggled)],
    ['Transfer_Encoding', post(['Transfer_Encoding: chunked'], `0\r\n\r\n${smuggled}`)],
    [
      'Transfer-Encoding on HTTP/1.0',
      rawRequest('POST / HTTP/1.0', ['Transfer-Encoding: chunked'], `0\r\n\r\n${smuggled}`),
    ],
    ['a vertical tab around chunked', post(['Transfer-Encoding: \x0bchunked'], `0\r\n\r\n${smuggled}`)],
  ])('%s is refused', (_name, bytes) => refused(bytes, 400, 'ambiguous_request'));

  it.each([
    ['a bad chunk size', 'x\r\n\r\n'],
    ['a chunk size with a sign', '+1\r\na\r\n0\r\n\r\n'],
    ['a chunk longer than its size', '1\r\nab\r\n0\r\n\r\n'],
    ['bare LF after a chunk size', '1\na\r\n0\r\n\r\n'],
    ['a chunk size that overflows', 'ffffffffffffffff1\r\na\r\n0\r\n\r\n'],
  ])('%s never completes a request at the upstream', async (_name, body) => {
    const text = await exchangeRaw(gate.port, post(['Transfer-Encoding: chunked'], body));
    expect(text).not.toMatch(/HTTP\/1\.1 2/);
    expect(upstream.hits).toEqual([]);
    expect((await gate.send('GET /alive HTTP/1.1')).status).toBe(200);
  });

  it('bytes after a refused request are never read as a request of their own', async () => {
    const text = await exchangeRaw(gate.port, `${rawRequest('GET /a/../b HTTP/1.1')}${smuggled}`);
    expect(text.match(/HTTP\/1\.1 \d/g)).toEqual(['HTTP/1.1 4']);
    expect(upstream.hits).toEqual([]);
  });

  it('a body goes upstream with exactly one framing of ours', async () => {
    await gate.send('POST /x HTTP/1.1', ['Content-Length: 3'], 'abc');
    expect(upstream.newest()).toMatchObject({ method: 'POST', url: '/x', body: 'abc' });
    expect(seen(upstream.newest().rawHeaders, 'content-length')).toBe('3');
    expect(seen(upstream.newest().rawHeaders, 'transfer-encoding')).toBeUndefined();
    await gate.send(
      'POST /y HTTP/1.1',
      ['Transfer-Encoding: chunked'],
      '3;ext=1\r\nabc\r\n0\r\nX-Forwarded-User: evil\r\n\r\n',
    );
    expect(upstream.newest()).toMatchObject({ url: '/y', body: 'abc' });
    expect(upstream.newest().rawHeaders.join()).not.toContain('evil');
  });
});

describe('limits', () => {
  it('too many headers are 431, hidden ones included (Node CVE-2026-58044)', () =>
    refused(
      rawRequest(
        'GET / HTTP/1.1',
        Array.from({ length: 2500 }, (_, i) => `x${i}: `),
      ),
      431,
      'headers_too_large',
    ));
  it('101 headers are 431', () =>
    refused(
      rawRequest(
        'GET / HTTP/1.1',
        Array.from({ length: 100 }, (_, i) => `x${i}: `),
      ),
      431,
      'headers_too_large',
    ));
  it('a large head is 431', () =>
    refused(rawRequest('GET / HTTP/1.1', [`X-Big: ${'a'.repeat(17_000)}`]), 431, 'headers_too_large'));
  it('a head that no parser would hold is 431', () =>
    refused(rawRequest('GET / HTTP/1.1', [`X-Big: ${'a'.repeat(80_000)}`]), 431, 'headers_too_large'));
  it('a long target is 414', () => refused(rawRequest(`GET /${'a'.repeat(9000)} HTTP/1.1`), 414, 'uri_too_long'));
  it('a large body is 413 before it is sent', () =>
    refused(rawRequest('POST / HTTP/1.1', ['Content-Length: 2000']), 413, 'payload_too_large'));
  it('a chunked body is counted as it streams', () =>
    refused(
      rawRequest('POST / HTTP/1.1', ['Transfer-Encoding: chunked'], `7d0\r\n${'a'.repeat(2000)}\r\n0\r\n\r\n`),
      413,
      'payload_too_large',
    ));

  it('slow headers are 408', () => refused('GET / HTTP/1.1\r\nHost: app.test\r\nX-Slow: ', 408, 'request_timeout'));
  it('a slow body is cut, and its upstream request with it', async () => {
    const talk = await openRaw(gate.port);
    talk.send(rawRequest('POST /slow HTTP/1.1', ['Content-Length: 10'], 'abc'));
    expect(await talk.closed()).not.toMatch(/HTTP\/1\.1 2/);
    expect(upstream.hits).toEqual([]);
  });
});

describe('what is unambiguous goes through byte for byte', () => {
  it.each([
    ['/a/b', '/a/b'],
    ['/%41%7e?x=%41%2f..%2F&y=a%zz', '/A~?x=%41%2f..%2F&y=a%zz'],
    ['/caf%c3%a9', '/caf%C3%A9'],
    ['/slashes/a%2fb', '/slashes/a%2Fb'],
    ['/?', '/?'],
  ])('%s → %s', async (target, url) => {
    expect((await gate.send(`GET ${target} HTTP/1.1`)).status).toBe(200);
    expect(upstream.newest().url).toBe(url);
  });

  it('HTTP/1.0 is served and closed', async () => {
    const text = await exchangeRaw(gate.port, rawRequest('GET /old HTTP/1.0'));
    expect(text).toMatch(/^HTTP\/1\.1 200/);
    expect(upstream.newest().url).toBe('/old');
  });

  it('an upgrade is decided and then served as an ordinary request, never tunnelled (RFC 9931)', async () => {
    const answer = await gate.send('GET /socket HTTP/1.1', [
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
    ]);
    expect(answer.status).toBe(200);
    expect(seen(upstream.newest().rawHeaders, 'upgrade')).toBeUndefined();
    expect(seen(upstream.newest().rawHeaders, 'connection')).not.toMatch(/upgrade/i);
  });

  it('pipelined requests are answered in order', async () => {
    const talk = await openRaw(gate.port);
    talk.send(
      rawRequest('GET /1 HTTP/1.1') +
        rawRequest('GET /2 HTTP/1.1') +
        rawRequest('GET /3 HTTP/1.1', ['Connection: close']),
    );
    const text = await talk.closed();
    expect([...text.matchAll(/"url":"(\/\d)"/g)].map((match) => match[1])).toEqual(['/1', '/2', '/3']);
  });

  it('100 Continue is said only after the decision', async () => {
    const talk = await openRaw(gate.port);
    talk.send(rawRequest('POST /c HTTP/1.1', ['Content-Length: 2', 'Expect: 100-continue']));
    expect(await talk.until(/100 Continue\r\n\r\n/)).toMatch(/^HTTP\/1\.1 100/);
    talk.send('ok');
    expect(await talk.until(/"body":"ok"/)).toContain('HTTP/1.1 200');
    expect(seen(upstream.newest().rawHeaders, 'expect')).toBeUndefined();
    talk.socket.destroy();
    const denied = await openRaw(gate.port);
    denied.send(rawRequest('POST /a%2fb HTTP/1.1', ['Content-Length: 2', 'Expect: 100-continue']));
    expect(await denied.closed()).toMatch(/^HTTP\/1\.1 400/);
  });
});
