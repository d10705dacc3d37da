import { setTimeout as delay } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { openBlackHole } from '../support/black-hole.ts';
import { openTestGateway } from '../support/gateway.ts';
import { startRedis } from '../support/redis.ts';
import { openUpstream } from '../support/upstream.ts';

/** `store.timeout`, and what a machine under load adds. */
const ANSWERED_MS = 500 + 400;

// a round trip for each partition would take five times as long, and more
it.each([
  { farMs: 20, foundMs: 1000 + 400 },
  // so far away that reading takes longer than a request may wait
  { farMs: 60, foundMs: 5000 },
])(
  'a Redis $farMs ms away that is emptied: public requests are answered in time, and it is in step again soon',
  {
    timeout: 30_000,
  },
  async ({ farMs, foundMs }) => {
    const upstream = await openUpstream();
    onTestFinished(() => upstream.close());
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    const relay = await openBlackHole(redis.port);
    onTestFinished(() => relay.close());
    relay.delay(farMs);
    const gate = await openTestGateway({
      store: `{ path: data, redis: "redis://127.0.0.1:${relay.port}" }`,
      config: `secrets: { cookie: "0123456789abcdef0123456789abcdef" }
routes:
  - { route: app, match: { host: app.test }, upstream: "${upstream.origin}", policy: staff }
  - { route: open, match: { host: app.test, path: /open }, upstream: "${upstream.origin}", public: true }`,
    });
    onTestFinished(() => gate.close());
    await gate.addUser('ann');
    const cookie = [`Cookie: sallyport=${await gate.signIn('ann')}`];
    const ask = async (path: string): Promise<number> => (await gate.send(`GET ${path} HTTP/1.1`, cookie)).status;
    expect([await ask('/a'), await ask('/open')]).toEqual([200, 200]);

    await redis.client.flushall();
    const emptied = performance.now();
    let slowest = 0;
    const own: number[] = [];
    const askOpen = async (): Promise<void> => {
      const from = performance.now();
      expect(await ask('/open')).toBe(200);
      slowest = Math.max(slowest, performance.now() - from);
    };
    const asked: Promise<void>[] = [];
    while (own.at(-1) !== 401) {
      asked.push(askOpen());
      own.push(await ask('/a'));
      await delay(5);
    }
    const foundAfter = performance.now() - emptied;
    await Promise.all(asked);
    expect(foundAfter).toBeLessThan(foundMs);
    expect(slowest).toBeLessThan(ANSWERED_MS);
    // nobody is believed any more once it is noticed
    const noticed = own.findIndex((status) => status !== 200);
    expect(own.slice(noticed)).not.toContain(200);
    upstream.reset();
    expect([await ask('/a'), upstream.hits.length]).toEqual([401, 0]);
  },
);
