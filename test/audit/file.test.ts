import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { AuditUnavailable } from '../../src/audit/audit.ts';
import { audit, event, lines, temporaryFolder } from './setup.ts';

const numbers = (file: string) => lines(file).map((line) => Number(line.detail));
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);

describe('the file', () => {
  test('is made with its directory, readable by its owner only', async () => {
    const file = join(temporaryFolder(), 'a', 'b', 'audit.ndjson');
    const { service } = audit(file);
    await service.start();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(file, '..')).mode & 0o777).toBe(0o700);
  });
  test.each([
    ['a directory', (path: string) => mkdirSync(path)],
    ['below a file', (path: string) => writeFileSync(join(path, '..'), '')],
  ])('that is %s refuses to start', async (_name, spoil) => {
    const file = join(temporaryFolder(), 'x', 'audit.ndjson');
    if (_name === 'a directory') mkdirSync(join(file, '..'));
    spoil(file);
    await expect(audit(file).service.start()).rejects.toThrow();
  });
  test('that can take lines but not keep them refuses to start', async () => {
    await expect(audit('/dev/null').service.start()).rejects.toThrow('not a regular file');
  });
  test('is appended to, never rewritten', async () => {
    const file = join(temporaryFolder(), 'audit.ndjson');
    for (let i = 0; i < 3; i++) {
      const { service } = audit(file);
      await service.start();
      await service.recordDurably(event(String(i)));
      await service.close(1000);
    }
    expect(numbers(file)).toEqual([0, 1, 2]);
  });
});

describe('recording', () => {
  test('keeps the order of decisions and of what is awaited', async () => {
    const file = join(temporaryFolder(), 'audit.ndjson');
    const { service, dropped } = audit(file);
    service.record(event('0'));
    await service.start();
    for (let i = 1; i < 2000; i++) service.record(event(String(i)));
    await service.recordDurably(event('2000'));
    expect(numbers(file)).toEqual(upTo(2001));
    expect(dropped()).toBe(0);
  });
  test('what is awaited is in the file when the promise resolves, for many at once', async () => {
    const file = join(temporaryFolder(), 'audit.ndjson');
    const { service } = audit(file);
    await service.start();
    await Promise.all(
      upTo(300).map(async (i) => {
        await service.recordDurably(event(String(i)));
        expect(readFileSync(file, 'utf8')).toContain(`"detail":"${i}"`);
        // the next one in the same breath: the writer is just about to rest
        await service.recordDurably(event(String(i + 1000)));
      }),
    );
    expect(new Set(numbers(file)).size).toBe(600);
  });
  test('close writes what waits', async () => {
    const file = join(temporaryFolder(), 'audit.ndjson');
    const { service } = audit(file);
    await service.start();
    for (let i = 0; i < 5000; i++) service.record(event(String(i)));
    await Promise.all([service.close(5000), service.close(5000)]);
    expect(numbers(file)).toEqual(upTo(5000));
  });
  test('after close nothing is taken: decisions are counted as lost, an awaited one is refused', async () => {
    const file = join(temporaryFolder(), 'audit.ndjson');
    const { service, dropped } = audit(file);
    await service.start();
    await service.close(1000);
    service.record(event('0'));
    await expect(service.recordDurably(event('1'))).rejects.toThrow(AuditUnavailable);
    expect(dropped()).toBe(2);
    expect(lines(file)).toEqual([]);
  });
  test('beyond the bound decisions are dropped and counted, the awaited ones still get in, and it is said once', async () => {
    const file = join(temporaryFolder(), 'audit.ndjson');
    const { service, dropped, logged } = audit(file, 100);
    await service.start();
    for (let i = 0; i < 250; i++) service.record(event(String(i)));
    await service.recordDurably(event('250'));
    expect(dropped()).toBe(150);
    expect(numbers(file)).toEqual([...upTo(100), 250]);
    expect(logged.filter((message) => message.includes('lost'))).toHaveLength(1);
  });
  test('never throws, whatever it is given', async () => {
    const file = join(temporaryFolder(), 'audit.ndjson');
    const { service, dropped } = audit(file);
    await service.start();
    const bad = {
      get time(): number {
        throw new Error('bug');
      },
    } as unknown as ReturnType<typeof event>;
    expect(() => service.record(bad)).not.toThrow();
    await expect(service.recordDurably(bad)).rejects.toThrow(AuditUnavailable);
    await service.recordDurably(event('1'));
    expect(numbers(file)).toEqual([1]);
    expect(dropped()).toBe(2);
  });
});

describe('a file that others touch', () => {
  test('a torn last line does not swallow the next record', async () => {
    const file = join(temporaryFolder(), 'audit.ndjson');
    writeFileSync(file, '{"time":1,"type":"dec');
    const { service } = audit(file);
    await service.start();
    await service.recordDurably(event('0'));
    // another writer of the same file dies in the middle of a line while we run
    appendFileSync(file, '{"half');
    await service.recordDurably(event('1'));
    const [torn, first, half, second, end] = readFileSync(file, 'utf8').split('\n');
    expect([torn, half, end]).toEqual(['{"time":1,"type":"dec', '{"half', '']);
    expect([first, second].map((line) => JSON.parse(line as string).detail)).toEqual(['0', '1']);
  });
  test('renamed away: what is awaited goes to a new file at the path', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'audit.ndjson');
    const { service } = audit(file);
    await service.start();
    await service.recordDurably(event('0'));
    renameSync(file, join(folder, 'audit.1'));
    await service.recordDurably(event('1'));
    expect(numbers(join(folder, 'audit.1'))).toEqual([0]);
    expect(numbers(file)).toEqual([1]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });
  test('renamed away and told so: decisions go to the new file too', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'audit.ndjson');
    const { service } = audit(file);
    await service.start();
    await service.recordDurably(event('0'));
    renameSync(file, join(folder, 'audit.1'));
    service.reopen();
    service.record(event('1'));
    await service.close(1000);
    expect(numbers(file)).toEqual([1]);
  });
  test('unusable for a while: awaited ones are refused, decisions wait, and all is well afterwards', async () => {
    const file = join(temporaryFolder(), 'audit.ndjson');
    const { service, dropped, logged } = audit(file);
    await service.start();
    rmSync(file);
    mkdirSync(file);
    service.record(event('0'));
    const refused = await Promise.allSettled([service.recordDurably(event('1')), service.recordDurably(event('2'))]);
    expect(refused.map((r) => r.status)).toEqual(['rejected', 'rejected']);
    expect(dropped()).toBe(2);
    rmSync(file, { recursive: true });
    await service.recordDurably(event('3'));
    expect(numbers(file)).toEqual([0, 3]);
    expect(logged.filter((m) => m.includes('cannot be written'))).toHaveLength(1);
    expect(logged.filter((m) => m.includes('written again'))).toHaveLength(1);
  });
  test('unusable at the end: close gives up at its deadline and counts the loss', async () => {
    const file = join(temporaryFolder(), 'audit.ndjson');
    const { service, dropped } = audit(file);
    await service.start();
    rmSync(file);
    mkdirSync(file);
    service.reopen();
    service.record(event('0'));
    await service.close(50);
    expect(dropped()).toBe(1);
  });
});
