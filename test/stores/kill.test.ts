import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openEmbeddedStore } from '../../src/stores/embedded.ts';
import { temporaryDirectory } from './directory.ts';
import { systemClock, systemRandom } from './ports.ts';

const ROUNDS = 16;

test('kill -9 at any moment loses nothing that was acknowledged, and the store opens again', {
  timeout: 120_000,
}, async () => {
  const directory = temporaryDirectory();
  const path = join(directory.path, 'data');
  const acknowledged: string[] = [];
  let hits = 0;
  let birth: string | undefined;
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      const script = fileURLToPath(new URL('./kill-process.ts', import.meta.url));
      const child = spawn(process.execPath, [script, path, String(round)], { stdio: ['ignore', 'pipe', 'inherit'] });
      // after how many lines it dies is the dice; the line may be any moment of the writes that run beside it
      const deadline = 1 + Math.floor(Math.random() * 120);
      let text = '';
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (text.split('\n').length > deadline) child.kill('SIGKILL');
      });
      await once(child, 'close');
      expect(child.signalCode).toBe('SIGKILL');
      const lines = text.slice(0, text.lastIndexOf('\n')).split('\n');
      acknowledged.push(...lines.filter((line) => !line.startsWith('hits')));
      for (const line of lines) if (line.startsWith('hits ')) hits = Math.max(hits, Number(line.slice(5)));

      const store = openEmbeddedStore({ clock: systemClock, random: systemRandom }, { path });
      await store.start();
      birth ??= store.birth().id;
      // a kill must never look like a roll-back
      expect(store.birth().id).toBe(birth);
      for (const id of acknowledged) {
        expect(store.get({ partition: '00', name: `session/${id}` })?.value).toMatchObject({ id });
      }
      expect(store.get({ partition: '01', name: 'hits/x' })?.value ?? 0).toBeGreaterThanOrEqual(hits);
      await checkWhole(store, birth);
      expect(await store.commit({ partition: '00', put: [{ name: 'check/x', value: round }] })).toBe(true);
      await store.close(5000);
    }
    expect(acknowledged.length).toBeGreaterThan(ROUNDS);
  } finally {
    directory.remove();
  }
});

/** Every commit happened whole: each session has its change, and its index unless the next of its lane removed that. */
async function checkWhole(store: ReturnType<typeof openEmbeddedStore>, birth: string): Promise<void> {
  const sessions = new Set<string>();
  for await (const { name } of store.list('00', 'session/')) sessions.add(name.slice('session/'.length));
  const changed = new Set<string>();
  for (let cursor = `${birth}:1`; cursor !== store.position(); ) {
    const answer = store.changes(cursor);
    expect(answer.complete).toBe(true);
    for (const change of answer.changes) changed.add(change.subject);
    cursor = answer.cursor;
  }
  expect(changed).toEqual(sessions);
  for await (const { name } of store.list('00', 'user-session/u/')) {
    const id = name.slice('user-session/u/'.length);
    const [round, lane, count] = id.split('-');
    expect(sessions).toContain(id);
    expect(sessions).not.toContain(`${round}-${lane}-${Number(count) + 1}`);
  }
}
