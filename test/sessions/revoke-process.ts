import { openSessions } from '../../src/sessions/sessions.ts';
import { openStore } from '../../src/stores/index.ts';
import { systemClock, systemRandom } from '../stores/ports.ts';
import { keepingLog } from './people.ts';

// another gateway on the same store: does what the test says over its message channel
const store = openStore({ clock: systemClock, random: systemRandom }, { path: process.argv[2] as string });
await store.start();
const sessions = openSessions(
  { store, clock: systemClock, random: systemRandom, log: keepingLog() },
  { idleMs: 1_800_000, floorMs: 300_000, absoluteMs: 28_800_000 },
);
await sessions.start();

type Order =
  | { readonly revoke: string }
  | { readonly revokeUser: `${string}:${string}` }
  | { readonly lookup: string; readonly host: string; readonly touchAt?: number };

process.on('message', async (order: Order) => {
  if ('revoke' in order) process.send?.({ value: await sessions.revoke(order.revoke, 'cli:root', 'test') });
  else if ('revokeUser' in order)
    process.send?.({ value: await sessions.revokeUser(order.revokeUser, 'cli:root', 'test') });
  else {
    const found = await sessions.lookup(order.lookup, order.host, systemClock.now());
    if (found.state === 'valid' && order.touchAt !== undefined) {
      sessions.touch(found, order.touchAt);
      await sessions.flush();
    }
    process.send?.({ value: found.state });
  }
});
process.send?.({ value: 'ready' });
