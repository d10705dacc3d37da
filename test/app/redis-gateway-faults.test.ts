import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { type BlackHole, openBlackHole } from '../support/black-hole.ts';
import { sallyport } from '../support/command.ts';
import { PASSWORD, sessionCookieOf, signInOver } from '../support/gateway.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { openUpstream } from '../support/upstream.ts';
import { configured, startGateway } from './process.ts';

// The bounds are promises (issue, "Faults"): whoever needs a session has an answer within the time limit of a command + 50 ms,
// and the store is found again within a second. A machine under load adds to that what it adds to everything: at least
// `LOAD_MS`, or what the slowest answer of a public route took meanwhile.
const ANSWERED_MS = 500 + 50;
const FOUND_MS = 1000;
const LOAD_MS = 400;

type Fault = (server: RedisServer, hole: BlackHole) => unknown;

it.each<[string, Fault, Fault, number]>([
  ['is frozen', (redis) => redis.freeze(), (redis) => redis.thaw(), 200],
  ['is killed and restarted', (redis) => redis.kill(), (redis) => redis.restart(), 200],
  ['is killed and restarted empty', (redis) => redis.kill(), (redis) => redis.restartEmpty(), 401],
  ['is behind a black hole', (_, hole) => hole.swallow('both'), (_, hole) => hole.swallow('nothing'), 200],
  ['is not heard any more', (_, hole) => hole.swallow('answers'), (_, hole) => hole.swallow('nothing'), 200],
])(
  'Redis %s: 503 in time, public routes go on, and by itself it is as it was',
  {
    timeout: 60_000,
  },
  async (_name, begin, end, inTheEnd) => {
    const upstream = await openUpstream();
    onTestFinished(() => upstream.close());
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    const hole = await openBlackHole(redis.port);
    onTestFinished(() => hole.close());
    const directory = configured(`store: { path: data, redis: "redis://127.0.0.1:${hole.port}" }
secrets: { cookie: "0123456789abcdef0123456789abcdef" }
routes:
  - { route: app, match: { host: app.test }, upstream: "${upstream.origin}", policy: staff }
  - { route: open, match: { host: app.test, path: /open }, upstream: "${upstream.origin}", public: true }`);
    const command = (...args: string[]) =>
      sallyport([...args, '--config', join(directory, 'sallyport.yaml')], { input: `${PASSWORD}\n` });
    const add = ['user', 'add', 'ann', '--groups', 'staff', '--password-stdin'];
    expect(await command(...add)).toMatchObject({ code: 0, stderr: '' });
    const { send } = await startGateway(directory);
    const signIn = async (): Promise<string> => sessionCookieOf((await signInOver(send, 'ann', PASSWORD)).answer);
    const [kept, revoked, unasked] = [await signIn(), await signIn(), await signIn()];
    const as = (cookie: string): string[] => [`Cookie: sallyport=${cookie}`];
    const own = await send('GET /.sallyport/userinfo HTTP/1.1', as(revoked));
    expect(await command('session', 'revoke', JSON.parse(own.body).session.id)).toMatchObject({ code: 0 });

    const slowest = { session: 0, open: 0 };
    async function ask(cookie: string, path = `/${randomUUID()}`): Promise<number> {
      const from = performance.now();
      const { status } = await send(`GET ${path} HTTP/1.1`, as(cookie));
      const which = path === '/open' ? 'open' : 'session';
      slowest[which] = Math.max(slowest[which], performance.now() - from);
      return status;
    }
    /** What all of them say at one moment; whatever happens, some of it always holds. */
    async function askAll(): Promise<readonly number[]> {
      const all = [ask(kept), ask(kept, '/warm'), ask(unasked), ask(revoked), ask(kept, '/open')];
      const [, , , gone, open] = await Promise.all(all);
      expect([401, 503]).toContain(gone);
      expect(open).toBe(200);
      return (await Promise.all(all)).slice(0, 3);
    }
    /** Until all say it; before that they may say the other, and nothing else. */
    async function askUntil(status: number, other: number): Promise<void> {
      for (;;) {
        const all = await askAll();
        if (all.every((each) => each === status)) return;
        for (const each of all) expect([status, other]).toContain(each);
        await delay(5);
      }
    }

    expect(await ask(kept, '/warm')).toBe(200);
    expect(await ask(revoked)).toBe(401);
    const began = begin(redis, hole);
    await askUntil(503, 200);
    await began;
    // nobody comes in again before it is over
    for (let again = 0; again < 20; again += 1) expect(await askAll()).toEqual([503, 503, 503]);
    expect((await signInOver(send, 'ann', PASSWORD)).answer.status).toBe(503);
    expect(slowest.session).toBeLessThan(ANSWERED_MS + Math.max(LOAD_MS, slowest.open));

    await end(redis, hole);
    const back = performance.now();
    await askUntil(inTheEnd, 503);
    expect(performance.now() - back).toBeLessThan(FOUND_MS + LOAD_MS);
    for (let again = 0; again < 20; again += 1) expect(await askAll()).toEqual([inTheEnd, inTheEnd, inTheEnd]);
    expect(await ask(revoked)).toBe(401);
    if (inTheEnd === 401) expect(await command(...add)).toMatchObject({ code: 0 });
    const fresh = await signIn();
    while ((await ask(fresh)) !== 200) await delay(5);
  },
);
