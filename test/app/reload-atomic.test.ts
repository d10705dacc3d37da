import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openTestGateway, seen, type TestGateway } from '../support/gateway.ts';
import { openRaw, parseAnswer, rawRequest } from '../support/raw.ts';
import { openRawUpstream, openUpstream } from '../support/upstream.ts';
import { openHeldUpstream } from './held.ts';
import { auditOf } from './process.ts';

async function gatewayHere(config: string, policies: Record<string, string>): Promise<TestGateway> {
  const gate = await openTestGateway({ config, policies });
  onTestFinished(gate.close);
  await gate.addUser('ann');
  return gate;
}

/** One of two worlds: its policy, its route's name and its identity header belong together. */
const policyOf = (world: string): string => `
version: 1
policy: app
rules:
  - { allow: open-${world}, when: { identity.groups: { any_of: [staff] } } }
  - { deny: closed-${world}, reason: closed_${world}, when: { request.path: { prefix: /closed } } }
`;
const configOf = (world: string, origin: string, more = ''): string => `${more}
routes:
  - { route: app-${world}, match: { host: app.test }, upstream: "${origin}", policy: app, explain: true, identity_headers: { X-Forwarded-User: X-User-${world} } }
`;
const WORLDS = ['one', 'two'] as const;
function become(gate: TestGateway, world: string, origin: string): void {
  gate.write('policies/app.yaml', policyOf(world));
  gate.write('sallyport.yaml', configOf(world, origin));
  expect(gate.gateway.reload().ok).toBe(true);
}

it('thirty reloads under load: no request fails, and none sees one part of each', async () => {
  const upstream = await openUpstream();
  onTestFinished(upstream.close);
  const gate = await gatewayHere(configOf('one', upstream.origin), { 'app.yaml': policyOf('one') });
  const cookie = `Cookie: sallyport=${await gate.signIn('ann')}`;
  let running = true;
  let answers = 0;
  const seenWorlds = new Set<string>();

  /** One keep-alive connection that asks as fast as it is answered. */
  async function client(): Promise<void> {
    const socket = connect(gate.port, '127.0.0.1');
    let received = '';
    let wake: () => void = () => {};
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      wake();
    });
    socket.on('close', () => wake());
    /** the whole answer: both kinds of ours have a Content-Length or end in the last chunk */
    async function answer(): Promise<string> {
      for (;;) {
        const end = received.indexOf('\r\n\r\n') + 4;
        const length = /content-length: (\d+)/i.exec(received.slice(0, end))?.[1];
        const whole = length === undefined ? received.indexOf('0\r\n\r\n', end) + 5 : end + Number(length);
        if (end > 3 && whole > 4 && received.length >= whole) {
          const text = received.slice(0, whole);
          received = received.slice(whole);
          return text;
        }
        if (socket.destroyed) throw new Error(`closed in the midst of: ${received}`);
        await new Promise<void>((resolve) => (wake = resolve));
      }
    }
    while (running) {
      socket.write(rawRequest('GET /a HTTP/1.1', [cookie]));
      const allowed = parseAnswer(await answer());
      expect(allowed.status, allowed.text).toBe(200);
      socket.write(rawRequest('GET /closed HTTP/1.1', [cookie]));
      const denied = parseAnswer(await answer());
      expect(denied.status, denied.text).toBe(403);
      const said = /closed_(one|two)/.exec(denied.body)?.[1];
      expect(denied.body).toContain(`closed-${said}`);
      answers += 2;
    }
    socket.destroy();
  }
  const clients = [1, 2, 3, 4].map(client);
  for (let round = 1; round <= 30; round++) {
    const before = answers;
    become(gate, WORLDS[round % 2] as string, upstream.origin);
    // every world serves some requests before the next one comes
    while (answers < before + 8) await new Promise((resolve) => setImmediate(resolve));
  }
  running = false;
  await Promise.all(clients);
  await gate.gateway.close(1000);

  for (const { rawHeaders } of upstream.hits) {
    const users = WORLDS.filter((world) => seen(rawHeaders, `X-User-${world}`) === 'ann');
    expect(users).toHaveLength(1);
    expect(seen(rawHeaders, 'X-Forwarded-User')).toBeUndefined();
  }
  const { events, torn } = auditOf(join(gate.directory, 'data', 'audit.ndjson'));
  expect(torn).toEqual([]);
  const decisions = events.filter((event) => event.type === 'decision');
  expect(decisions.length).toBeGreaterThanOrEqual(answers);
  for (const { rule, route, reason, result } of decisions) {
    const world = /^app-(one|two)$/.exec(String(route))?.[1];
    seenWorlds.add(String(world));
    expect([rule, reason]).toEqual(
      result === 'allow' ? [`app/open-${world}`, undefined] : [`app/closed-${world}`, `closed_${world}`],
    );
  }
  expect([...seenWorlds].sort()).toEqual(['one', 'two']);
});

it('a request whose upstream has not answered yet ends under the configuration that it began with', async () => {
  const [old, fresh] = [await openHeldUpstream(), await openUpstream()];
  onTestFinished(fresh.close);
  const gate = await gatewayHere(configOf('one', old.origin), { 'app.yaml': policyOf('one') });
  const cookie = `Cookie: sallyport=${await gate.signIn('ann')}`;
  const running = gate.send('GET /slow HTTP/1.1', [cookie]);
  const response = await old.next();
  become(gate, 'two', fresh.origin);
  expect((await gate.send('GET /a HTTP/1.1', [cookie])).status).toBe(200);
  expect(fresh.hits).toHaveLength(1);
  response.end('the old world');
  const answer = await running;
  expect([answer.status, answer.body.includes('the old world')]).toEqual([200, true]);
  expect(seen(old.newest().rawHeaders, 'X-User-one')).toBe('ann');
  await gate.gateway.close(1000);
  const { events } = auditOf(join(gate.directory, 'data', 'audit.ndjson'));
  expect(events.find((event) => event.path === '/slow')).toMatchObject({ route: 'app-one', rule: 'app/open-one' });
});

it('bodies that stream both ways go on under the limits that they began with', async () => {
  let upstreamHas = '';
  let wake: () => void = () => {};
  const old = await openRawUpstream((socket) => {
    socket.on('data', (chunk) => {
      upstreamHas += chunk.toString('latin1');
      if (upstreamHas.includes('LAST')) socket.write('4\r\nDONE\r\n0\r\n\r\n');
      wake();
    });
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nBEGIN\r\n');
  });
  onTestFinished(old.close);
  const gate = await gatewayHere(configOf('one', old.origin), { 'app.yaml': policyOf('one') });
  const cookie = `Cookie: sallyport=${await gate.signIn('ann')}`;
  const conversation = await openRaw(gate.port);
  conversation.send(rawRequest('POST /up HTTP/1.1', [cookie, 'Transfer-Encoding: chunked']));
  conversation.send('5\r\nfirst\r\n');
  expect(await conversation.until(/BEGIN/)).toContain('200 OK');
  // afterwards nothing may be larger than a byte, that upstream has no route, and nobody may in
  gate.write('policies/app.yaml', policyOf('two').replace('any_of: [staff]', 'any_of: [nobody]'));
  gate.write('sallyport.yaml', configOf('two', 'http://127.0.0.1:9', 'limits: { body: 1B }'));
  expect(gate.gateway.reload().ok).toBe(true);
  expect((await gate.send('POST /up HTTP/1.1', [cookie, 'Content-Length: 2'], 'ab')).status).toBe(413);
  expect((await gate.send('GET /a HTTP/1.1', [cookie])).status).toBe(403);
  conversation.send(`1000\r\n${'x'.repeat(0x1000)}\r\n4\r\nLAST\r\n0\r\n\r\n`);
  expect(await conversation.until(/DONE/)).toMatch(/BEGIN[\s\S]*DONE/);
  while (!upstreamHas.includes('LAST')) await new Promise<void>((resolve) => (wake = resolve));
  expect(upstreamHas).toContain('x'.repeat(0x1000));
  conversation.socket.destroy();
});
