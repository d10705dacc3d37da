import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { systemRandom } from '../../src/app/random.ts';
import type { Store } from '../../src/core/store.ts';
import { endSession } from '../../src/sessions/end.ts';
import { openTestGateway, type TestGateway } from '../support/gateway.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';

/** What happened to each request, by its id, in order. It begins when the pipeline asks for the id. */
const order = new Map<string, string[]>();
const note = (id: string, what: string): void => void order.set(id, [...(order.get(id) ?? []), what]);
let upstream: RecordingUpstream;
let gate: TestGateway;
let ann: string;
let counted: Map<string, number> | undefined;

const STORE_METHODS = ['get', 'commit', 'increment', 'list', 'partitions', 'position', 'changes', 'birth'] as const;

beforeAll(async () => {
  upstream = await openUpstream();
  const system = systemRandom();
  gate = await openTestGateway({
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
    config: `routes:
  - { route: app, match: { host: app.test }, upstream: "${upstream.origin}", policy: staff }
  - { route: busy, match: { host: app.test, path: /busy }, upstream: "${upstream.origin}", policy: busy }
  - { route: varied, match: { host: app.test, path: /varied }, upstream: "${upstream.origin}", policy: varied }
  - { route: open, match: { host: app.test, path: /open }, upstream: "${upstream.origin}", public: true }
`,
  });
  await gate.addUser('ann');
  ann = await gate.signIn('ann');
  watchDispatches(gate);
  countCalls(gate.gateway.services.store);
});
afterEach(() => {
  counted = undefined;
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
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

const send = (path: string, cookie: string | undefined) =>
  gate.send(`GET ${path} HTTP/1.1`, cookie === undefined ? [] : [`Cookie: sallyport=${cookie}`]);
const request = async (path: string, cookie: string | undefined): Promise<number> => (await send(path, cookie)).status;
/** What happened to one request that was let in. */
async function life(path: string, cookie: string | undefined): Promise<readonly string[] | undefined> {
  const answer = await send(path, cookie);
  expect(answer.status).toBe(200);
  return order.get(answer.headers.get('x-request-id') ?? '');
}

it.each([
  ['a decision that is remembered', '/a', true],
  ['one whose policy reads time and age', '/busy', true],
  ['one whose policy reads a header, so that it is not remembered', '/varied', true],
  ['a path that was never seen before', `/a/${Date.now()}`, true],
  ['a public route, with a session', '/open', true],
  ['a public route, of nobody', '/open', false],
])('%s: nothing is awaited between taking a request and handing it to the upstream', async (_name, path, signedIn) => {
  const cookie = signedIn ? ann : undefined;
  await life(path, cookie);
  expect(await life(path, cookie)).toEqual(['begins', 'dispatches', 'awaits']);
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

it.each(['/a', '/busy', '/varied', '/open'])(
  'a warm request of %s asks the store for its position, once, and for nothing else',
  async (path) => {
    expect(await request(path, ann)).toBe(200);
    counted = new Map();
    for (let i = 1; i <= 20; i++) {
      expect(await request(path, ann)).toBe(200);
      expect(Object.fromEntries(counted)).toEqual({ position: i });
    }
  },
);

it('a request of nobody does not touch the store, and neither does a refusal that needs no identity', async () => {
  counted = new Map();
  expect(await request('/open', undefined)).toBe(200);
  expect(await request('/a', undefined)).toBe(401);
  expect(await request('/a%00', ann)).toBe(400);
  expect(Object.fromEntries(counted)).toEqual({});
});

it('a change of another session costs one look at the changes, and leaves what is remembered warm', async () => {
  const other = await gate.signIn('ann');
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
