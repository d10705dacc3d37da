import type { Clock } from '../core/ports.ts';
import type { Commit, Store, StoreKey } from '../core/store.ts';
import { partitionOf, type UserId } from '../core/subject.ts';
import { keyHash } from './key-hash.ts';

/** ms after a complete sign-in for which its user and device count as known to each other */
export const KNOWN_DEVICE_MS = 180 * 24 * 3_600_000;
/** ms for which it is kept that all devices of a user were forgotten: longer than browsers keep a cookie (400 days) */
export const FORGOTTEN_MS = 401 * 24 * 3_600_000;

/**
 * On which devices a user signed in: what the limits of guessing spare (lockout.ts, factors/attempts.ts). `device` is the id
 * of a device cookie, *proven* to be one of ours. All methods reject with `StoreUnavailable`.
 */
export interface KnownDevices {
  isKnown(user: UserId, device: string): Promise<boolean>;
  /** Makes user and device known to each other, or known for longer. To be called when a sign-in is complete, all its steps. */
  remember(user: UserId, device: string): Promise<void>;
  /**
   * Whether the id may be one that was forgotten: the user's devices were (`devicesForgotten`), and this one has not been
   * remembered since. There may be a stolen copy of its cookie, so the browser that has it needs another id before it is
   * remembered again.
   */
  isForgotten(user: UserId, device: string): Promise<boolean>;
}

/** Does no I/O until it is asked. */
export function openKnownDevices({ store, clock }: { readonly store: Store; readonly clock: Clock }): KnownDevices {
  /** When something happened; `otherwise` when it did not, or when that cannot be read. */
  async function instant(key: StoreKey, otherwise: { readonly absent: number; readonly unreadable: number }) {
    const entry = await store.get(key);
    if (entry === undefined) return otherwise.absent;
    return typeof entry.value === 'number' && Number.isFinite(entry.value) ? entry.value : otherwise.unreadable;
  }

  const NEVER = Number.NEGATIVE_INFINITY;
  const rememberedAt = (user: UserId, device: string): Promise<number> =>
    instant(deviceKey(user, device), { absent: NEVER, unreadable: NEVER });
  const forgottenAt = (user: UserId): Promise<number> =>
    instant(
      { partition: partitionOf(user), name: forgottenName(user) },
      { absent: NEVER, unreadable: Number.POSITIVE_INFINITY },
    );

  return {
    async isKnown(user, device) {
      return (await rememberedAt(user, device)) > (await forgottenAt(user));
    },

    async remember(user, device) {
      const { partition, name } = deviceKey(user, device);
      const now = clock.now();
      await store.commit({ partition, put: [{ name, value: now, expiresAt: now + KNOWN_DEVICE_MS }] });
    },

    async isForgotten(user, device) {
      const forgotten = await forgottenAt(user);
      return forgotten !== NEVER && !((await rememberedAt(user, device)) > forgotten);
    },
  };
}

/**
 * What a commit in the user's partition puts to forget all devices of the user, however many there are: those remembered
 * until `now` are known no more.
 */
export const devicesForgotten = (user: UserId, now: number): NonNullable<Commit['put']>[number] => ({
  name: forgottenName(user),
  value: now,
  expiresAt: now + FORGOTTEN_MS,
});

const deviceKey = (user: UserId, device: string): StoreKey => ({
  partition: partitionOf(user),
  name: `known-device/${keyHash(user)}/${keyHash(device)}`,
});
const forgottenName = (user: UserId): string => `forgotten-devices/${keyHash(user)}`;
