import { execFile, execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StoreUnavailable } from '../../src/core/store.ts';
import { type EmbeddedStore, openEmbeddedStore } from '../../src/stores/embedded.ts';
import { describeStore } from './conformance.ts';
import { temporaryDirectory } from './directory.ts';
import { type HandClock, handClock, systemRandom } from './ports.ts';

describeStore('embedded store', async () => {
  const directory = temporaryDirectory();
  const path = join(directory.path, 'data');
  return {
    options: { path },
    async open(clock, keepChanges) {
      const more = keepChanges === undefined ? {} : { keepChanges };
      const store = openEmbeddedStore({ clock, random: systemRandom }, { path, ...more });
      await store.start();
      return store;
    },
    empty: async () => rmSync(path, { recursive: true }),
    dispose: async () => directory.remove(),
  };
});

const run = promisify(execFile);

describe('embedded store on disk', () => {
  let directory: ReturnType<typeof temporaryDirectory>;
  let path: string;
  let clock: HandClock;
  const opened: EmbeddedStore[] = [];
  const open = async (keepChanges?: number): Promise<EmbeddedStore> => {
    const more = keepChanges === undefined ? {} : { keepChanges };
    const store = openEmbeddedStore({ clock, random: systemRandom }, { path, ...more });
    await store.start();
    opened.push(store);
    return store;
  };
  const append = (store: EmbeddedStore, subject: string): Promise<boolean> =>
    store.commit({ partition: '00', changes: [{ kind: 'session', subject }] });
  /** Asks again, turn after turn, until the store's own tick has done its work. */
  const eventually = async (check: () => boolean): Promise<void> => {
    while (!check()) await delay(20);
  };

  beforeEach(() => {
    directory = temporaryDirectory();
    path = join(directory.path, 'data.dir');
    clock = handClock();
  });
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close(5000);
    directory.remove();
  });

  test('nobody but its owner can read the files', async () => {
    const store = await open();
    await append(store, 'a');
    await store.close(5000);
    expect(statSync(join(path, 'store')).mode & 0o777).toBe(0o700);
    for (const file of readdirSync(join(path, 'store'))) {
      expect(statSync(join(path, 'store', file)).mode & 0o777).toBe(0o600);
    }
    expect(statSync(join(path, 'seen')).mode & 0o777).toBe(0o600);
    expect(readdirSync(path).sort()).toEqual(['seen', 'store']);
  });

  test('a directory that cannot be made is unavailable, with the cause', async () => {
    writeFileSync(path, 'a file is in the way');
    const store = openEmbeddedStore({ clock, random: systemRandom }, { path });
    await expect(store.start()).rejects.toThrow(StoreUnavailable);
  });

  test('a full disk refuses writes, loses nothing that was acknowledged, and is over when there is room', async () => {
    const script = fileURLToPath(new URL('./full-disk-process.ts', import.meta.url));
    // files of this process may have 1 MB: what a full disk says, EFBIG for ENOSPC; the signal for it is ignored
    const shell = 'trap "" XFSZ; ulimit -f 2048; exec "$0" "$@"';
    const { stdout } = await run('/bin/sh', ['-c', shell, process.execPath, script, path]);
    const said = JSON.parse(stdout) as { acknowledged: string[]; refused: string[]; small: boolean };
    expect(said.small).toBe(true);
    expect(said.refused.length).toBeGreaterThan(50);
    expect(said.acknowledged.length).toBeGreaterThan(10);
    const store = await open();
    for (const name of said.acknowledged) expect(store.get({ partition: '00', name })?.value).toHaveLength(20_000);
    for (const name of said.refused) {
      expect(store.get({ partition: '00', name })).toBeUndefined();
      expect(store.get({ partition: '00', name: `${name}/twin` })).toBeUndefined();
    }
    expect(await append(store, 'room again')).toBe(true);
  });

  test('expired entries are swept, those that were prolonged meanwhile are not, with two sweepers at work', async () => {
    const [store, other] = [await open(), await open()];
    const names = Array.from({ length: 700 }, (_, index) => `item/${index}`);
    const put = (expiresAt: number) => names.map((name) => ({ name, value: 'x', expiresAt }));
    await store.commit({ partition: '00', put: put(clock.now() + 10) });
    await store.commit({ partition: '00', put: [{ name: 'item/0', value: 'kept', expiresAt: clock.now() + 10 ** 9 }] });
    clock.advance(10);
    // a sweep is a transaction without conditions: seen from outside, it only shows in the size of the tables
    const left = (): number =>
      JSON.parse(execFileSync(process.execPath, ['-e', COUNT, join(path, 'store')], { encoding: 'utf8' }));
    await eventually(() => left() === 1);
    expect(store.get({ partition: '00', name: 'item/0' })?.value).toBe('kept');
    expect(other.get({ partition: '00', name: 'item/0' })?.value).toBe('kept');
  });

  test('the log of changes is trimmed to its bound, and an older cursor is not complete', async () => {
    const store = await open(10);
    const start = store.position();
    for (let index = 0; index < 30; index += 1) await append(store, String(index));
    const late = store.position();
    await eventually(() => !store.changes(start).complete);
    await append(store, 'last');
    expect(store.changes(late)).toMatchObject({ changes: [{ subject: 'last' }], complete: true });
  });

  test('a store that was rolled back while it was closed gets a new birth, past everything that was seen', async () => {
    const store = await open();
    await append(store, 'before');
    const { id } = store.birth();
    await store.close(5000);
    cpSync(join(path, 'store'), join(directory.path, 'backup'), { recursive: true });
    const again = await open();
    await append(again, 'a revocation that the backup does not know');
    const cursor = again.position();
    await again.close(5000);
    rmSync(join(path, 'store'), { recursive: true });
    renameSync(join(directory.path, 'backup'), join(path, 'store'));
    clock.advance(1000);
    const back = await open();
    expect(back.birth().id).not.toBe(id);
    expect(back.birth().at).toBe(clock.now());
    expect(back.changes(cursor).complete).toBe(false);
    expect(Number(back.position().split(':')[1])).toBeGreaterThan(Number(cursor.split(':')[1]));
    // and only once: the next start finds what it remembers
    const { id: second } = back.birth();
    await back.close(5000);
    expect((await open()).birth().id).toBe(second);
  });

  test('a store of an older birth that is put back gets a new birth', async () => {
    const store = await open();
    await store.close(5000);
    renameSync(join(path, 'store'), join(directory.path, 'old'));
    clock.advance(1000);
    const fresh = await open();
    const { id } = fresh.birth();
    await fresh.close(5000);
    rmSync(join(path, 'store'), { recursive: true });
    renameSync(join(directory.path, 'old'), join(path, 'store'));
    clock.advance(1000);
    const back = await open();
    expect(back.birth().id).not.toBe(id);
    expect(back.birth().at).toBe(clock.now());
  });

  test('a damaged `seen` is as good as none', async () => {
    const store = await open();
    const { id } = store.birth();
    await store.close(5000);
    for (const text of ['', '{', 'null', '{"birth":1,"position":-1,"at":null}', '[]']) {
      writeFileSync(join(path, 'seen'), text);
      const again = await open();
      expect(again.birth().id).toBe(id);
      await again.close(5000);
    }
  });

  test('a running process whose store was wiped finds the new one, and nothing that it knew is complete', async () => {
    const store = await open();
    await store.commit({
      partition: '00',
      put: [{ name: 'a/b', value: 1 }],
      changes: [{ kind: 'user', subject: 'u' }],
    });
    const cursor = store.position();
    const { id } = store.birth();
    rmSync(path, { recursive: true });
    // the first write after it cannot be acknowledged: it went to files that are no more
    await expect(append(store, 'lost')).rejects.toThrow(StoreUnavailable);
    expect(() => store.position()).toThrow(StoreUnavailable);
    await eventually(() => {
      try {
        return store.birth().id !== id;
      } catch {
        return false;
      }
    });
    expect(store.get({ partition: '00', name: 'a/b' })).toBeUndefined();
    expect(store.changes(cursor).complete).toBe(false);
    expect(await append(store, 'again')).toBe(true);
  });

  test('a running process whose store was rolled back notices without writing', async () => {
    const store = await open();
    await append(store, 'before');
    await store.close(5000);
    cpSync(join(path, 'store'), join(directory.path, 'backup'), { recursive: true });
    const again = await open();
    await append(again, 'after');
    const { id } = again.birth();
    renameSync(join(path, 'store'), join(directory.path, 'gone'));
    renameSync(join(directory.path, 'backup'), join(path, 'store'));
    await eventually(() => {
      try {
        return again.birth().id !== id;
      } catch {
        return false;
      }
    });
    expect(JSON.parse(readFileSync(join(path, 'seen'), 'utf8')).birth).toBe(again.birth().id);
  });
});

const COUNT = `
  const { open } = require('lmdb');
  const root = open(process.argv[1], { noSubdir: false, readOnly: true, overlappingSync: false, maxDbs: 8, encoding: 'string' });
  const data = root.openDB('data', { encoding: 'string' }), expiry = root.openDB('expiry', { encoding: 'string' });
  const [d, e] = [data.getKeysCount(), expiry.getKeysCount()];
  console.log(d === e ? d : -1);
`;
