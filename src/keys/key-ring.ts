import type { JsonWebKey } from 'node:crypto';
import type { Clock, Random, Service } from '../core/ports.ts';
import { type Cursor, type Entry, type Store, StoreUnavailable } from '../core/store.ts';
import { deriveKey } from './derive.ts';
import type { RootSecrets } from './root-secrets.ts';
import {
  decodeKeys,
  encodeKeys,
  isOurs,
  makeKey,
  type OpenKey,
  openKey,
  RootSecretMismatch,
  resealed,
  type SigningKey,
  type StoredKey,
} from './signing-keys.ts';

export { RootSecretMismatch, type SigningKey } from './signing-keys.ts';

/** Every key of the gateway (interfaces, "Secrets and keys"). */
export interface KeyRing extends Service {
  /** The symmetric key of a purpose, 32 bytes. Needs no store. */
  derive(label: string): Uint8Array;
  /** The same of every root secret, the one in use first: what was made with an older one is still good. */
  deriveAll(label: string): readonly Uint8Array[];
  /** The key that signs now. Throws `StoreUnavailable` when the store is gone. */
  signing(): SigningKey;
  /** The public keys, for `jwks.json`: next, current, previous. */
  jwks(): { readonly keys: readonly JsonWebKey[] };
  /** The next key signs from now on, and a new next one is made. Of several processes at once, one rotation happens. */
  rotate(): Promise<void>;
}

const KEY = { partition: 'keys', name: 'signing/ring' };
const CHANGED = [{ kind: 'key', subject: 'signing' }] as const;
/** How long a key that signed once stays published: far beyond what it signed, and beyond any cache of the JWKS. */
const PREVIOUS_MS = 24 * 60 * 60_000;
/** Rotations that somebody repeats like mad must not grow the list without bound. */
const MAX_PREVIOUS = 8;
const ATTEMPTS = 32;

/**
 * `start` makes the signing keys when there are none, or reads them; keys that an older root secret of the ring sealed are
 * sealed anew with the first. It rejects with `RootSecretMismatch` when none of the secrets opens them: a gateway that
 * signed with other keys than its neighbours would be worse than one that does not start.
 */
export function openKeyRing(
  deps: { readonly store: Store; readonly clock: Clock; readonly random: Random },
  roots: RootSecrets,
): KeyRing {
  const { store, clock, random } = deps;
  const { secrets } = roots;
  const [first] = secrets;
  if (first === undefined) throw new TypeError('a key ring needs a root secret');
  const root: Uint8Array = first;
  let open: readonly OpenKey[] = [];
  let version = -1;
  let applied: Cursor = '';
  let refreshing: Promise<void> | undefined;
  let started = false;

  /**
   * Takes over what the store says. A key that is open here stays so, whatever sealed it anew: its name follows from the key.
   * One that none of our secrets opens is an error at the start; later it is left out, so that gateways which do not know a
   * new secret yet go on until that key signs. What cannot be opened is never published: who can write the store, but does
   * not know the secret, must not bring in keys.
   */
  function use(entry: Entry, starting: boolean): void {
    if (entry.version === version) return;
    const known = new Map(open.map((key) => [key.kid, key]));
    const next: OpenKey[] = [];
    for (const stored of decodeKeys(entry.value)) {
      const before = known.get(stored.kid);
      if (before !== undefined) next.push({ ...before, state: stored.state, since: stored.since });
      else if (starting || isOurs(stored, secrets)) next.push(openKey(stored, secrets));
    }
    open = next;
    version = entry.version;
  }

  function find(state: OpenKey['state']): readonly OpenKey[] {
    return open.filter((key) => key.state === state);
  }

  /** Another process may have rotated. Synchronous with the embedded store; else the former keys, which are still good, do. */
  function refresh(): void {
    if (version === -1) {
      if (started) refreshLater();
      throw new StoreUnavailable('the signing keys are not read yet');
    }
    const position = store.position();
    if (position === applied) return;
    const entry = typeof position === 'string' ? store.get(KEY) : position;
    if (typeof position !== 'string' || entry instanceof Promise) {
      // asked again there: here it only told that it takes time
      Promise.resolve(entry).catch(() => undefined);
      refreshLater();
      return;
    }
    if (entry === undefined) {
      // the store was emptied: nothing of it counts any more, the keys neither, and new ones are made
      open = [];
      version = -1;
      refreshLater();
      throw new StoreUnavailable('the signing keys are gone from the store');
    }
    use(entry as Entry, false);
    applied = position;
  }

  function refreshLater(): void {
    refreshing ??= (async () => {
      try {
        const position = await store.position();
        const entry = await store.get(KEY);
        if (entry === undefined) {
          open = [];
          version = -1;
        }
        if (version === -1) await change(complete);
        else if (entry !== undefined) use(entry, false);
        applied = position;
      } catch {
        // the next use asks again
      } finally {
        refreshing = undefined;
      }
    })();
  }

  /**
   * Reads, decides, writes on condition, and again when somebody else was quicker. `decide` answers undefined when there is
   * nothing to write.
   */
  async function change(decide: (keys: readonly StoredKey[]) => readonly StoredKey[] | undefined): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const entry = await store.get(KEY);
      const keys = decide(entry === undefined ? [] : decodeKeys(entry.value));
      if (keys === undefined) {
        if (entry !== undefined) use(entry, version === -1);
        return;
      }
      await store.commit({
        partition: KEY.partition,
        expect: [{ name: KEY.name, version: entry?.version ?? 0 }],
        put: [{ name: KEY.name, value: encodeKeys(keys) }],
        changes: CHANGED,
      });
      // done or overtaken: the next round reads what is there now, and finds nothing left to decide when it is good
    }
    throw new StoreUnavailable('the signing keys change all the time');
  }

  const make = (state: StoredKey['state']): StoredKey => makeKey(root, random, state, clock.now());

  function complete(keys: readonly StoredKey[]): readonly StoredKey[] | undefined {
    const sealed = keys.map((key) => resealed(key, secrets, root, random));
    const missing = (['next', 'current'] as const).filter((state) => !keys.some((key) => key.state === state));
    if (missing.length === 0 && sealed.every((key, index) => key === keys[index])) return undefined;
    return [...sealed, ...missing.map(make)];
  }

  function rotated(keys: readonly StoredKey[]): readonly StoredKey[] {
    const now = clock.now();
    const becomes = (state: StoredKey['state']) => (key: StoredKey) => ({ ...key, state, since: now });
    const of = (state: StoredKey['state']): StoredKey[] => keys.filter((key) => key.state === state);
    const previous = [...of('current').map(becomes('previous')), ...of('previous')];
    return [
      make('next'),
      ...of('next').map(becomes('current')),
      ...previous.filter((key) => now - key.since < PREVIOUS_MS).slice(0, MAX_PREVIOUS),
    ];
  }

  return {
    async start() {
      const position = await store.position();
      await change(complete);
      applied = position;
      started = true;
    },
    async close() {
      await refreshing;
    },

    derive: (label) => deriveKey(root, label),
    deriveAll: (label) => secrets.map((each) => deriveKey(each, label)),

    signing() {
      refresh();
      const [current] = find('current');
      if (current === undefined) throw new RootSecretMismatch();
      return current;
    },

    jwks() {
      refresh();
      return { keys: [...find('next'), ...find('current'), ...find('previous')].map((key) => key.publicJwk) };
    },

    async rotate() {
      let from: string | undefined;
      await change((keys) => {
        const current = keys.find((key) => key.state === 'current')?.kid;
        from ??= current;
        return current === from ? rotated(keys) : undefined;
      });
    },
  };
}
