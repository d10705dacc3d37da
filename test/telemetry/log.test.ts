import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { openLog } from '../../src/telemetry/log.ts';

function collect(isTTY = false) {
  const lines: string[] = [];
  return { lines, destination: { isTTY, write: (line: string) => lines.push(line) } };
}

describe('log lines', () => {
  test('one JSON object a line, with level, time, fields and message', () => {
    const { lines, destination } = collect();
    const log = openLog({ level: 'info', pretty: false, destination });
    log.info('listening', { address: '127.0.0.1', port: 8080, tls: false, nothing: undefined });
    log.debug('not shown');
    expect(lines).toHaveLength(1);
    const line = JSON.parse(lines[0] as string);
    expect(line).toMatchObject({ level: 'info', msg: 'listening', address: '127.0.0.1', port: 8080, tls: false });
    expect(line.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(Object.keys(line)).toEqual(['level', 'time', 'address', 'port', 'tls', 'msg']);
  });
  test('secrets go by key and by shape, in fields and in the message', () => {
    const { lines, destination } = collect();
    const log = openLog({ level: 'debug', pretty: false, destination });
    log.warn('refused Bearer abcdefgh', { cookie: 'sid=1', note: 'spt_abcdefgh12345678' });
    expect(lines.join('')).not.toMatch(/abcdefgh|sid=1/);
  });
  test('a line break in a value cannot start a line', () => {
    const { lines, destination } = collect();
    openLog({ level: 'info', pretty: false, destination }).error('a\n{"level":"info"}', { path: '/x\r\n{}' });
    expect(lines.join('').match(/\n/g)).toHaveLength(1);
  });
  test('a field cannot pose as the level, the time or the message', () => {
    const { lines, destination } = collect();
    openLog({ level: 'info', pretty: false, destination }).info('true', { msg: 'false', level: 'x', time: 1 });
    expect(JSON.parse(lines[0] as string)).toMatchObject({ msg: 'true', level: 'info', msg_: 'false', level_: 'x' });
    expect(lines[0]?.match(/"msg":/g)).toHaveLength(1);
  });
  test('silent writes nothing', () => {
    const { lines, destination } = collect();
    openLog({ level: 'silent', pretty: false, destination }).error('x');
    expect(lines).toEqual([]);
  });
  test('pretty only on a terminal, at once, without colour when told', () => {
    const file = collect(false);
    openLog({ level: 'info', pretty: true, destination: file.destination }).info('hello');
    expect(JSON.parse(file.lines[0] as string).msg).toBe('hello');
    const terminal = collect(true);
    openLog({ level: 'info', pretty: true, color: false, destination: terminal.destination }).info('hello', {
      port: 1,
    });
    expect(terminal.lines[0]).toMatch(/^\[\d\d:\d\d:\d\d\] INFO: hello \{"port":1\}\n$/);
  });
});

describe('lines survive the end of the process', () => {
  const program = (end: string) => `
    import { openLog } from ${JSON.stringify(new URL('../../src/telemetry/log.ts', import.meta.url).href)};
    const log = openLog({ level: 'info', pretty: false });
    for (let i = 0; i < 200; i++) log.info('line', { i });
    ${end}`;
  test.each([
    ['a return', ''],
    ['process.exit', 'process.exit(0);'],
    ['an uncaught error after a flush', 'log.flush(); throw new Error("bug");'],
  ])('%s', async (_name, end) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program(end)], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [out] = await Promise.all([text(child.stdout), once(child, 'close')]);
    const lines = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).i);
    expect(lines).toEqual(Array.from({ length: 200 }, (_, i) => i));
  });
});
