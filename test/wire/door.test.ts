import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { systemRandom } from '../../src/app/random.ts';
import { renderRefusal } from '../../src/pages/refusal.ts';
import { openLog } from '../../src/telemetry/log.ts';
import { Door } from '../../src/wire/door.ts';

it('of a burst, 256 are answered at a time and the rest is reset; once those are gone others are answered again', async () => {
  const arrived: Socket[] = [];
  let more = Promise.withResolvers<void>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    arrived.push(socket);
    more.resolve();
    more = Promise.withResolvers();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;

  /** So many connections of clients that do not hang up; what each was told. */
  const burst = async (count: number): Promise<() => Promise<string[]>> => {
    const before = arrived.length;
    const told = Array.from({ length: count }, () => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      onTestFinished(() => void socket.destroy());
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString('latin1')));
      socket.on('error', () => {});
      return new Promise<string>((resolve) => {
        socket.on('end', () => resolve(text));
        socket.on('close', () => resolve(text));
      });
    });
    while (arrived.length < before + count) await more.promise;
    return () => Promise.all(told);
  };

  const lines: string[] = [];
  const log = openLog({ level: 'info', pretty: false, destination: { write: (line) => lines.push(line) } });
  const random = systemRandom();
  const door = new Door(
    { connections: 1, perAddress: 1, isExempt: () => true },
    { log, full: (reason) => renderRefusal({ reason, id: random.id(), html: false }) },
  );
  const first = await burst(301);
  // all in one turn, so that how fast this machine is does not matter
  expect(arrived.filter((socket) => door.takes(socket))).toEqual([arrived[0]]);
  arrived[0]?.destroy();
  const told = await first();
  expect(told.filter((text) => text.startsWith('HTTP/1.1 503')).length).toBe(256);
  expect(told.filter((text) => text === '').length).toBe(45);
  expect(door.refused).toEqual({ overloaded: 300, too_many_connections: 0 });

  for (const socket of arrived.splice(0)) if (!socket.closed) await once(socket, 'close');
  expect(door.open).toBe(0);
  const second = await burst(2);
  expect(arrived.map((socket) => door.takes(socket))).toEqual([true, false]);
  arrived[0]?.destroy();
  expect((await second())[1]).toMatch(/^HTTP\/1\.1 503/);

  for (let second = 0; second < 5; second++) door.tick();
  door.flush();
  expect(lines.map((line) => JSON.parse(line).overloaded)).toEqual([301]);
});
