import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { auditOf, metric, until } from '../app/process.ts';
import { openTestGateway, type TestGateway } from '../support/gateway.ts';
import { openRaw, parseAnswer, type RawConversation, rawRequest } from '../support/raw.ts';
import { openTornUpstream, type TornUpstream } from './torn-upstream.ts';

const configOf = (torn: TornUpstream, limits: string, more = ''): string =>
  `limits: { ${limits} }\n${more}\nroutes:\n  - { route: open, upstream: "${torn.origin}", public: true }\n`;
const FEW = 'connections: 5, connections_per_address: 2, connections_exempt: []';

async function gatewayWith(limits: string, more = ''): Promise<{ gate: TestGateway; torn: TornUpstream }> {
  const torn = await openTornUpstream();
  onTestFinished(torn.close);
  const gate = await openTestGateway({ config: configOf(torn, limits, more) });
  onTestFinished(gate.close);
  return { gate, torn };
}
async function openHere(port: number, from?: string): Promise<RawConversation> {
  const talk = await openRaw(port, from);
  onTestFinished(() => void talk.socket.destroy());
  return talk;
}
const open = (gate: TestGateway): Promise<number> => metric(gate.adminPort, 'sallyport_connections');
const refused = (gate: TestGateway, reason: string): Promise<number> =>
  metric(gate.adminPort, `sallyport_connections_refused_total{reason="${reason}"}`);

/** A connection that is taken: it is served. */
async function taken(gate: TestGateway, from?: string): Promise<RawConversation> {
  const talk = await openHere(gate.port, from);
  await serves(talk);
  return talk;
}
async function serves(talk: RawConversation): Promise<void> {
  talk.received = '';
  talk.send(rawRequest('GET /.sallyport/userinfo HTTP/1.1'));
  expect(await talk.until(/authenticated/)).toMatch(/^HTTP\/1\.1 200/);
}

/** A connection that is not: it is told so without having said a word. */
async function turnedAway(gate: TestGateway, status: number, reason: string, from?: string): Promise<void> {
  const text = await (await openHere(gate.port, from)).closed();
  const answer = parseAnswer(text);
  expect(answer.status, text).toBe(status);
  expect(JSON.parse(answer.body)).toMatchObject({ status, reason });
  expect(answer.headers.get('retry-after')).toBe('1');
  expect(answer.headers.get('connection')).toBe('close');
  expect(answer.headers.get('x-sallyport')).toBe('intercepted');
  expect(answer.headers.get('x-request-id')).toMatch(/^[a-z2-7]{26}$/);
}

describe('connections of one address', () => {
  it('beyond the limit are 429; those that are there go on, others come in, and one that ends makes room', async () => {
    const { gate } = await gatewayWith(FEW);
    const first = [await taken(gate), await taken(gate)];
    await turnedAway(gate, 429, 'too_many_connections');
    const other = await taken(gate, '127.0.0.2');
    for (const talk of [...first, other]) await serves(talk);
    expect([await open(gate), await refused(gate, 'too_many_connections')]).toEqual([3, 1]);
    first[0]?.socket.destroy();
    await until(async () => (await open(gate)) === 2);
    await taken(gate);
    await turnedAway(gate, 429, 'too_many_connections');
  });

  it('count although nothing was said on them', async () => {
    const { gate } = await gatewayWith(FEW);
    for (let i = 0; i < 2; i++) await openHere(gate.port);
    await turnedAway(gate, 429, 'too_many_connections');
  });

  it.each([
    ['of this machine, unless the configuration says otherwise', 'connections: 5, connections_per_address: 2', ''],
    ['of a range that is named', `${FEW.replace('[]', '[127.0.0.0/30]')}`, ''],
    ['of a trusted proxy', FEW, 'trusted_proxies: [127.0.0.1]'],
  ])('%s count in all only', async (_name, limits, more) => {
    const { gate } = await gatewayWith(limits, more);
    for (let i = 0; i < 5; i++) await taken(gate);
    await turnedAway(gate, 503, 'overloaded');
  });
});

describe('connections in all', () => {
  it('beyond the limit are 503, wherever they come from', async () => {
    const { gate } = await gatewayWith(FEW);
    for (const from of [1, 1, 2, 2, 3]) await taken(gate, `127.0.0.${from}`);
    for (const from of [1, 3, 4]) await turnedAway(gate, 503, 'overloaded', `127.0.0.${from}`);
    expect([await open(gate), await refused(gate, 'overloaded')]).toEqual([5, 3]);
    expect(await refused(gate, 'too_many_connections')).toBe(0);
  });

  it('are others once the configuration says so, for those that come', async () => {
    const { gate, torn } = await gatewayWith(FEW);
    const first = [await taken(gate), await taken(gate)];
    gate.write(
      'sallyport.yaml',
      configOf(torn, FEW.replace('connections_per_address: 2', 'connections_per_address: 3')),
    );
    expect(gate.gateway.reload().ok).toBe(true);
    first.push(await taken(gate));
    await turnedAway(gate, 429, 'too_many_connections');
    gate.write('sallyport.yaml', configOf(torn, FEW.replace('connections: 5', 'connections: 1')));
    expect(gate.gateway.reload().ok).toBe(true);
    await turnedAway(gate, 503, 'overloaded', '127.0.0.2');
    for (const talk of first) await serves(talk);
  });
});

it('what a refused connection sends is nobody’s request', async () => {
  const { gate, torn } = await gatewayWith(FEW);
  for (let i = 0; i < 2; i++) await taken(gate);
  for (let i = 0; i < 20; i++) {
    const talk = await openHere(gate.port);
    talk.send(rawRequest('POST /smuggled HTTP/1.1', ['Content-Length: 30000'], 'a'.repeat(30_000)));
    const text = await talk.closed();
    expect(text.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 429']);
    expect(JSON.parse(parseAnswer(text).body).reason).toBe('too_many_connections');
  }
  expect(torn.count()).toBe(0);
});

it('a flood that does not hang up is answered or reset, held by nothing, logged in a line, and not an event each', async () => {
  const { gate, torn } = await gatewayWith(FEW);
  const served = await taken(gate);
  await taken(gate);
  const flood = 700;
  let answers = 0;
  const ends = Array.from({ length: flood }, () => {
    // half open: it stays although we have closed our side
    const socket = connect({ port: gate.port, host: '127.0.0.1', allowHalfOpen: true });
    onTestFinished(() => void socket.destroy());
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    socket.on('error', () => {});
    return new Promise<void>((resolve) => {
      socket.on('end', resolve);
      socket.on('close', resolve);
    }).then(() => {
      if (text.startsWith('HTTP/1.1 429')) answers++;
      else expect(text).toBe('');
    });
  });
  await until(async () => (await refused(gate, 'too_many_connections')) === flood);
  expect(await open(gate)).toBe(2);
  await serves(served);
  await Promise.all(ends);
  // as many as are answered at a time, at least; of which the rest is reset, test/wire/door.test.ts tells
  expect(answers).toBeGreaterThanOrEqual(256);
  await gate.gateway.close(1000);
  const lines = gate.logged.filter((line) => line.includes('connections refused')).map((line) => JSON.parse(line));
  expect(lines.length).toBeLessThanOrEqual(3);
  expect(lines.reduce((sum, line) => sum + line.too_many_connections, 0)).toBe(flood);
  expect(lines[0]).toMatchObject({ level: 'warn', newest: '127.0.0.1' });
  const { events } = auditOf(join(gate.directory, 'data', 'audit.ndjson'));
  expect(events).toEqual([]);
  expect(torn.count()).toBe(0);
});
