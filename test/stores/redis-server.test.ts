import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Log } from '../../src/core/ports.ts';
import { openRedisStore, type RedisStoreOptions } from '../../src/stores/redis.ts';
import { freePort, type RedisServer, type RedisSettings, startRedis } from '../support/redis.ts';
import { temporaryDirectory } from './directory.ts';
import { handClock, systemClock, systemRandom } from './ports.ts';
import { elapsed, isTrusted, key, namesIn, openNodeAt, openStoreAt, put, revoke, until } from './redis-node.ts';

const CERTIFICATE = fileURLToPath(new URL('../support/tls/localhost.pem', import.meta.url));
const PRIVATE_KEY = fileURLToPath(new URL('../support/tls/localhost-key.pem', import.meta.url));

async function serverWith(settings?: RedisSettings): Promise<RedisServer> {
  const server = await startRedis(settings);
  onTestFinished(() => server.stop());
  return server;
}

/** Why it does not start. */
const refusal = (options: Partial<RedisStoreOptions> & { readonly port: number }): Promise<string> =>
  openStoreAt(options).then(
    () => 'it started',
    (error: Error) => error.message,
  );

describe('a server is looked at before it is trusted', () => {
  test.each<[string, RedisSettings, Partial<RedisStoreOptions>, RegExp]>([
    ['one that evicts', { 'maxmemory-policy': 'allkeys-lru' }, {}, /maxmemory-policy is allkeys-lru.*noeviction/],
    ['one that evicts what expires', { 'maxmemory-policy': 'volatile-ttl' }, {}, /maxmemory-policy is volatile-ttl/],
    [
      'one without AOF, for accounts',
      { appendonly: 'no' },
      { localAccounts: true },
      /local accounts too: say `appendonly yes`/,
    ],
    ['one that is part of a cluster', { 'cluster-enabled': 'yes' }, {}, /its mode is cluster/],
  ])('%s is refused', async (_name, settings, options, why) => {
    const server = await serverWith(settings);
    expect(await refusal({ port: server.port, ...options })).toMatch(why);
  });

  test('a replica is refused', async () => {
    const server = await serverWith();
    const replica = await serverWith({ replicaof: `127.0.0.1 ${server.port}` });
    expect(await refusal({ port: replica.port })).toMatch(/it is a replica/);
  });

  test('so is one whose clock says something else', async () => {
    const server = await serverWith();
    for (const skew of [-10_000, 10_000]) {
      const { path, remove } = temporaryDirectory();
      onTestFinished(remove);
      const clock = { now: () => systemClock.now() + skew, monotonic: systemClock.monotonic };
      const store = openRedisStore({ clock, random: systemRandom }, { url: server.url, path });
      onTestFinished(() => store.close(1000));
      await expect(store.start()).rejects.toThrow(/10\.0 s apart/);
    }
  });

  test.each<[string, RedisSettings, RegExp]>([
    ['nothing but the machine’s failure loses a second', { appendfsync: 'everysec' }, /everysec.*the last second/],
    ['half a minute', { appendfsync: 'no' }, /the last half minute/],
    ['no AOF, and no accounts in it', { appendonly: 'no' }, /without an append-only file/],
  ])('%s: it starts and says so', async (_name, settings, warning) => {
    const server = await serverWith(settings);
    const store = await openStoreAt({ port: server.port, localAccounts: settings.appendonly === undefined });
    expect(store.warnings).toEqual([expect.stringMatching(warning)]);
  });

  test('one that loses nothing gives no warning', async () => {
    const server = await serverWith();
    expect((await openStoreAt({ port: server.port, localAccounts: true })).warnings).toEqual([]);
  });

  test('a clock that is set later is a problem that is told, and no reason to stop', async () => {
    const server = await serverWith();
    const { path, remove } = temporaryDirectory();
    onTestFinished(remove);
    let skew = 0;
    const clock = { now: () => systemClock.now() + skew, monotonic: systemClock.monotonic };
    const store = openRedisStore({ clock, random: systemRandom }, { url: server.url, path });
    onTestFinished(() => store.close(1000));
    await store.start();
    await until(() => isTrusted(store));
    expect(store.problem()).toBeUndefined();
    skew = 60_000;
    await until(() => store.problem() !== undefined);
    expect(store.problem()).toMatch(/\d s apart/);
    skew = 0;
    await until(() => store.problem() === undefined);
  });
});

describe('who may speak to it', () => {
  test('nobody is there, or it is not Redis: it says where, and never the password', async () => {
    const port = await freePort();
    const url = `redis://gateway:hunter2@127.0.0.1:${port}`;
    const why = await refusal({ port, url });
    expect(why).toMatch(new RegExp(`127\\.0\\.0\\.1:${port}.*ECONNREFUSED`));
    expect(why).not.toContain('hunter2');
  });

  test('a user with the rights that docs/operations.md names', async () => {
    const server = await serverWith();
    const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
    const [, rights = ''] = /ACL SETUSER gateway on >… (.+)/.exec(page) ?? [];
    await server.client.call('ACL', 'SETUSER', 'gateway', 'on', '>p@ss%:/', ...rights.split(' '));
    const url = `redis://gateway:${encodeURIComponent('p@ss%:/')}@127.0.0.1:${server.port}`;
    const store = await openNodeAt({ port: server.port, url });
    expect(await revoke(store, 'x')).toBe(true);
    expect(await store.increment(key('hits/x'), 1, 1000)).toBe(1);
    expect(await namesIn(store)).toEqual(['hits/x', 'revoked/x']);
    expect(store.warnings).toEqual([expect.stringContaining('appendfsync cannot be read')]);
    const wrong = await refusal({ port: server.port, url: url.replace('p%40ss', 'wrong') });
    expect(wrong).toMatch(/WRONGPASS/);
    expect(wrong).not.toContain('wrong%25');
    // a right that is missing is said, and nothing goes on without it
    await server.client.call('ACL', 'SETUSER', 'gateway', '-info');
    expect(await refusal({ port: server.port, url })).toMatch(/may not use INFO/);
    await server.client.call('ACL', 'SETUSER', 'gateway', '+info', 'resetchannels');
    expect(await refusal({ port: server.port, url })).toMatch(/NOPERM/);
  });

  test('TLS: the certificate is verified, for the name that is in the address', async () => {
    const port = await freePort();
    const tls = { 'tls-port': String(port), 'tls-cert-file': CERTIFICATE, 'tls-key-file': PRIVATE_KEY };
    await serverWith({ ...tls, 'tls-auth-clients': 'no', 'tls-ca-cert-file': CERTIFICATE });
    const url = `rediss://localhost:${port}`;
    const store = await openNodeAt({ port, url, ca: CERTIFICATE });
    expect(await put(store, 'a/b')).toBe(true);
    expect((await store.get(key('a/b')))?.value).toBe('a/b');
    expect(await refusal({ port, url })).toMatch(/self.signed certificate/);
    expect(await refusal({ port, url: `rediss://127.0.0.2:${port}`, ca: CERTIFICATE })).toMatch(
      /ECONNREFUSED|altnames/,
    );
    expect(await refusal({ port, url: `redis://localhost:${port}` })).not.toBe('it started');
    expect(await refusal({ port, url, ca: '/nowhere/ca.pem' })).toMatch(/ENOENT/);
  });
});

describe('replicas', () => {
  test('what is acknowledged has reached one; when none answers it is done all the same, and said', async () => {
    const server = await serverWith();
    const replica = await serverWith({ replicaof: `127.0.0.1 ${server.port}` });
    await until(async () => (await server.client.info('replication')).includes('state=online'));
    const { path, remove } = temporaryDirectory();
    onTestFinished(remove);
    const said: string[] = [];
    const log: Log = { debug() {}, info() {}, warn() {}, error: (message) => void said.push(message) };
    const store = openRedisStore({ clock: systemClock, random: systemRandom, log }, { url: server.url, path });
    onTestFinished(() => store.close(1000));
    await store.start();
    for (let count = 0; count < 50; count += 1) {
      await put(store, 'a/b');
      const [name = ''] = await server.client.keys('*:value:00:a/b');
      const own = await server.client.get(name);
      expect(own).toMatch(/a\/b/);
      expect(await replica.client.get(name)).toBe(own);
    }
    expect(said).toEqual([]);
    replica.freeze();
    // all of them wait together, and reading waits for nobody
    const took = await elapsed(() => Promise.all(Array.from({ length: 50 }, (_each, i) => put(store, `many/${i}`))));
    expect(took).toBeLessThan(2000);
    expect(said).toEqual([expect.stringMatching(/no replica/)]);
    replica.thaw();
  });
});

describe('what lies there', () => {
  test('expired entries are freed, with all that pointed to them', async () => {
    const server = await serverWith();
    const { path, remove } = temporaryDirectory();
    onTestFinished(remove);
    const hand = handClock(systemClock.now());
    const clock = { now: hand.now, monotonic: systemClock.monotonic };
    const options = { url: server.url, path, maxSkewMs: Number.POSITIVE_INFINITY };
    const stores = [0, 1].map(() => openRedisStore({ clock, random: systemRandom }, options));
    for (const store of stores) await store.start();
    const [store] = stores as [(typeof stores)[number]];
    onTestFinished(async () => {
      for (const each of stores) await each.close(1000);
    });
    for (let number = 0; number < 64; number += 1) {
      const partition = number.toString(16).padStart(2, '0');
      const names = Array.from({ length: 10 }, (_each, i) => `item/${i}`);
      await store.commit({ partition, put: names.map((name) => ({ name, value: 'x', expiresAt: hand.now() + 1000 })) });
    }
    await store.commit({ partition: '3f', put: [{ name: 'item/0', value: 'kept', expiresAt: hand.now() + 10 ** 9 }] });
    await store.commit({ partition: '3f', put: [{ name: 'item/1', value: 'for ever' }] });
    const keys = () => server.client.keys('*:value:*');
    expect(await keys()).toHaveLength(640);
    hand.advance(60_000);
    await until(async () => (await keys()).length === 2);
    expect(await namesIn(store, '3f')).toEqual(['item/0', 'item/1']);
    expect(await server.client.keys('*:index:*')).toHaveLength(1);
    const partitions: string[] = [];
    for await (const each of store.partitions()) partitions.push(each);
    expect(partitions).toEqual(['3f']);
    const due = await Promise.all((await server.client.keys('*:expiry')).map((each) => server.client.zcard(each)));
    expect(due).toEqual([1]);
  }, 40_000);

  test('prefixes and databases are apart, in what they tell too', async () => {
    const server = await serverWith();
    const url = `redis://127.0.0.1:${server.port}/3`;
    const all = [
      await openNodeAt({ port: server.port }),
      await openNodeAt({ port: server.port, prefix: 'other' }),
      await openNodeAt({ port: server.port, url }),
    ] as const;
    const cursors = await Promise.all(all.map((store) => store.position()));
    await revoke(all[0], 'x');
    await put(all[0], 'a/b');
    expect(await all[0].position()).not.toBe(cursors[0]);
    for (const i of [1, 2] as const) {
      expect(await all[i].get(key('a/b'))).toBeUndefined();
      expect(await all[i].position()).toBe(cursors[i]);
    }
    expect((await server.client.keys('*')).every((each) => /^\{(sallyport|other)(:\d\d)?\}:/.test(each))).toBe(true);
  });

  test('a server that forgot its scripts is taught them again', async () => {
    const server = await serverWith();
    const store = await openNodeAt({ port: server.port });
    await put(store, 'a/b');
    await server.client.script('FLUSH');
    expect(await put(store, 'a/c')).toBe(true);
    expect(await store.increment(key('hits/x'), 1, 1000)).toBe(1);
    expect(await revoke(store, 'x')).toBe(true);
  });

  test('a server that is full refuses to write and goes on reading', async () => {
    const server = await serverWith();
    const store = await openNodeAt({ port: server.port });
    await put(store, 'a/b');
    await server.client.config('SET', 'maxmemory', '1');
    await expect(put(store, 'a/c')).rejects.toThrow(/OOM/);
    expect((await store.get(key('a/b')))?.value).toBe('a/b');
    await server.client.config('SET', 'maxmemory', '0');
    await until(() => put(store, 'a/c').catch(() => false));
  });

  test('this machine remembers it in a file that nobody else can read; a damaged one is as good as none', async () => {
    const server = await serverWith();
    const { path, remove } = temporaryDirectory();
    onTestFinished(remove);
    const store = await openStoreAt({ port: server.port, path });
    const birth = await store.birth();
    await store.close(1000);
    expect(statSync(join(path, 'seen-redis')).mode & 0o777).toBe(0o600);
    for (const text of ['', '{', 'null', '[]', '{"store":1,"at":null,"slots":[]}', '{"slots":{"length":16}}']) {
      writeFileSync(join(path, 'seen-redis'), text);
      const again = await openStoreAt({ port: server.port, path });
      expect(await again.birth()).toEqual(birth);
      await again.close(1000);
    }
  });
});
