import { openStore } from '../../src/stores/index.ts';
import { systemClock, systemRandom } from './ports.ts';

// Writes until it is killed: accounts, sessions with their index, revocations; says each thing once it was acknowledged.
// A write to a pipe is synchronous, so what was said was acknowledged, and what was acknowledged is nearly always said.
const [, , path, round] = process.argv as [string, string, string, string];
const store = openStore({ clock: systemClock, random: systemRandom }, { path });
await store.start();
const later = systemClock.now() + 3_600_000;

async function lane(number: number): Promise<never> {
  for (let count = 0; ; count += 1) {
    const id = `${round}-${number}-${count}`;
    const done = await store.commit({
      partition: '00',
      expect: [{ name: `session/${id}`, version: 0 }],
      put: [
        { name: `session/${id}`, value: { id, filler: 'x'.repeat(200 + ((count * 97) % 3000)) }, expiresAt: later },
        { name: `user-session/u/${id}`, value: 1, expiresAt: later },
      ],
      remove: count > 0 ? [`user-session/u/${round}-${number}-${count - 1}`] : [],
      changes: [{ kind: 'session', subject: id }],
    });
    if (done) process.stdout.write(`${id}\n`);
    if (count % 10 === 0)
      process.stdout.write(`hits ${await store.increment({ partition: '01', name: 'hits/x' }, 1, 10 ** 9)}\n`);
  }
}
await Promise.all([1, 2, 3, 4].map(lane));
