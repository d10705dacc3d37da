import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';
import { type AdminListener, openAdminListener } from '../../src/admin/listener.ts';
import { openHealth } from '../../src/telemetry/health.ts';
import { openLog } from '../../src/telemetry/log.ts';
import { openMetrics } from '../../src/telemetry/metrics.ts';

const TOKEN = 'a-token-of-the-administrator';
const open: AdminListener[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((listener) => listener.close(1000)));
});

async function start(token: string | undefined = TOKEN) {
  const health = openHealth();
  const metrics = openMetrics({ version: '0.0.0', node: process.version });
  const logged: string[] = [];
  const log = openLog({ level: 'debug', pretty: false, destination: { write: (line) => logged.push(line) } });
  const listener = openAdminListener(
    { health, metrics, log },
    { address: { host: '127.0.0.1', port: 0 }, hosts: ['ops.example.com'], token },
  );
  await listener.start();
  open.push(listener);
  const base = `http://127.0.0.1:${listener.port()}`;
  return {
    listener,
    health,
    metrics,
    logged,
    get: (path: string, init?: RequestInit) => fetch(`${base}${path}`, init),
  };
}

/** Sends bytes as they are and reads until the other end closes. */
async function raw(listener: AdminListener, request: string): Promise<string> {
  const socket = connect(listener.port(), '127.0.0.1');
  await once(socket, 'connect');
  socket.end(request);
  return text(socket);
}

const problem = async (answer: Response) => {
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  const body = (await answer.json()) as { status: number; reason: string; title: string };
  expect(body.status).toBe(answer.status);
  return body;
};

describe('health', () => {
  test('live from the first moment, ready between start and drain, with reasons in between', async () => {
    const { health, get } = await start();
    const state = async (path: string) => {
      const answer = await get(path);
      return [answer.status, await answer.json()] as const;
    };
    expect(await state('/livez')).toEqual([200, { status: 'ok' }]);
    expect(await state('/readyz')).toEqual([503, { status: 'not_ready', reasons: ['gateway: starting'] }]);
    health.started();
    expect(await state('/readyz')).toEqual([200, { status: 'ready', reasons: [] }]);
    health.check('store', () => 'does not answer');
    expect(await state('/readyz')).toEqual([503, { status: 'not_ready', reasons: ['store: does not answer'] }]);
    health.drain();
    expect(await state('/readyz')).toEqual([503, { status: 'not_ready', reasons: ['gateway: draining'] }]);
    expect(await state('/healthz')).toEqual([200, { status: 'draining' }]);
    expect(await state('/livez')).toEqual([200, { status: 'ok' }]);
  });
});

describe('metrics', () => {
  test('are open and in the text format', async () => {
    const { metrics, get } = await start();
    metrics.lane('node');
    const answer = await get('/metrics');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await answer.text()).toContain('sallyport_requests_total{lane="node"} 1');
  });
  test.each(['/metrics', '/readyz', '/livez', '/healthz'])('%s answers HEAD and refuses POST', async (path) => {
    const { health, get } = await start();
    health.started();
    const head = await get(path, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    const post = await get(path, { method: 'POST', body: 'x' });
    expect((await problem(post)).reason).toBe('method_not_allowed');
    expect(post.headers.get('allow')).toBe('GET, HEAD');
  });
  test('a scrape that fails says nothing of why to the client, and all to the log', async () => {
    const { metrics, logged, get } = await start();
    metrics.render = () => Promise.reject(new Error('inner detail'));
    const answer = await get('/metrics');
    expect(answer.status).toBe(500);
    const body = await answer.text();
    expect(body).not.toMatch(/inner detail|node_modules|\.ts|at /);
    expect(JSON.parse(body).reason).toBe('internal_error');
    expect(logged.join('')).toContain('inner detail');
  });
});

describe('the API', () => {
  test('asks for the token before it tells what there is', async () => {
    const { get } = await start();
    const none = await get('/api/v1/sessions');
    expect(none.status).toBe(401);
    expect((await problem(none)).reason).toBe('login_required');
    expect(none.headers.get('www-authenticate')).toBe('Bearer realm="sallyport-admin"');
    const wrong = await get('/api/v1/sessions', { headers: { authorization: 'Bearer nonsense' } });
    expect(wrong.status).toBe(401);
    expect((await problem(wrong)).reason).toBe('invalid_token');
    expect(wrong.headers.get('www-authenticate')).toContain('error="invalid_token"');
  });
  test('with the token there is nothing where no API was put', async () => {
    const { get } = await start();
    const answer = await get('/api/v1/sessions', { headers: { authorization: `Bearer ${TOKEN}` } });
    expect(answer.status).toBe(404);
    expect((await problem(answer)).reason).toBe('no_route');
  });
  test('answers nobody when no token is configured', async () => {
    const { get } = await start('');
    expect((await get('/api/v1/x', { headers: { authorization: 'Bearer undefined' } })).status).toBe(401);
  });
});

describe('everything else', () => {
  test.each(['/', '/index.html', '/metrics/', '/api', '/.sallyport/login'])('%s is not found', async (path) => {
    const { get } = await start();
    const answer = await get(path);
    expect(answer.status).toBe(404);
    expect((await problem(answer)).reason).toBe('no_route');
  });
  test('no answer may be framed, cached or sniffed', async () => {
    const { get } = await start();
    for (const path of ['/', '/metrics', '/readyz', '/api/v1/x']) {
      const { headers } = await get(path);
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    }
  });
});

describe('Host (DNS rebinding)', () => {
  test.each([
    ['a stranger', 'evil.example'],
    ['none at all', undefined],
    ['two', '127.0.0.1\r\nHost: evil.example'],
  ])('%s is refused before anything is answered', async (_name, host) => {
    const { listener } = await start();
    const line = host === undefined ? '' : `Host: ${host}\r\n`;
    const answer = await raw(listener, `GET /metrics HTTP/1.${host === undefined ? 0 : 1}\r\n${line}\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 (421|400) /);
    expect(answer).not.toContain('sallyport_');
    expect(answer.toLowerCase()).toContain('connection: close');
  });
  test('the configured name is served', async () => {
    const { listener } = await start();
    const answer = await raw(listener, 'GET /livez HTTP/1.1\r\nHost: ops.example.com\r\nConnection: close\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('odd requests', () => {
  const head = 'Host: 127.0.0.1\r\nConnection: close\r\n';
  test.each([
    ['an absolute target of another host', 400, `GET http://evil.example/metrics HTTP/1.1\r\n${head}\r\n`],
    ['a backslash', 400, `GET /\\evil.example HTTP/1.1\r\n${head}\r\n`],
    ['too many headers', 431, `GET /livez HTTP/1.1\r\n${head}${'A: b\r\n'.repeat(150)}\r\n`],
    ['a header block that is too long', 431, `GET /livez HTTP/1.1\r\n${head}A: ${'b'.repeat(20_000)}\r\n\r\n`],
    ['no HTTP', 400, 'nonsense\r\n\r\n'],
    [
      'an upgrade',
      200,
      `GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n`,
    ],
    ['CONNECT', 0, `CONNECT evil.example:443 HTTP/1.1\r\n${head}\r\n`],
    ['*', 400, `OPTIONS * HTTP/1.1\r\n${head}\r\n`],
  ])(
    '%s: an answer or a closed door, no stack, and the listener lives',
    async (_name: string, status: number, request: string) => {
      const { listener, get } = await start();
      const answer = await raw(listener, request);
      expect(answer).not.toMatch(/node_modules|\.ts:|\.js:|Error:/);
      expect(answer).not.toContain('sallyport_');
      expect(answer).toMatch(status === 0 ? /^$/ : new RegExp(`^HTTP/1.1 ${status} `));
      expect((await get('/livez')).status).toBe(200);
    },
  );
});

describe('life', () => {
  test('a taken address refuses to start', async () => {
    const { listener, health, metrics } = await start();
    const log = openLog({ level: 'silent', pretty: false });
    const second = openAdminListener(
      { health, metrics, log },
      { address: { host: '127.0.0.1', port: listener.port() }, hosts: [], token: undefined },
    );
    await expect(second.start()).rejects.toThrow('EADDRINUSE');
    await second.close(10);
  });
  test('close ends idle connections at once and unfinished requests at the deadline, twice is once', async () => {
    const { listener } = await start();
    const socket = connect(listener.port(), '127.0.0.1');
    await once(socket, 'connect');
    socket.write('GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n');
    socket.on('error', () => {});
    await Promise.all([listener.close(50), listener.close(50)]);
    expect(listener.port()).toBe(0);
  });
});
