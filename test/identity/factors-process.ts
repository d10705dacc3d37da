import { openFactors } from '../../src/identity/factors/store.ts';
import { openStore } from '../../src/stores/index.ts';
import { handClock, systemRandom } from '../stores/ports.ts';

// another process on the same store: sends one code twenty times at once and tells how often it was accepted
const [path = '', now = '', key = ''] = process.argv.slice(2);
const clock = handClock(Number(now));
const store = openStore({ clock, random: systemRandom }, { path });
await store.start();
const factors = openFactors({ store, clock, random: systemRandom, alive: async () => undefined, drift: () => 1 }, [
  Buffer.from(key, 'hex'),
]);
const caller = { address: '192.0.2.1', device: undefined };
process.on('message', async ({ user, code }: { user: `${string}:${string}`; code: string }) => {
  const outcomes = await Promise.all(Array.from({ length: 20 }, () => factors.verify(user, 'totp', code, caller)));
  process.send?.(outcomes.filter(({ ok }) => ok).length);
});
process.send?.('ready');
