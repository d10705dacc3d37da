import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exchangeRaw, openRaw, parseAnswer, rawRequest } from '../support/raw.ts';
import { openHeldUpstream } from './held.ts';
import { auditOf, configured, readiness, startGateway, until } from './process.ts';

const publicRoute = (origin: string, more = ''): string =>
  `${more}\nroutes:\n  - { route: app, upstream: "${origin}", public: true }`;

/** The start of a drain, with one request under way. */
async function draining(more = '') {
  const upstream = await openHeldUpstream();
  const directory = configured(publicRoute(upstream.origin, more));
  const gateway = await startGateway(directory);
  const running = gateway.send('GET /slow HTTP/1.1').then((answer) => answer);
  const response = await upstream.next();
  return { upstream, directory, gateway, running, response };
}

// a grace longer than a test may take: whatever held the exit without need would fail the test
const LONG = 'timeouts: { drain: 10m, keep_alive: 10m, headers: 10m, request: 10m }';

describe('SIGTERM', () => {
  it('lets what runs finish, takes nothing new, says so to load balancers, and exits 0', async () => {
    const { directory, gateway, running, response, upstream } = await draining(LONG);
    const [kept, idle] = [await openRaw(gateway.port), await openRaw(gateway.port)];
    idle.send(rawRequest('GET /idle HTTP/1.1'));
    (await upstream.next()).end('idle from now on');
    await idle.until(/idle from now on/);
    kept.send(rawRequest('GET /kept HTTP/1.1'));
    const second = await upstream.next();
    expect(await readiness(gateway.adminPort)).toEqual({ status: 200, reasons: [] });

    gateway.command.process.kill('SIGTERM');
    await idle.closed();
    expect(await readiness(gateway.adminPort)).toEqual({ status: 503, reasons: ['gateway: draining'] });
    const live = await fetch(`http://127.0.0.1:${gateway.adminPort}/livez`, { headers: { Connection: 'close' } });
    expect(live.status).toBe(200);
    await expect(exchangeRaw(gateway.port, rawRequest('GET /new HTTP/1.1'))).rejects.toThrow('ECONNREFUSED');

    second.end('kept');
    const last = parseAnswer(await kept.closed());
    // it would have been kept alive: the client learns that it must not ask again on it
    expect([last.status, last.headers.get('connection')]).toEqual([200, 'close']);
    expect(last.body).toContain('kept');
    response.end('slow');
    expect(await running).toMatchObject({ status: 200 });
    expect(await gateway.command.ended).toBe(0);
    expect(gateway.command.output()).toMatch(/"stopped"/);
    expect(upstream.hits.map((hit) => hit.url)).toEqual(['/slow', '/idle', '/kept']);
    const { events, torn } = auditOf(join(directory, 'data', 'audit.ndjson'));
    expect(torn).toEqual([]);
    expect(events.map((event) => `${event.path} ${event.status}`).sort()).toEqual([
      '/idle 200',
      '/kept 200',
      '/slow 200',
    ]);
  });

  it('cuts what outlives the grace, so that it is not taken for whole, and still exits 0', async () => {
    const { gateway, running, upstream } = await draining('timeouts: { drain: 300ms }');
    const streaming = gateway.send('GET /stream HTTP/1.1');
    (await upstream.next()).write('beginning');
    gateway.command.process.kill('SIGTERM');
    expect(await gateway.command.ended).toBe(0);
    expect((await running).text).toBe('');
    const { text } = await streaming;
    expect(text).not.toMatch(/\r\n0\r\n\r\n$/);
  });

  it('a second time ends the process at once', async () => {
    const { gateway, running } = await draining(LONG);
    gateway.command.process.kill('SIGTERM');
    await gateway.command.says(/"draining"/);
    gateway.command.process.kill('SIGTERM');
    expect(await gateway.command.ended).toBe(130);
    expect((await running).text).toBe('');
  });
});

it('SIGINT drains too, and a SIGHUP in its midst neither cuts it short nor reloads', async () => {
  const { gateway, running, response } = await draining(LONG);
  gateway.command.process.kill('SIGINT');
  await gateway.command.says(/"draining"/);
  gateway.command.process.kill('SIGHUP');
  await until(async () => (await readiness(gateway.adminPort)).status === 503);
  response.end('whole');
  expect((await running).body).toContain('whole');
  expect(await gateway.command.ended).toBe(0);
  expect(gateway.command.output()).not.toContain('reloaded');
});

describe('connections on which nothing runs do not hold the exit', () => {
  it('opened and never used', async () => {
    const gateway = await startGateway(configured(publicRoute('http://127.0.0.1:9', LONG)));
    const unused = await openRaw(gateway.port);
    // a request on a later connection has been answered, so the first one was accepted
    expect((await gateway.send('GET /a HTTP/1.1')).status).toBe(502);
    gateway.command.process.kill('SIGTERM');
    expect(await gateway.command.ended).toBe(0);
    await unused.closed();
  });

  it('the answer had begun before, and ends during the drain', async () => {
    const upstream = await openHeldUpstream();
    const gateway = await startGateway(configured(publicRoute(upstream.origin, LONG)));
    const kept = await openRaw(gateway.port);
    kept.send(rawRequest('GET /a HTTP/1.1'));
    const response = await upstream.next();
    response.write('beginning');
    await kept.until(/beginning/);
    gateway.command.process.kill('SIGTERM');
    await gateway.command.says(/"draining"/);
    await until(async () => (await readiness(gateway.adminPort)).status === 503);
    response.end('the end');
    expect(await kept.closed()).toContain('the end');
    expect(await gateway.command.ended).toBe(0);
  });
});
