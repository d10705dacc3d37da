import type { Clock, Random } from '../core/ports.ts';
import type { Store } from '../core/store.ts';
import { openEmbeddedStore } from './embedded.ts';

/** Chooses the store that the configuration names: the embedded one, under the directory `path`. No I/O before `start`. */
export function openStore(
  deps: { readonly clock: Clock; readonly random: Random },
  options: { readonly path: string },
): Store {
  return openEmbeddedStore(deps, options);
}
