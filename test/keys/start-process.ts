import { openKeyRing } from '../../src/keys/key-ring.ts';
import { loadRootSecrets } from '../../src/keys/root-secrets.ts';
import { openStore } from '../../src/stores/index.ts';
import { systemClock, systemRandom } from '../stores/ports.ts';

// one of several processes that start at once on an empty directory; told `rotate` it rotates
const path = process.argv[2] as string;
const roots = loadRootSecrets({}, { dataDir: path, random: systemRandom });
const store = openStore({ clock: systemClock, random: systemRandom }, { path });
await store.start();
const ring = openKeyRing({ store, clock: systemClock, random: systemRandom }, roots);
await ring.start();
process.on('message', async (order) => {
  if (order === 'rotate') await ring.rotate();
  say();
});
function say(): void {
  process.send?.({
    created: roots.created,
    csrf: Buffer.from(ring.derive('csrf')).toString('hex'),
    signing: ring.signing().kid,
    jwks: ring.jwks(),
  });
}
say();
