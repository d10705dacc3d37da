import { beginCodeAttempt } from '../../src/identity/factors/attempts.ts';
import { openStore } from '../../src/stores/index.ts';
import { systemClock, systemRandom } from '../stores/ports.ts';

// a process of its own over the store at argv[2]: told a number, it begins ten attempts from each of that many networks at
// once and says how many may go on
const deps = { clock: systemClock, random: systemRandom };
const store = openStore(deps, { path: process.argv[2] as string });
await store.start();
process.on('message', async (networks: number) => {
  const callers = Array.from({ length: networks * 10 }, (_, i) => ({
    address: `10.0.${i % networks}.1`,
    device: undefined,
  }));
  const attempts = await Promise.all(
    callers.map((caller) => beginCodeAttempt({ store, clock: systemClock }, 'staff:ann', caller)),
  );
  process.send?.(attempts.filter(({ allowed }) => allowed).length);
});
process.send?.('ready');
