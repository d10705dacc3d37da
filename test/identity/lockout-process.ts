import { openLockout } from '../../src/identity/lockout.ts';
import { openStore } from '../../src/stores/index.ts';
import { systemClock, systemRandom } from '../stores/ports.ts';

// a process of its own over the store at argv[2]: told a number, it begins that many attempts at once and says how many may go on
const deps = { clock: systemClock, random: systemRandom };
const store = openStore(deps, { path: process.argv[2] as string });
await store.start();
const lockout = openLockout({ store, clock: systemClock });
process.on('message', async (count: number) => {
  const attempts = await Promise.all(Array.from({ length: count }, () => lockout.begin('staff:ann', '192.0.2.1')));
  process.send?.(attempts.filter(({ allowed }) => allowed).length);
});
process.send?.('ready');
