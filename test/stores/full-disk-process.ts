import { type Store, StoreUnavailable } from '../../src/core/store.ts';
import { openStore } from '../../src/stores/index.ts';
import { systemClock, systemRandom } from './ports.ts';

// writes, one by one and many at once, until its files may not grow any more; an unhandled rejection would end it
const store: Store = openStore({ clock: systemClock, random: systemRandom }, { path: process.argv[2] as string });
await store.start();
const acknowledged: string[] = [];
const refused: string[] = [];

async function write(name: string): Promise<void> {
  try {
    await store.commit({
      partition: '00',
      put: [
        { name, value: 'x'.repeat(20_000) },
        { name: `${name}/twin`, value: 1 },
      ],
    });
    acknowledged.push(name);
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    refused.push(name);
  }
}
for (let count = 0; count < 20; count += 1) await write(`one/${count}`);
for (let round = 0; round < 10; round += 1) {
  await Promise.all(Array.from({ length: 20 }, (_, count) => write(`many/${round}-${count}`)));
}
const small = await store.commit({ partition: '00', remove: acknowledged.slice(0, 5) });
process.stdout.write(JSON.stringify({ acknowledged: acknowledged.slice(5), refused, small }));
await store.close(5000);
