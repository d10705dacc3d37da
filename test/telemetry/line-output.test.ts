import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { temporaryDirectory } from '../stores/directory.ts';

let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => directory.remove());

const module = (name: string): string =>
  JSON.stringify(new URL(`../../src/telemetry/${name}.ts`, import.meta.url).href);
const LOG = `
  import { openLog } from ${module('log')};
  const log = openLog({ level: 'info', pretty: false });
  const lines = (from, to) => { for (let i = from; i < to; i++) log.info('line', { i }); };
`;

/** A program of its own on the standard output given; what it says on standard error, and how it ends. */
function start(program: string, stdout: number | 'pipe', shell = 'exec "$0" "$@"') {
  const child = spawn('/bin/sh', ['-c', shell, process.execPath, '--input-type=module', '-e', program], {
    stdio: ['pipe', stdout, 'pipe'],
  }) as ChildProcessByStdio<Writable, Readable | null, Readable>;
  return { child, said: text(child.stderr), ended: once(child, 'close').then(([code]) => code as number | null) };
}

/** A pipe that takes no byte more, in blocking mode as a shell makes them; `read` empties it. */
function fullPipe() {
  const path = join(directory.path, 'pipe');
  execFileSync('mkfifo', [path]);
  const mine = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const theirs = openSync(path, constants.O_WRONLY);
  let filled = 0;
  for (const bytes of [4096, 1]) {
    try {
      for (;;) filled += writeSync(mine, Buffer.alloc(bytes, '\n'));
    } catch (error) {
      expect(error).toMatchObject({ code: 'EAGAIN' });
    }
  }
  return {
    theirs,
    filled,
    /** what is in it now */
    read(): string {
      const part = Buffer.alloc(1 << 20);
      try {
        return part.toString('utf8', 0, readSync(mine, part));
      } catch (error) {
        expect(error).toMatchObject({ code: 'EAGAIN' });
        return '';
      }
    },
    close() {
      closeSync(mine);
      closeSync(theirs);
    },
  };
}

const parsed = (output: string): Record<string, unknown>[] =>
  output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('a reader that does not read', () => {
  test.each([
    ['its program ends', ''],
    ['its program exits', 'process.exit(0);'],
    ['its program exits while a write is under way', 'setImmediate(() => setImmediate(() => process.exit(0)));'],
  ])('holds nothing: %s', async (_name, end) => {
    const pipe = fullPipe();
    const { ended, said } = start(`${LOG} lines(0, 50_000); log.flush(); log.flush(); ${end}`, pipe.theirs);
    expect(await ended).toBe(0);
    expect(await said).toBe('');
    expect(pipe.read()).toBe('\n'.repeat(pipe.filled));
    pipe.close();
  });

  test('gets every line in order once it reads again, and no line twice', async () => {
    const pipe = fullPipe();
    const program = `${LOG} lines(0, 5000);
      process.stdin.on('data', () => {}).on('end', () => lines(5000, 5001));
      setImmediate(() => setImmediate(() => process.stderr.write('logged')));`;
    const { child, ended } = start(program, pipe.theirs);
    await once(child.stderr, 'data');
    let output = '';
    while (!output.includes('"i":4999')) {
      output += pipe.read();
      await nextTurn();
    }
    child.stdin.end();
    expect(await ended).toBe(0);
    expect(parsed(output + pipe.read()).map((line) => line.i)).toEqual(upTo(5001));
    pipe.close();
  });

  test('loses what is more than may wait, and is told how many lines those were', async () => {
    const pipe = fullPipe();
    const program = `
      import { openLineOutput } from ${module('line-output')};
      const output = openLineOutput(1, { maxBytes: 100, onRecovered: (lines) => output.write('lost ' + lines + '\\n') });
      for (let i = 0; i < 50; i++) output.write('line ' + (10 + i) + '\\n');
      process.stderr.write('dropped ' + output.dropped);
      process.stdin.resume();`;
    const { child, ended } = start(program, pipe.theirs);
    const [said] = await once(child.stderr, 'data');
    expect(String(said)).toBe('dropped 38');
    let output = '';
    while (!output.includes('lost')) {
      output += pipe.read();
      await nextTurn();
    }
    child.stdin.end();
    expect(await ended).toBe(0);
    expect(output.split('\n').filter((line) => line !== '')).toEqual([
      ...Array.from({ length: 12 }, (_, i) => `line ${10 + i}`),
      'lost 38',
    ]);
    pipe.close();
  });
});

describe('a descriptor that refuses', () => {
  test('a full disk: nothing is thrown, and the program ends by itself', async () => {
    const full = openSync('/dev/full', 'w');
    const { ended, said } = start(`${LOG} lines(0, 1000); log.flush(); lines(0, 1000);`, full);
    closeSync(full);
    expect([await ended, await said]).toEqual([0, '']);
  });

  test('a reader that is gone', async () => {
    const { child, ended, said } = start(
      `${LOG} process.stdin.resume().on('end', () => { lines(0, 1000); log.flush(); lines(0, 1000); });`,
      'pipe',
    );
    child.stdout?.destroy();
    child.stdin.end();
    expect([await ended, await said]).toEqual([0, '']);
  });

  test('closed from the start', async () => {
    const { ended, said } = start(`${LOG} lines(0, 1000); log.flush();`, 'pipe', 'exec "$0" "$@" >&-');
    expect([await ended, await said]).toEqual([0, '']);
  });

  test('a line that was torn is closed off, so that later ones can be read', async () => {
    const file = join(directory.path, 'log');
    const out = openSync(file, 'a+');
    // 512 bytes and no more, in the middle of a line: EFBIG for ENOSPC
    const program = `
      import { truncateSync } from 'node:fs';
      import { openLineOutput } from ${module('line-output')};
      const output = openLineOutput(1, { maxBytes: 10_000 });
      for (let i = 0; i < 100; i++) output.write('a line of the log\\n');
      output.flush();
      truncateSync(${JSON.stringify(file)}, 100);
      output.write('room again\\n');
      output.flush();
      process.stderr.write(String(output.dropped));`;
    const { ended, said } = start(program, out, 'trap "" XFSZ; ulimit -f 1; exec "$0" "$@"');
    closeSync(out);
    expect(await ended).toBe(0);
    const lines = readFileSync(file, 'utf8').split('\n');
    expect(lines.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => 'a line of the log'));
    expect(lines.slice(5)).toEqual(['a line of ', 'room again', '']);
    expect(Number(await said)).toBeGreaterThan(70);
  });
});
