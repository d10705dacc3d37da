import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { bytesTaken, Pace } from '../../src/wire/pace.ts';

const MIN = [100, 3000] as const;

/** The look, from 0, at which a client is found too slow whose bytes move like this, a second between looks; at 100 bytes a second. */
const foundAt = (totals: readonly number[], min: readonly [number, number] = MIN): number => {
  const pace = new Pace();
  return totals.findIndex((total) => pace.lags(total, 1000, ...min));
};
const steady = (perSecond: number, seconds = 20): number[] => Array.from({ length: seconds }, (_, i) => i * perSecond);

describe('a pace', () => {
  it.each<[string, readonly number[], number]>([
    ['nothing at all: once the grace is over', steady(0), 4],
    ['a little less than the least', steady(99), 4],
    ['exactly the least', steady(100), -1],
    ['more', steady(5000), -1],
    ['what was there before the turn does not count', steady(0).map((n) => n + 1e9), 4],
    ['one that is slow only within the grace', [0, 0, 0, 300, 400, 500, 600, 700], -1],
    ['a stall after a fast beginning is forgiven as far as the average goes', [0, 1000, ...Array(20).fill(1000)], 11],
    ['bursts that make up for their pauses', [0, 0, 0, 900, 900, 900, 900, 900, 900, 900, 2000, 2000, 2000], -1],
  ])('%s', (_name, totals, at) => {
    expect(foundAt(totals)).toBe(at);
  });

  it('a least rate of 0 finds nobody', () => {
    expect(foundAt(steady(0, 1000), [0, 0])).toBe(-1);
  });

  it('what moved before the client’s turn counts for it, once it has begun', () => {
    const pace = new Pace();
    pace.begin(0);
    pace.begin(1000);
    const totals = Array.from({ length: 20 }, () => 1000);
    expect(totals.findIndex((total) => pace.lags(total, 1000, ...MIN))).toBe(10);
  });

  it('each turn is measured by itself', () => {
    const pace = new Pace();
    for (let turn = 0; turn < 5; turn++) {
      for (let i = 0; i < 4; i++) expect(pace.lags(0, 1000, ...MIN)).toBe(false);
      pace.reset();
    }
    for (let i = 0; i < 4; i++) expect(pace.lags(0, 1000, ...MIN)).toBe(false);
    expect(pace.lags(0, 1000, ...MIN)).toBe(true);
  });
});

it('what the system takes of one large write is seen piece by piece, which only a handle of Node’s tells', async () => {
  const accepted = Promise.withResolvers<Socket>();
  const server = createServer(accepted.resolve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.pause();
  const socket = await accepted.promise;
  onTestFinished(() => {
    client.destroy();
    socket.destroy();
    server.close();
  });
  socket.on('error', () => {});
  const bytes = 50_000_000;
  socket.write(Buffer.alloc(bytes));
  const before = bytesTaken(socket);
  expect(before).toBeLessThan(bytes);
  let read = 0;
  client.on('data', (chunk) => {
    read += chunk.length;
    if (read > 25_000_000) client.pause();
  });
  client.resume();
  while (bytesTaken(socket) <= 25_000_000) await new Promise((resolve) => setImmediate(resolve));
  expect(bytesTaken(socket)).toBeLessThan(bytes);
  // by its own figures nothing happened at all
  expect([socket.writableLength, socket.bytesWritten]).toEqual([bytes, bytes]);
  socket.destroy();
  expect(bytesTaken(socket)).toBe(0);
});
