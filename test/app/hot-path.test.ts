import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { systemRandom } from '../../src/app/random.ts';
import type { Store } from '../../src/core/store.ts';
import { endSession } from '../../src/sessions/end.ts';
import { openTestGateway, type TestGateway } from '../support/gateway.ts';
import { type KeyServer, openKeyServer, signingPair, signRaw } from '../support/issuer.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';

/** What happened to each request, by its id, in order. It begins when the pipeline asks for the id. */
const order = new Map<string, string[]>();
const note = (id: string, what: string): void => void order.set(id, [...(order.get(id) ?? []), what]);
let upstream: RecordingUpstream;
let gate: TestGateway;
let keys: KeyServer;
/** the header that says who it is: the cookie of a session, or a token */
let ann: string;
let program: string;
let counted: Map<string, number> | undefined;

const STORE_METHODS = ['get', 'commit', 'increment', 'list', 'partitions', 'position', 'changes', 'birth'] as const;

beforeAll(async () => {
  const pair = await signingPair('ES256', 'k');
  [upstream, keys] = await Promise.all([openUpstream(), openKeyServer([pair.jwk])]);
  const system = systemRandom();
  gate = await openTestGateway({
    storeBornAgo: 3_600_000,
    random: {
      ...system,
      id: () => {
        const id = system.id();
        note(id, 'begins');
        // runs before anything that was awaited goes on
        queueMicrotask(() => note(id, 'awaits'));
        return id;
      },
    },
    policies: {
      'busy.yaml': `
version: 1
policy: busy
rules:
  - { allow: staff, when: { identity.groups: { any_of: [staff] }, request.path: { prefix: / } } }
  - { deny: night, when: { time.hour: { between: [0, 23] }, time.date: { before: 2000-01-01 } } }
  - { deny: aged, when: { session.age: { above: 7h } } }
`,
      'varied.yaml': `
version: 1
policy: varied
rules:
  - { allow: staff, when: { identity.groups: { any_of: [staff] } } }
  - { deny: loud, when: { request.header.x-loud: 'yes' } }
`,
    },
    config: `
identity: { providers: [{ id: staff, type: local }, { id: services, type: jwt, issuer: issuer.test, jwks: "${keys.url}", audience: api }] }
limits: { rate: { address: 1000000/1m, identity: 1000000/1m } }
routes:
  - route: app
    match: { host: app.test }
    upstream: "${upstream.origin}"
    policy: staff
    user_prefix: true
    rate_limit: { address: 1000000/1m, identity: 1000000/1m, route: 1000000/1m }
  - { route: busy, match: { host: app.test, path: /busy }, upstream: "${upstream.origin}", policy: busy, user_prefix: true }
  - { route: varied, match: { host: app.test, path: /varied }, upstream: "${upstream.origin}", policy: varied, user_prefix: true }
  - { route: open, match: { host: app.test, path: /open }, upstream: "${upstream.origin}", public: true }
`,
  });
  await gate.addUser('ann');
  ann = `Cookie: sallyport=${await gate.signIn('ann')}`;
  const iat = Math.floor(Date.now() / 1000);
  const claims = { iss: 'issuer.test', aud: 'api', sub: 'svc', groups: ['staff'], jti: 'j', iat, exp: iat + 300 };
  program = `Authorization: Bearer ${await signRaw(pair, { alg: 'ES256', kid: 'k' }, claims)}`;
  watchDispatches(gate);
  countCalls(gate.gateway.services.store);
});
afterEach(() => {
  counted = undefined;
});
afterAll(async () => {
  await gate.close();
  await Promise.all([upstream.close(), keys.close()]);
});

function watchDispatches({ gateway }: TestGateway): void {
  for (const target of new Set(gateway.snapshot.routes.map((route) => route.upstream))) {
    const { dispatch } = target;
    target.dispatch = (...given) => {
      const headers = given[0].headers as readonly string[];
      note(headers[headers.indexOf('X-Request-Id') + 1] ?? '', 'dispatches');
      dispatch.apply(target, given);
    };
  }
}

/** The parts hold the store itself and call its methods on it, so all of their calls pass here. */
function countCalls(store: Store): void {
  for (const name of STORE_METHODS) {
    const original = store[name] as (...given: unknown[]) => unknown;
    Object.assign(store, {
      [name]: (...given: unknown[]) => {
        counted?.set(name, (counted.get(name) ?? 0) + 1);
        return original.apply(store, given);
      },
    });
  }
}

const send = (path: string, who: string | undefined) =>
  gate.send(`GET ${path} HTTP/1.1`, who === undefined ? [] : [who]);
const request = async (path: string, who: string | undefined): Promise<number> => (await send(path, who)).status;
/** What happened to one request that was let in. */
async function life(path: string, who: string | undefined): Promise<readonly string[] | undefined> {
  const answer = await send(path, who);
  expect(answer.status).toBe(200);
  return order.get(answer.headers.get('x-request-id') ?? '');
}

it.each<[string, string, () => string | undefined]>([
  ['a decision that is remembered', '/a', () => ann],
  ['one whose policy reads time and age', '/busy', () => ann],
  ['one whose policy reads a header, so that it is not remembered', '/varied', () => ann],
  ['a path that was never seen before', `/a/${Date.now()}`, () => ann],
  ['a public route, with a session', '/open', () => ann],
  ['a public route, of nobody', '/open', () => undefined],
  ['a token', '/a', () => program],
  ['a token on a public route', '/open', () => program],
])('%s: nothing is awaited between taking a request and handing it to the upstream', async (_name, path, who) => {
  await life(path, who());
  expect(await life(path, who())).toEqual(['begins', 'dispatches', 'awaits']);
});

it('the probe tells a request that awaits from one that does not', async () => {
  const { store } = gate.gateway.services;
  const { position } = store;
  store.position = () => Promise.resolve(position());
  try {
    expect(await life('/a', ann)).toEqual(['begins', 'awaits', 'dispatches']);
  } finally {
    store.position = position;
  }
});

it.each([
  ['/a', 'session', () => ann],
  ['/busy', 'session', () => ann],
  ['/varied', 'session', () => ann],
  ['/open', 'session', () => ann],
  ['/a', 'token', () => program],
  ['/varied', 'token', () => program],
  ['/open', 'token', () => program],
])(
  'a warm request of %s with a %s asks the store for its position, once, and for nothing else',
  async (path, _credential, who) => {
    expect(await request(path, who())).toBe(200);
    counted = new Map();
    for (let i = 1; i <= 20; i++) {
      expect(await request(path, who())).toBe(200);
      expect(Object.fromEntries(counted)).toEqual({ position: i });
    }
  },
);

it('a request of nobody asks for the position too, for its address may be blocked; one that cannot be read asks nothing', async () => {
  counted = new Map();
  expect(await request('/open', undefined)).toBe(200);
  expect(await request('/a', undefined)).toBe(401);
  expect(Object.fromEntries(counted)).toEqual({ position: 2 });
  expect(await request('/a%00', ann)).toBe(400);
  expect(Object.fromEntries(counted)).toEqual({ position: 2 });
});

it('a change of another session costs one look at the changes, and leaves what is remembered warm', async () => {
  const other = `Cookie: sallyport=${await gate.signIn('ann')}`;
  expect(await request('/a', other)).toBe(200);
  expect(await request('/a', ann)).toBe(200);
  const sessions = await gate.gateway.services.sessions.listUser('staff:ann');
  const newest = sessions.at(-1);
  // ended behind the back of this process's cache: as another process would
  const { store, clock } = gate.gateway.services;
  await endSession({ store, clock }, newest?.id ?? 'ses_', { by: 'test', reason: 'revoked' });
  counted = new Map();
  expect(await request('/a', ann)).toBe(200);
  const { changes, get } = Object.fromEntries(counted);
  expect([changes, get]).toEqual([1, undefined]);
  expect(await request('/a', other)).toBe(401);
});
