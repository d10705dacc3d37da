import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { shareOf } from '../../src/limits/lease.ts';
import { type HandClock, handClock } from '../stores/ports.ts';
import {
  openTestGateway,
  PASSWORD,
  signInOver,
  type TestGateway,
  type TestGatewayOptions,
} from '../support/gateway.ts';
import { openKeyServer, signingPair, signRaw } from '../support/issuer.ts';
import type { RawAnswer } from '../support/raw.ts';
import { startRedis } from '../support/redis.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';
import { auditOf, configured, type GatewayProcess, metric, startGateway, until } from './process.ts';

const HOUR = 3_600_000;
/** Limits up to 10 are one share: a node alone keeps them to the request, however fast its store is. */
const open = (upstream: RecordingUpstream, more = ''): string =>
  `routes:\n  - { route: open, match: { host: app.test }, upstream: "${upstream.origin}", public: true${more} }\n`;

async function here(
  config: (upstream: RecordingUpstream) => string,
  options: Omit<TestGatewayOptions, 'config'> = {},
): Promise<{ upstream: RecordingUpstream; gate: TestGateway; clock: HandClock }> {
  const upstream = await openUpstream();
  onTestFinished(upstream.close);
  const clock = handClock();
  const gate = await openTestGateway({ config: config(upstream), clock, ...options });
  onTestFinished(gate.close);
  return { upstream, gate, clock };
}
const statuses = async (count: number, ask: () => Promise<RawAnswer>): Promise<number[]> => {
  const all: number[] = [];
  for (let i = 0; i < count; i++) all.push((await ask()).status);
  return all;
};
const times = (count: number, status: number): number[] => Array.from({ length: count }, () => status);
const get = (gate: TestGateway, path = '/', headers: readonly string[] = []): Promise<RawAnswer> =>
  gate.send(`GET ${path} HTTP/1.1`, headers);
const from = (address: string): string[] => [`X-Forwarded-For: ${address}`];
const as = (cookie: string): string[] => [`Cookie: sallyport=${cookie}`];

describe('per address', () => {
  const config = (upstream: RecordingUpstream) => `limits: { rate: { address: 5/1h } }\n${open(upstream)}`;

  it('so many reach the application, the next one is 429 and says when to come back', async () => {
    const { upstream, gate, clock } = await here(config);
    const answers = [];
    for (let i = 0; i < 5; i++) answers.push(await get(gate));
    for (const { status, headers } of answers) {
      expect(status).toBe(200);
      expect([...headers.keys()].filter((name) => name.startsWith('ratelimit'))).toEqual([]);
    }
    const answer = await get(gate);
    expect([answer.status, JSON.parse(answer.body).reason]).toEqual([429, 'rate_limited']);
    const reset = Number(answer.headers.get('ratelimit-reset'));
    expect(reset).toBeGreaterThan(0);
    expect(reset).toBeLessThanOrEqual(3600);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'ratelimit-limit': '5',
      'ratelimit-remaining': '0',
      'ratelimit-policy': '5;w=3600',
      'retry-after': String(reset),
      'x-sallyport': 'intercepted',
      'cache-control': 'no-store',
    });
    expect(upstream.hits).toHaveLength(5);
    clock.advance(reset * 1000);
    expect((await get(gate)).status).toBe(200);
    expect(await metric(gate.adminPort, 'sallyport_rate_limited_total{scope="address"}')).toBe(1);
    expect(await metric(gate.adminPort, 'sallyport_http_requests_total{route="open",method="GET",code="429"}')).toBe(1);
  });

  it('a browser gets the page, and the audit file says which limit it was', async () => {
    const { gate } = await here(config);
    await statuses(5, () => get(gate));
    const page = await get(gate, '/', ['Accept: text/html', 'Sec-Fetch-Mode: navigate']);
    expect([page.status, page.headers.get('content-type')]).toEqual([429, 'text/html; charset=utf-8']);
    expect(page.body).toContain('<code>rate_limited</code>');
    expect(page.body).toContain('<dt>Try again after</dt>');
    await gate.gateway.close(1000);
    const { events } = auditOf(join(gate.directory, 'data', 'audit.ndjson'));
    expect(events.at(-1)).toMatchObject({
      action: 'request',
      result: 'refused',
      reason: 'rate_limited',
      route: 'open',
      status: 429,
      detail: 'address 5/1h',
    });
  });

  it('a burst on connections of its own is counted to the request', async () => {
    const { upstream, gate } = await here(config);
    const all = await Promise.all(Array.from({ length: 30 }, () => get(gate)));
    expect(all.map(({ status }) => status).sort()).toEqual([...times(5, 200), ...times(25, 429)]);
    expect(upstream.hits).toHaveLength(5);
  });

  it('what a stranger says about their address changes nothing', async () => {
    const { upstream, gate } = await here(config);
    let last = 0;
    expect(await statuses(8, () => get(gate, '/', from(`203.0.113.${++last}`)))).toEqual([
      ...times(5, 200),
      ...times(3, 429),
    ]);
    expect(upstream.hits).toHaveLength(5);
  });

  it('behind a trusted proxy each client counts; of IPv6 each /64', async () => {
    const { upstream, gate } = await here((to) => `trusted_proxies: [127.0.0.1]\n${config(to)}`);
    expect(await statuses(6, () => get(gate, '/', from('203.0.113.1')))).toEqual([...times(5, 200), 429]);
    // the neighbour is somebody else
    expect(await statuses(6, () => get(gate, '/', from('203.0.113.2')))).toEqual([...times(5, 200), 429]);
    let last = 0;
    const subscriber = (): string[] => from(`2001:db8:0:7::${(++last).toString(16)}`);
    expect(await statuses(6, () => get(gate, '/', subscriber()))).toEqual([...times(5, 200), 429]);
    expect((await get(gate, '/', from('2001:db8:0:7:ffff::1'))).status).toBe(429);
    expect((await get(gate, '/', from('2001:db8:0:8::1'))).status).toBe(200);
    // an IPv4 address in IPv6 clothes is the same client
    expect((await get(gate, '/', from('::ffff:203.0.113.1'))).status).toBe(429);
    expect(upstream.hits).toHaveLength(16);
  });

  it("the gateway's own pages count too, except that signing out has a count of its own", async () => {
    const { gate } = await here(config);
    expect(await statuses(5, () => get(gate, '/.sallyport/jwks.json'))).toEqual(times(5, 200));
    for (const path of ['/.sallyport/userinfo', '/.sallyport/login', '/.sallyport/me', '/']) {
      expect((await get(gate, path)).status).toBe(429);
    }
    const ask = () => get(gate, '/.sallyport/logout', ['Accept: text/html']);
    expect(await statuses(6, ask)).toEqual([...times(5, 200), 429]);
  });

  it.each(['/nothing', '/.sallyport/nothing'])(
    'looking for what is not there counts on our hosts: %s',
    async (path) => {
      const { upstream, gate } = await here(
        (to) => `limits: { rate: { address: 5/1h } }
routes: [{ route: open, match: { host: app.test, path: /there }, upstream: "${to.origin}", public: true }]
`,
      );
      // a host that is not ours counts nowhere
      const elsewhere = () => gate.send(`GET ${path} HTTP/1.1`, ['Host: nobody.test']);
      expect(await statuses(8, elsewhere)).toEqual(times(8, 404));
      expect(await statuses(7, () => get(gate, path))).toEqual([...times(5, 404), 429, 429]);
      expect((await get(gate, '/there')).status).toBe(429);
      expect(upstream.hits).toEqual([]);
      expect(await statuses(2, elsewhere)).toEqual([404, 404]);
    },
  );
});

describe('on a route', () => {
  it('an address counts there by itself, beside the limit over all', async () => {
    const { upstream, gate } = await here(
      (to) => `limits: { rate: { address: 6/1h } }
routes:
  - { route: open, match: { host: app.test }, upstream: "${to.origin}", public: true }
  - { route: costly, match: { host: app.test, path: /costly }, upstream: "${to.origin}", public: true, rate_limit: { address: 2/1h } }
`,
    );
    expect(await statuses(3, () => get(gate, '/costly'))).toEqual([200, 200, 429]);
    const refusal = await get(gate, '/costly');
    expect([refusal.status, refusal.headers.get('ratelimit-policy')]).toEqual([429, '2;w=3600']);
    // what the route refused was counted over all
    expect(await statuses(3, () => get(gate))).toEqual([200, 200, 429]);
    expect(upstream.hits).toHaveLength(4);
  });

  it('all callers together: as many as it is given, whoever they are', async () => {
    const { upstream, gate } = await here(
      (to) => `trusted_proxies: [127.0.0.1]\n${open(to, ', rate_limit: { route: 4/1h }')}`,
    );
    let last = 0;
    expect(await statuses(6, () => get(gate, '/', from(`203.0.113.${++last}`)))).toEqual([...times(4, 200), 429, 429]);
    expect(upstream.hits).toHaveLength(4);
    expect(await metric(gate.adminPort, 'sallyport_rate_limited_total{scope="route"}')).toBe(2);
  });

  it('strangers whom the policy refuses do not use it up for those whom it lets in', async () => {
    const { upstream, gate } = await here(
      (to) => `routes:
  - { route: app, match: { host: app.test }, upstream: "${to.origin}", policy: staff, rate_limit: { route: 2/1h } }
`,
    );
    await gate.addUser('ann');
    const ann = await gate.signIn('ann');
    expect(await statuses(10, () => get(gate))).toEqual(times(10, 401));
    expect(await statuses(3, () => get(gate, '/', as(ann)))).toEqual([200, 200, 429]);
    expect(upstream.hits).toHaveLength(2);
  });
});

describe('per identity', () => {
  it('a person counts from wherever, a program too, nobody does not', async () => {
    const pair = await signingPair('ES256', 'k');
    const keys = await openKeyServer([pair.jwk]);
    onTestFinished(keys.close);
    const { upstream, gate, clock } = await here(
      (to) => `
trusted_proxies: [127.0.0.1]
identity: { providers: [{ id: staff, type: local }, { id: services, type: jwt, issuer: issuer.test, jwks: "${keys.url}", audience: api }] }
limits: { rate: { identity: 4/1h } }
routes:
  - { route: app, match: { host: app.test }, upstream: "${to.origin}", policy: staff, user_prefix: true, rate_limit: { identity: 3/1h } }
  - { route: open, match: { host: app.test, path: /open }, upstream: "${to.origin}", public: true }
`,
      { storeBornAgo: 10 * HOUR },
    );
    await gate.addUser('ann');
    await gate.addUser('bob');
    const [ann, again, bob] = [await gate.signIn('ann'), await gate.signIn('ann'), await gate.signIn('bob')];
    const ask = async (path: string, who: string[], address: string) =>
      (await get(gate, path, [...who, ...from(address)])).status;
    expect(await ask('/', as(ann), '203.0.113.1')).toBe(200);
    expect(await ask('/', as(again), '203.0.113.2')).toBe(200);
    expect(await ask('/', as(ann), '203.0.113.3')).toBe(200);
    expect(await ask('/', as(ann), '203.0.113.4')).toBe(429);
    // over all routes: that one was counted there before the route refused it
    expect(await ask('/open', as(again), '203.0.113.5')).toBe(429);
    expect(await ask('/', as(bob), '203.0.113.1')).toBe(200);
    for (let i = 0; i < 6; i++) expect(await ask('/open', [], '203.0.113.1')).toBe(200);
    const iat = Math.floor(clock.now() / 1000);
    const claims = { iss: 'issuer.test', aud: 'api', sub: 'ann', groups: ['staff'], jti: 'j', iat, exp: iat + 300 };
    const token = [`Authorization: Bearer ${await signRaw(pair, { alg: 'ES256', kid: 'k' }, claims)}`];
    // of one name, and somebody else
    for (const status of [200, 200, 200, 429]) expect(await ask('/', token, '203.0.113.1')).toBe(status);
    expect(upstream.hits).toHaveLength(3 + 1 + 6 + 3);
    await gate.gateway.close(1000);
    const { events } = auditOf(join(gate.directory, 'data', 'audit.ndjson'));
    const limited = events.filter(({ reason }) => reason === 'rate_limited');
    expect(limited.map(({ user, detail, rule, result }) => [user, detail, rule, result])).toEqual([
      ['staff:ann', 'identity 3/1h on app', 'staff/staff', 'refused'],
      ['staff:ann', 'identity 4/1h', undefined, 'refused'],
      ['services:ann', 'identity 3/1h on app', 'staff/staff', 'refused'],
    ]);
  });

  it('what a policy refuses is not charged', async () => {
    const { gate } = await here(
      (to) => `
limits: { rate: { identity: 2/1h } }
routes:
  - { route: app, match: { host: app.test }, upstream: "${to.origin}", policy: staff }
`,
    );
    await gate.addUser('eve', ['guests']);
    const eve = await gate.signIn('eve');
    expect(await statuses(5, () => get(gate, '/', as(eve)))).toEqual(times(5, 403));
  });
});

describe('a reload', () => {
  it('applies new limits at once, and a limit that stays the same keeps its counts', async () => {
    const { upstream, gate } = await here((to) => `limits: { rate: { address: 3/1h } }\n${open(to)}`);
    expect(await statuses(4, () => get(gate))).toEqual([200, 200, 200, 429]);
    gate.write('sallyport.yaml', `limits: { rate: { address: 3/1h }, headers: 50 }\n${open(upstream)}`);
    expect(gate.gateway.reload().ok).toBe(true);
    expect((await get(gate)).status).toBe(429);
    gate.write('sallyport.yaml', `limits: { rate: { address: 0/1h } }\n${open(upstream)}`);
    expect(gate.gateway.reload().ok).toBe(false);
    expect((await get(gate)).status).toBe(429);
    gate.write('sallyport.yaml', `limits: { rate: { address: 4/1h } }\n${open(upstream)}`);
    expect(gate.gateway.reload().ok).toBe(true);
    expect(await statuses(5, () => get(gate))).toEqual([...times(4, 200), 429]);
    gate.write('sallyport.yaml', open(upstream));
    expect(gate.gateway.reload().ok).toBe(true);
    expect(await statuses(12, () => get(gate))).toEqual(times(12, 200));
  });
});

describe('the store is lost', () => {
  it('public routes go on, and so do their limits', async () => {
    const { upstream, gate } = await here((to) => `limits: { rate: { address: 40/24h } }\n${open(to)}`);
    const store = join(gate.directory, 'data', 'store');
    renameSync(store, `${store}.away`);
    writeFileSync(store, 'not a directory');
    await until(async () => (await metric(gate.adminPort, 'sallyport_store_up')) === 0);
    const all: RawAnswer[] = [];
    // a share comes at once, the rest when the store's refusal was heard
    await until(async () => {
      all.push(await get(gate));
      const { headers } = all.at(-1) as RawAnswer;
      return headers.has('ratelimit-reset') && headers.get('ratelimit-reset') === headers.get('retry-after');
    });
    expect(all.filter(({ status }) => status === 200)).toHaveLength(40);
    expect(upstream.hits).toHaveLength(40);
    await gate.logs(/rate limits are kept by this process alone/);
  });
});

describe('sign-in', () => {
  it('passwords that are tried for one name from many networks meet a limit; known devices and networks are spared', async () => {
    const { gate } = await here(
      (to) => `trusted_proxies: [127.0.0.1]\nlimits: { rate: { sign_in: 6/1h } }\n${open(to)}`,
    );
    await gate.addUser('ann');
    const at =
      (address: string, cookie?: string): TestGateway['send'] =>
      (line, headers = [], body = '') =>
        gate.send(
          line,
          [
            ...headers.map((each) => (cookie !== undefined && /^Cookie: /.test(each) ? `${each}; ${cookie}` : each)),
            `X-Forwarded-For: ${address}`,
          ],
          body,
        );
    const signIn = async (address: string, password = PASSWORD, name = 'ann', cookie?: string) =>
      (await signInOver(at(address, cookie), name, password)).answer;
    const home = await signIn('192.0.2.1');
    expect(home.status).toBe(303);
    const device = home.setCookies.find((line) => line.startsWith('sallyport-device='))?.split(';')[0] ?? '';
    for (const name of ['ann', 'ghost']) {
      const all: number[] = [];
      for (let i = 0; i < 8; i++) all.push((await signIn(`198.51.${i}.1`, 'wrong password', name)).status);
      expect(all).toEqual([...times(6, 401), 429, 429]);
    }
    // also the right password, where ann never was
    const [elsewhere, nobody] = [await signIn('198.51.77.1'), await signIn('198.51.77.1', PASSWORD, 'ghost')];
    expect(elsewhere.status).toBe(429);
    expect(Number(elsewhere.headers.get('retry-after'))).toBeGreaterThan(3500);
    const shown = ({ body }: RawAnswer) => body.replace(/<code>[a-z2-7]{26}<\/code>/, '');
    expect(shown(elsewhere)).toBe(shown(nobody));
    expect(elsewhere.body).toContain('<code>locked_out</code>');
    expect((await signIn('192.0.2.1')).status).toBe(303);
    expect((await signIn('198.51.78.1', PASSWORD, 'ann', device)).status).toBe(303);
    expect((await signIn('198.51.79.1')).status).toBe(429);
    expect(await metric(gate.adminPort, 'sallyport_rate_limited_total{scope="sign_in"}')).toBe(7);
    await gate.gateway.close(1000);
    const { events } = auditOf(join(gate.directory, 'data', 'audit.ndjson'));
    expect(events.filter(({ detail }) => detail === 'sign_in 6/1h')).toHaveLength(7);
  });

  it('false is no limit', async () => {
    const { gate } = await here((to) => `limits: { rate: { sign_in: false } }\n${open(to)}`);
    expect(gate.gateway.snapshot.config.limits.rate.sign_in).toBe(false);
  });
});

describe.each(['the embedded store', 'Redis'])('two gateways in processes of their own on %s', (kind) => {
  it('share a limit, within the bound', async () => {
    const upstream = await openUpstream();
    onTestFinished(upstream.close);
    const requests = 100;
    const config = `limits: { rate: { address: ${requests}/24h } }\n${open(upstream)}`;
    const directories = await machines(kind === 'Redis', config);
    const gates: GatewayProcess[] = [];
    for (const directory of directories) gates.push(await startGateway(directory));
    const admitted = await Promise.all(
      gates.map(async ({ send }) => {
        for (let count = 0; ; ) {
          const { status, headers } = await send('GET / HTTP/1.1');
          if (status === 200) count++;
          else if (headers.get('retry-after') === headers.get('ratelimit-reset')) return count;
        }
      }),
    );
    const total = admitted.reduce((a, b) => a + b);
    expect(Math.min(...admitted)).toBeGreaterThan(0);
    expect(total).toBeGreaterThanOrEqual(requests);
    expect(total).toBeLessThanOrEqual(requests + 2 * shareOf(requests));
    expect(upstream.hits).toHaveLength(total);
  });

  /** Two processes on one machine, or two machines with one server. */
  async function machines(onRedis: boolean, config: string): Promise<string[]> {
    if (!onRedis) {
      const directory = configured(config);
      return [directory, directory];
    }
    const redis = await startRedis();
    onTestFinished(redis.stop);
    const secrets = 'secrets: { cookie: "0123456789abcdef0123456789abcdef" }';
    const store = `store: { path: data, redis: "redis://127.0.0.1:${redis.port}" }`;
    return [1, 2].map(() => configured(`${store}\n${secrets}\n${config}`));
  }
});
