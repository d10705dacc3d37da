import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '../../src/core/store.ts';
import type { BlackHole } from '../support/black-hole.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { elapsed, holeBefore, isTrusted, openNodeAt, openStoreAt, put, revoke, until } from './redis-node.ts';

// A revocation waits no longer than this, whatever became of the nodes (issue, "Done when").
const CUT_MS = 1200;
const LOAD_MS = 400;

let server: RedisServer;
beforeEach(async () => {
  server = await startRedis();
});
afterEach(() => server.stop());

/** What a request would find in what is remembered: whether a change is known. Undefined: it would have to ask the store. */
function knows(node: Store, subject: string, since: string): boolean | undefined {
  const position = node.position();
  if (typeof position !== 'string') {
    position.catch(() => undefined);
    return undefined;
  }
  const answer = node.changes(since);
  if (answer instanceof Promise) throw new Error('not from memory');
  return !answer.complete || answer.changes.some((change) => change.subject === subject);
}

const registered = async (): Promise<number> => server.client.hlen('{sallyport}:nodes');

describe('a commit with changes', () => {
  test('has returned only when every node knows of it, without their asking', async () => {
    const nodes = [await openNodeAt({ port: server.port }), await openNodeAt({ port: server.port })];
    const shell = await openStoreAt({ port: server.port });
    const since = await Promise.all(nodes.map((node) => node.position()));
    for (let round = 0; round < 200; round += 1) {
      const subject = `s${round}`;
      await revoke(round % 2 === 0 ? shell : (nodes[0] as Store), subject, `p${round}`);
      for (const [i, node] of nodes.entries()) expect(knows(node, subject, since[i] as string)).not.toBe(false);
    }
    expect(nodes.every(isTrusted)).toBe(true);
  });

  test('is not slowed by nodes that are well', async () => {
    const node = await openNodeAt({ port: server.port });
    await openNodeAt({ port: server.port });
    const took = await elapsed(async () => {
      for (let round = 0; round < 8; round += 1) await revoke(node, `s${round}`);
    });
    // one that waited for a lease would take longer than all of them
    expect(took).toBeLessThan(1000);
  });

  test('one without changes waits for nobody', async () => {
    const hole = await holeBefore(server.port);
    await openNodeAt({ port: hole.port });
    hole.swallow('both');
    const shell = await openStoreAt({ port: server.port });
    expect(await elapsed(() => put(shell, 'a/b'))).toBeLessThan(500);
  });
});

describe.each<['requests' | 'answers' | 'both']>([['requests'], ['answers'], ['both']])(
  'a node whose %s are lost without a word',
  (what) => {
    let hole: BlackHole;
    beforeEach(async () => {
      hole = await holeBefore(server.port);
    });

    test.each([
      ['a command at the shell', false],
      ['a node', true],
    ])('holds up %s for 1.2 s at most, and never acts on what was revoked', async (_name, isNode) => {
      const node = await openNodeAt({ port: hole.port });
      const since = await node.position();
      const other = await openNodeAt({ port: server.port });
      const committer = isNode ? other : await openStoreAt({ port: server.port });
      hole.swallow(what);
      expect(await elapsed(() => revoke(committer, 'x'))).toBeLessThan(CUT_MS + LOAD_MS);
      expect(knows(node, 'x', since)).not.toBe(false);
      expect(knows(other, 'x', '')).toBe(true);
      // by now it is taken out, and holds up nobody any more
      await until(async () => (await registered()) === 1);
      expect(await elapsed(() => revoke(committer, 'y'))).toBeLessThan(500);
      hole.swallow('nothing');
      await until(() => isTrusted(node));
      expect(knows(node, 'y', since)).toBe(true);
      expect(await registered()).toBe(2);
    });
  },
);

test('whatever becomes of connections and server: nobody acts on what was revoked once that has returned', {
  timeout: 40_000,
}, async () => {
  const holes = [await holeBefore(server.port), await holeBefore(server.port), await holeBefore(server.port)];
  const nodes = await Promise.all(holes.map(({ port }) => openNodeAt({ port })));
  const shell = await openStoreAt({ port: server.port });
  const random = (count: number): number => Math.floor(Math.random() * count);
  const faults: ((hole: BlackHole) => void)[] = [
    (hole) => hole.swallow('requests'),
    (hole) => hole.swallow('answers'),
    (hole) => hole.swallow('both'),
    (hole) => hole.swallow('nothing'),
    (hole) => hole.swallow('nothing'),
    (hole) => hole.cut(),
    () => server.freeze(),
  ];
  let [revoked, checked] = [0, 0];
  const from = performance.now();
  while (performance.now() - from < 15_000) {
    const since = await Promise.all(nodes.map((node) => (async () => node.position())().catch(() => '')));
    faults[random(faults.length)]?.(holes[random(holes.length)] as BlackHole);
    const pause = performance.now() + random(300);
    await until(() => performance.now() > pause);
    server.thaw();
    // what failed may have happened or not: nothing was promised
    const subject = `s${revoked}`;
    const done = await revoke(random(2) === 0 ? shell : (nodes[random(3)] as Store), subject, `p${random(8)}`).catch(
      () => false,
    );
    if (!done) continue;
    revoked += 1;
    for (const [i, node] of nodes.entries()) {
      const answer = knows(node, subject, since[i] as string);
      expect(answer).not.toBe(false);
      if (answer === true) checked += 1;
    }
  }
  expect(revoked).toBeGreaterThan(10);
  expect(checked).toBeGreaterThan(10);
});

test('how long a cut node is waited for counts from when somebody heard it last, not from the commit', async () => {
  const hole = await holeBefore(server.port);
  await openNodeAt({ port: hole.port });
  await openNodeAt({ port: server.port });
  const shell = await openStoreAt({ port: server.port });
  hole.swallow('both');
  const total = await elapsed(async () => {
    const from = performance.now();
    await until(() => performance.now() - from > 600);
    await revoke(shell, 'x');
  });
  expect(total).toBeLessThan(CUT_MS + LOAD_MS);
});

test('a node that was killed is taken out by the others', async () => {
  const hole = await holeBefore(server.port);
  await openNodeAt({ port: hole.port });
  const other = await openNodeAt({ port: server.port });
  expect(await registered()).toBe(2);
  hole.swallow('both');
  hole.cut();
  await until(async () => (await registered()) === 1);
  expect(isTrusted(other)).toBe(true);
});

test('without others, whoever waited for a dead node takes it out', async () => {
  const hole = await holeBefore(server.port);
  await openNodeAt({ port: hole.port });
  hole.swallow('both');
  hole.cut();
  const shell = await openStoreAt({ port: server.port });
  await revoke(shell, 'x');
  await until(async () => (await registered()) === 0);
  expect(await elapsed(() => revoke(shell, 'y'))).toBeLessThan(500);
});

test('a node that was closed is waited for by nobody, and a command at the shell is no node', async () => {
  const node = await openNodeAt({ port: server.port });
  const shell = await openStoreAt({ port: server.port });
  await shell.position();
  expect(await registered()).toBe(1);
  await node.close(1000);
  expect(await registered()).toBe(0);
  expect(await elapsed(() => revoke(shell, 'x'))).toBeLessThan(500);
});

test('a connection that only hears no more is noticed, and what was missed is read before anything is trusted', async () => {
  const node = await openNodeAt({ port: server.port });
  const other = await openNodeAt({ port: server.port });
  const since = await node.position();
  await server.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await revoke(other, 'x');
  expect(knows(node, 'x', since)).not.toBe(false);
  await until(() => isTrusted(node));
  expect(knows(node, 'x', since)).toBe(true);
});

test('what is told by somebody else on the channel does no harm', async () => {
  const node = await openNodeAt({ port: server.port });
  const since = await node.position();
  const channel = '{sallyport}:0:bus';
  const nonsense = [
    '',
    'change',
    'change 99 1 1 []',
    'change 0 1 1 {',
    'change 0 1e400 1 [["user","x"]]',
    'change x y z []',
  ];
  nonsense.push(
    'ping',
    'ping x 1 1,2,3',
    'ack',
    'ack x 99:9e9 :::',
    'ack x 1:x,2 a:b',
    'birth',
    '\u0000',
    'change 3 5 1 [1]',
  );
  for (const text of nonsense) await server.client.publish(channel, text);
  await revoke(node, 'x');
  expect(knows(node, 'x', since)).toBe(true);
  await until(() => isTrusted(node));
});

test('more changes than are kept: nobody is told half of them', async () => {
  const node = await openNodeAt({ port: server.port, keepChanges: 20 });
  const early = await node.position();
  for (let round = 0; round < 50; round += 1) await revoke(node, `s${round}`);
  expect(await node.changes(early)).toMatchObject({ changes: [], complete: false });
  const late = await node.position();
  await revoke(node, 'last');
  expect(await node.changes(late)).toMatchObject({ changes: [{ subject: 'last' }], complete: true });
});

test('a node that missed more than the server keeps forgets, and goes on', async () => {
  const hole = await holeBefore(server.port);
  const node = await openNodeAt({ port: hole.port, keepChanges: 20 });
  const birth = await node.birth();
  const since = await node.position();
  const other = await openStoreAt({ port: server.port, keepChanges: 20 });
  hole.swallow('both');
  hole.cut();
  // the log is trimmed in blocks of about a hundred
  const many = Array.from({ length: 500 }, (_, i) => ({ kind: 'session' as const, subject: `s${i}` }));
  for (const change of many) await other.commit({ partition: '00', changes: [change] });
  hole.swallow('nothing');
  await until(() => isTrusted(node));
  expect((await node.changes(since)).complete).toBe(false);
  // that is no reason to sign anybody out
  expect(await node.birth()).toEqual(birth);
});
