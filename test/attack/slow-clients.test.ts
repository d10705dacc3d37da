import type { Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, type TestContext } from 'vitest';
import { auditOf, metric, until } from '../app/process.ts';
import { openTestGateway, type TestGateway } from '../support/gateway.ts';
import { openRaw, parseAnswer, type RawAnswer, type RawConversation, rawRequest } from '../support/raw.ts';
import { openRawUpstream, openUpstream } from '../support/upstream.ts';
import { openTornUpstream } from './torn-upstream.ts';

/** Most of these tests wait for clocks, so they do it together: what each opens is its own. */
type Own = Pick<TestContext, 'onTestFinished'>;

/** A gateway with a route `open` to this application. */
async function gatewayTo({ onTestFinished }: Own, origin: string, more: string): Promise<TestGateway> {
  const gate = await openTestGateway({
    config: `${more}\nroutes:\n  - { route: open, upstream: "${origin}", public: true }\n`,
  });
  onTestFinished(gate.close);
  return gate;
}
async function tornHere({ onTestFinished }: Own) {
  const torn = await openTornUpstream();
  onTestFinished(torn.close);
  return torn;
}
const told = (answer: RawAnswer): unknown[] => [answer.status, JSON.parse(answer.body).reason];

/** Sends a piece again and again until the other side has closed: slow, and never quite still. */
function drip(talk: RawConversation, piece: string, everyMs = 50): void {
  const timer = setInterval(() => talk.send(piece), everyMs);
  talk.socket.once('close', () => clearInterval(timer));
}
const NONE = 'limits: { min_rate: 0B }';
const cut = (gate: TestGateway, reason: string): Promise<number> =>
  metric(gate.adminPort, `sallyport_connections_cut_total{reason="${reason}"}`);

describe.concurrent('a head has its time', () => {
  const times = `${NONE}\ntimeouts: { headers: 1s, request: 10m, keep_alive: 10m, idle: 10m }`;
  const silent = async (talk: RawConversation): Promise<void> => {
    expect(talk.received).toBe('');
  };
  it.for<[string, (talk: RawConversation) => Promise<void>]>([
    ['that never begins', silent],
    ['that stops', async (talk) => talk.send('GET / HTTP/1.1\r\nHost: app.test\r\nX-Slow: ')],
    [
      'that comes byte by byte',
      async (talk) => {
        talk.send('GET / HTTP/1.1\r\nHost: app.test\r\nX-Slow: ');
        drip(talk, 'a');
      },
    ],
    ['of empty lines', async (talk) => drip(talk, '\r\n')],
    [
      'of a second request',
      async (talk) => {
        talk.send(rawRequest('GET /.sallyport/userinfo HTTP/1.1'));
        await talk.until(/authenticated/);
        talk.received = '';
        talk.send('GET / HTTP/1.1\r\nHost:');
        drip(talk, ' ');
      },
    ],
  ])('one %s is 408, and the application sees nothing', async ([, begin], own) => {
    const torn = await tornHere(own);
    const gate = await gatewayTo(own, torn.origin, times);
    const talk = await openRaw(gate.port);
    await begin(talk);
    const answer = parseAnswer(await talk.closed());
    expect(told(answer)).toEqual([408, 'request_timeout']);
    expect(answer.headers.get('connection')).toBe('close');
    expect(torn.count()).toBe(0);
  });
});

describe.concurrent('a whole request has its time, however fast its body comes', () => {
  const times = `${NONE}\ntimeouts: { headers: 1s, request: 2s, keep_alive: 10m, idle: 10m }`;
  it('then it is 408, and the application sees it torn', async (own) => {
    const torn = await tornHere(own);
    const gate = await gatewayTo(own, torn.origin, times);
    const talk = await openRaw(gate.port);
    talk.send(rawRequest('POST / HTTP/1.1', ['Content-Length: 100000000']));
    drip(talk, 'a'.repeat(1000));
    const request = await torn.next();
    expect(told(parseAnswer(await talk.closed()))).toEqual([408, 'request_timeout']);
    expect(await request.ended()).toContain('aaaa');
    await gate.gateway.close(1000);
    const { events } = auditOf(join(gate.directory, 'data', 'audit.ndjson'));
    expect(events).toMatchObject([{ route: 'open', status: 408, reason: 'request_timeout' }]);
  });

  it('on pages of our own too', async (own) => {
    const gate = await gatewayTo(own, 'http://127.0.0.1:9', times);
    const talk = await openRaw(gate.port);
    const type = 'Content-Type: application/x-www-form-urlencoded';
    talk.send(rawRequest('POST /.sallyport/login HTTP/1.1', ['Origin: http://app.test', type, 'Content-Length: 9000']));
    drip(talk, 'a');
    expect(told(parseAnswer(await talk.closed()))).toEqual([408, 'request_timeout']);
  });
});

describe.concurrent('a connection on which nothing moves', () => {
  it('is closed without a word between two requests', async (own) => {
    const upstream = await openUpstream();
    own.onTestFinished(upstream.close);
    const gate = await gatewayTo(own, upstream.origin, 'timeouts: { keep_alive: 1s }');
    const talk = await openRaw(gate.port);
    talk.send(rawRequest('GET / HTTP/1.1'));
    expect((await talk.closed()).match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 200']);
    expect(await cut(gate, 'idle')).toBe(0);
  });

  it('is cut in the middle of an exchange, and its application is told', async (own) => {
    const torn = await tornHere(own);
    const gate = await gatewayTo(own, torn.origin, 'timeouts: { idle: 1s }');
    const talk = await openRaw(gate.port);
    talk.send(rawRequest('GET /held HTTP/1.1'));
    const request = await torn.next();
    expect(await talk.closed()).toBe('');
    await request.ended();
    expect(await cut(gate, 'idle')).toBe(1);
  });
});

const RATE = 'limits: { min_rate: 2KiB }\ntimeouts: { slow_body: 1s, slow_reader: 1s, request: 10m, idle: 10m }';

describe.concurrent('a body has its least rate', () => {
  const post = (more = ''): string => rawRequest('POST /up HTTP/1.1', ['Transfer-Encoding: chunked'], more);
  it.for<[string, (talk: RawConversation) => void]>([
    ['that stops', () => {}],
    ['that drips', (talk) => drip(talk, '4\r\naaaa\r\n')],
  ])('one %s is 408, and the application sees it torn', async ([, go], own) => {
    const torn = await tornHere(own);
    const gate = await gatewayTo(own, torn.origin, RATE);
    const talk = await openRaw(gate.port);
    talk.send(post('4\r\naaaa\r\n'));
    const request = await torn.next();
    go(talk);
    const answer = parseAnswer(await talk.closed());
    expect(told(answer)).toEqual([408, 'request_timeout']);
    expect(answer.headers.get('connection')).toBe('close');
    const seen = await request.ended();
    expect(seen).toContain('4\r\naaaa');
    expect(seen).not.toMatch(/\r\n0\r\n\r\n/);
    expect(await cut(gate, 'slow_request')).toBe(1);
    expect(await metric(gate.adminPort, 'sallyport_http_requests_total{route="open",method="POST",code="408"}')).toBe(
      1,
    );
    await gate.logs(/"slow_request":1,"newest":"127.0.0.1","msg":"connections cut"/);
  });

  it('one that drips after the answer began is cut', async (own) => {
    const torn = await tornHere(own);
    const gate = await gatewayTo(own, torn.origin, RATE);
    const talk = await openRaw(gate.port);
    talk.send(post('4\r\naaaa\r\n'));
    const request = await torn.next();
    request.socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nearly\r\n');
    await talk.until(/early/);
    drip(talk, '4\r\naaaa\r\n');
    const text = await talk.closed();
    expect(text.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 200']);
    expect(text).not.toMatch(/\r\n0\r\n\r\n$/);
    expect(await request.ended()).not.toMatch(/\r\n0\r\n\r\n/);
  });

  it('one that is never asked for, since the client waits for 100 Continue and gets a refusal, is nothing slow', async (own) => {
    const gate = await gatewayTo(own, 'http://127.0.0.1:9', RATE);
    const talk = await openRaw(gate.port);
    talk.send(rawRequest('POST /.sallyport/nothing HTTP/1.1', ['Expect: 100-continue', 'Content-Length: 10']));
    expect(told(parseAnswer(await talk.closed()))).toEqual([404, 'no_route']);
    expect(await cut(gate, 'slow_request')).toBe(0);
  });

  it('one that is fast enough goes through, long after the grace', async (own) => {
    const upstream = await openUpstream();
    own.onTestFinished(upstream.close);
    const gate = await gatewayTo(own, upstream.origin, RATE);
    const talk = await openRaw(gate.port);
    const pieces = 80;
    talk.send(rawRequest('POST /up HTTP/1.1', ['Connection: close', `Content-Length: ${pieces * 4000}`]));
    let sent = 0;
    const timer = setInterval(() => {
      talk.send('a'.repeat(4000));
      if (++sent === pieces) clearInterval(timer);
    }, 50);
    expect(parseAnswer(await talk.closed()).status).toBe(200);
    expect(upstream.newest().body).toHaveLength(pieces * 4000);
  });

  it('one that the application does not take is not the client’s fault', async (own) => {
    const torn = await tornHere(own);
    const gate = await gatewayTo(own, torn.origin, RATE);
    // a slow one beside it shows that the grace is long over
    const [talk, slow] = [await openRaw(gate.port), await openRaw(gate.port)];
    const bytes = 30_000_000;
    talk.send(rawRequest('POST /up HTTP/1.1', [`Content-Length: ${bytes}`], 'a'.repeat(bytes)));
    const request = await torn.next();
    request.socket.pause();
    for (let i = 0; i < 2; i++) {
      const other = i === 0 ? slow : await openRaw(gate.port);
      other.send(post('1\r\na\r\n'));
      expect(parseAnswer(await other.closed()).status).toBe(408);
    }
    expect(talk.ended).toBe(false);
    let seen = 0;
    request.socket.on('data', (chunk) => {
      seen += chunk.length;
      if (seen >= bytes) request.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole');
    });
    request.socket.resume();
    expect(await talk.until(/whole/)).toMatch(/^HTTP\/1\.1 200/);
    talk.socket.destroy();
  });

  it('one whose application is slow to answer is not slow', async (own) => {
    const torn = await tornHere(own);
    const gate = await gatewayTo(own, torn.origin, RATE);
    const [talk, slow] = [await openRaw(gate.port), await openRaw(gate.port)];
    talk.send(rawRequest('POST /up HTTP/1.1', ['Content-Length: 4'], 'aaaa'));
    const request = await torn.next();
    slow.send(post('1\r\na\r\n'));
    expect(parseAnswer(await slow.closed()).status).toBe(408);
    request.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole');
    expect(await talk.until(/whole/)).toMatch(/^HTTP\/1\.1 200/);
    talk.socket.destroy();
  });

  it('is another, and so are the times, once the configuration says so', async (own) => {
    const torn = await tornHere(own);
    const gate = await gatewayTo(own, torn.origin, `${NONE}\ntimeouts: { headers: 10m, request: 10m }`);
    const [body, head] = [await openRaw(gate.port), await openRaw(gate.port)];
    body.send(post('1\r\na\r\n'));
    head.send('GET / HTTP/1.1\r\n');
    await (await torn.next()).has('1\r\na');
    const route = `routes:\n  - { route: open, upstream: "${torn.origin}", public: true }\n`;
    gate.write('sallyport.yaml', `${RATE.replace('request:', 'headers: 1s, request:')}\n${route}`);
    expect(gate.gateway.reload().ok).toBe(true);
    expect(told(parseAnswer(await body.closed()))).toEqual([408, 'request_timeout']);
    expect(told(parseAnswer(await head.closed()))).toEqual([408, 'request_timeout']);
  });
});

describe.concurrent('an answer is taken at the least rate', () => {
  const BYTES = 30_000_000;
  const answering = (more: (socket: Socket) => void = () => {}) =>
    openRawUpstream((socket) => {
      more(socket);
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${BYTES}\r\n\r\n`);
      socket.write(Buffer.alloc(BYTES, 'a'));
    });

  it('who takes nothing is cut, and so is the application’s connection', async (own) => {
    let left!: () => void;
    const hasLeft = new Promise<void>((resolve) => (left = resolve));
    const upstream = await answering((socket) => socket.on('close', left));
    own.onTestFinished(upstream.close);
    const gate = await gatewayTo(own, upstream.origin, RATE);
    const talk = await openRaw(gate.port);
    talk.socket.pause();
    talk.send(rawRequest('GET / HTTP/1.1'));
    await hasLeft;
    expect(await cut(gate, 'slow_reader')).toBe(1);
    await until(async () => (await metric(gate.adminPort, 'sallyport_connections')) === 0);
    talk.socket.resume();
    // a torn answer, and not one that can be taken for whole
    expect((await talk.closed()).length).toBeLessThan(BYTES);
    await gate.logs(/"slow_reader":1/);
  });

  it('who takes it slowly, and fast enough, gets all of it', async (own) => {
    const upstream = await answering();
    own.onTestFinished(upstream.close);
    const gate = await gatewayTo(own, upstream.origin, RATE);
    const talk = await openRaw(gate.port);
    let got = 0;
    talk.socket.removeAllListeners('data');
    let slow = true;
    talk.socket.on('data', (chunk) => {
      got += chunk.length;
      if (!slow) return;
      talk.socket.pause();
      setTimeout(() => talk.socket.resume(), 20);
    });
    talk.send(rawRequest('GET / HTTP/1.1', ['Connection: close']));
    // somebody who takes nothing comes later and is cut first: the grace is long over
    const other = await openRaw(gate.port);
    other.socket.pause();
    other.send(rawRequest('GET / HTTP/1.1'));
    await gate.logs(/"slow_reader":1/);
    slow = false;
    talk.socket.resume();
    await talk.closed();
    expect(got).toBeGreaterThan(BYTES);
    expect(await cut(gate, 'slow_reader')).toBe(1);
    other.socket.destroy();
  });
});
