import { openStore } from '../../src/stores/index.ts';
import { systemClock, systemRandom } from './ports.ts';

// runs in a process of its own: opens the store that argv[2] describes and does what the test says
const store = openStore({ clock: systemClock, random: systemRandom }, JSON.parse(process.argv[2] as string));
await store.start();
process.on(
  'message',
  async ({ id, method, args }: { id: number; method: 'get'; args: Parameters<typeof store.get> }) => {
    try {
      process.send?.({ id, value: await store[method](...args) });
    } catch (error) {
      process.send?.({ id, error: String(error) });
    }
  },
);
process.send?.('ready');
