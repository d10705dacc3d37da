import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTestGateway, PASSWORD, signInOver, type TestGateway } from '../support/gateway.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';
import { metric, readiness, until } from './process.ts';

let upstream: RecordingUpstream;
let gate: TestGateway;
let store: string;
let ann: string;
beforeEach(async () => {
  upstream = await openUpstream();
  gate = await openTestGateway({
    config: `trusted_proxies: [127.0.0.1]
routes:
  - { route: app, match: { host: app.test }, upstream: "${upstream.origin}", policy: staff }
  - { route: open, match: { host: app.test, path: /open }, upstream: "${upstream.origin}", public: true }
`,
  });
  store = join(gate.directory, 'data', 'store');
  await gate.addUser('ann');
  ann = await gate.signIn('ann');
  expect(await ask()).toBe(200);
});
afterEach(async () => {
  await gate.close();
  await upstream.close();
});
const as = (cookie: string): string[] => [`Cookie: sallyport=${cookie}`];
const ask = async (path = '/a', cookie = ann): Promise<number> =>
  (await gate.send(`GET ${path} HTTP/1.1`, as(cookie))).status;

/** The loss is noticed within a second; what counts is what happens from the first refusal on. */
const noticed = (): Promise<void> => until(async () => (await ask()) !== 200);

it('an address that was blocked stays so while the store is gone', async () => {
  const { blocks } = gate.gateway.services;
  const network = '203.0.113.0/24';
  await blocks.add({ kind: 'address', network }, { until: undefined, by: 'test', reason: '' });
  const from = async (address: string): Promise<number> =>
    (await gate.send('GET /open HTTP/1.1', [`X-Forwarded-For: ${address}`])).status;
  expect([await from('203.0.113.7'), await from('192.0.2.1')]).toEqual([403, 200]);
  renameSync(store, `${store}.away`);
  writeFileSync(store, 'not a directory');
  await until(async () => (await ask()) === 503);
  upstream.reset();
  expect([await from('203.0.113.7'), upstream.hits.length]).toEqual([403, 0]);
  expect([await from('192.0.2.1'), upstream.hits.length]).toEqual([200, 1]);
});

describe('the store cannot be opened any more', () => {
  // a file where the directory was: nothing can be opened or made there
  beforeEach(async () => {
    renameSync(store, `${store}.away`);
    writeFileSync(store, 'not a directory');
    await until(async () => (await ask()) === 503);
    upstream.reset();
  });

  it('sessions get 503 at once, public routes go on, load balancers are told', async () => {
    const answer = await gate.send('GET /a HTTP/1.1', as(ann));
    expect([answer.status, JSON.parse(answer.body).reason]).toEqual([503, 'store_unavailable']);
    expect(answer.headers.get('retry-after')).toBe('1');
    // not taken for a dead cookie: it is good again when the store is back
    expect(answer.setCookies).toEqual([]);
    expect((await gate.send('GET /a HTTP/1.1')).status).toBe(401);
    expect(upstream.hits).toHaveLength(0);
    expect(await ask('/open')).toBe(200);
    expect((await gate.send('GET /open HTTP/1.1')).status).toBe(200);
    for (const { headers } of upstream.hits) expect(headers['x-forwarded-user']).toBe('');
    expect(await readiness(gate.adminPort)).toEqual({
      status: 503,
      reasons: ['store: does not answer', 'signing keys: not available'],
    });
    expect(await metric(gate.adminPort, 'sallyport_store_up')).toBe(0);
  });

  it('nobody signs in, in or out', async () => {
    const { answer } = await signInOver(gate.send, 'ann', PASSWORD);
    expect(answer.status).toBe(503);
    expect(answer.setCookies.filter((line) => line.startsWith('sallyport='))).toEqual([]);
    expect((await gate.send('GET /.sallyport/logout HTTP/1.1', as(ann))).status).toBe(503);
    expect((await gate.send('GET /.sallyport/userinfo HTTP/1.1', as(ann))).status).toBe(503);
  });

  it('a reload works, and does not bring anybody in', async () => {
    expect(gate.gateway.reload().ok).toBe(true);
    expect(await ask()).toBe(503);
  });

  it('when it is back so are its sessions, without a restart', async () => {
    rmSync(store);
    renameSync(`${store}.away`, store);
    await until(async () => (await ask()) === 200);
    expect(await readiness(gate.adminPort)).toEqual({ status: 200, reasons: [] });
    expect(await metric(gate.adminPort, 'sallyport_store_up')).toBe(1);
    expect(await gate.signIn('ann')).toBeTruthy();
  });

  it('the gateway still ends in time', async () => {
    await gate.gateway.close(1000);
    expect(gate.logged.filter((line) => line.includes('"level":"fatal"'))).toEqual([]);
  });
});

describe('the store was emptied', () => {
  it('nothing of it is revived, and the gateway starts afresh by itself', async () => {
    rmSync(store, { recursive: true });
    await noticed();
    upstream.reset();
    // refused for good now, whether the new store is there already or not
    await until(async () => {
      const status = await ask();
      expect([401, 503]).toContain(status);
      return status === 401;
    });
    expect(await ask('/open')).toBe(200);
    expect((await signInOver(gate.send, 'ann', PASSWORD)).answer.status).toBe(401);
    await until(async () => (await readiness(gate.adminPort)).status === 200);
    // keys too are new; whoever signs in after this is served as ever
    await gate.addUser('ann');
    const again = await gate.signIn('ann');
    expect(await ask('/a', again)).toBe(200);
    expect(await ask('/a', ann)).toBe(401);
    expect(upstream.hits.map((hit) => hit.url)).toEqual(['/open', '/a']);
  });
});

describe('the store was replaced', () => {
  it('by another one: sessions of the former are refused', async () => {
    const other = await openTestGateway({
      config: `routes: [{ route: a, upstream: "http://127.0.0.1:9", public: true }]\n`,
    });
    await other.gateway.close(1000);
    renameSync(store, `${store}.away`);
    renameSync(join(other.directory, 'data', 'store'), store);
    await other.close();
    await noticed();
    upstream.reset();
    await until(async () => (await ask()) === 401);
    expect(upstream.hits).toHaveLength(0);
  });

  it('by something that is no store, then by the former one again', async () => {
    renameSync(store, `${store}.away`);
    mkdirSync(join(store, 'data.mdb'), { recursive: true });
    await noticed();
    expect(await ask()).toBe(503);
    rmSync(store, { recursive: true });
    renameSync(`${store}.away`, store);
    await until(async () => (await ask()) === 200);
  });
});
