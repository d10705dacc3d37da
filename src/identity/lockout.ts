import { hash } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import { parseAddress } from '../core/address.ts';
import type { Clock } from '../core/ports.ts';
import type { Store, StoreKey } from '../core/store.ts';
import { partitionOf, type UserId, userId } from '../core/subject.ts';
import { attemptsName } from './factors/attempts.ts';

export interface LockoutLimits {
  /** ms; begins with the first attempt and is not prolonged by later ones */
  readonly windowMs: number;
  /** passwords that are checked for one user from one network within a window */
  readonly perUser: number;
  /** passwords that are checked from one network within a window, whoever they are for */
  readonly perNetwork: number;
  /** passwords that are checked for one user from one of their known devices within a window */
  readonly perDevice: number;
  /** ms after a success for which its user and network count as known to each other */
  readonly knownMs: number;
  /** ms after a sign-in for which its user and device count as known to each other */
  readonly knownDeviceMs: number;
}

export const LOCKOUT_LIMITS: LockoutLimits = {
  windowMs: 15 * 60_000,
  perUser: 10,
  perNetwork: 100,
  perDevice: 10,
  knownMs: 30 * 24 * 3_600_000,
  knownDeviceMs: 180 * 24 * 3_600_000,
};

/** One attempt. It counts as failed until one of the functions is called, so whatever goes wrong meanwhile opens nothing. */
export type Attempt =
  | {
      readonly allowed: true;
      /** The password was right: takes the counter that it was counted on away, and makes user and network known to each other. */
      readonly succeeded: () => Promise<void>;
      /** No password was checked (the queue was full): takes the attempt back. */
      readonly unchecked: () => Promise<void>;
    }
  | {
      readonly allowed: false;
      /** seconds until the window is over, rounded up: 1 to the length of the window */
      readonly retryAfterSeconds: number;
    };

interface Counted {
  readonly count: number;
  /** wall-clock ms */
  readonly endsAt: number;
}

/** All methods reject with `StoreUnavailable`: who cannot be counted is not let in. */
export interface Lockout {
  /**
   * Counts an attempt of somebody at `address` to sign in as `user`. To be called before the password is looked at. `device`
   * is the id of the browser's device cookie, *proven* to be one of ours; undefined when there is none.
   */
  begin(user: UserId, address: string, device?: string): Promise<Attempt>;
  /** Makes user and device known to each other, or known for longer. To be called when a sign-in is complete, all its steps. */
  remember(user: UserId, device: string): Promise<void>;
  /**
   * Takes away what was counted for a user, whatever the networks and devices; answers how many of them there were. What was
   * counted for a network over all users stays: it is not about this one.
   */
  clear(user: UserId): Promise<number>;
}

/**
 * Limits guessing of passwords (security rule 19; ASVS 6.1.1; NIST SP 800-63B-4, 3.2.2). Attempts are counted per user *and*
 * network, so that a stranger elsewhere cannot lock the owner out, and besides per network over all users, which those who
 * signed in from there lately are spared: an office where somebody stuffs stays open to its people. A network is an IPv4 /24
 * or an IPv6 /64. Counting is atomic in the store and comes before checking: of any number of attempts at once, in any
 * number of processes, no more than the limit is checked. Beyond it a refusal only reads, whether or not the
 * user exists.
 *
 * A device on which this very user signed in lately is counted by itself, on neither of those counters: what strangers do in
 * the owner's own network does not reach it. Whoever stole its cookie has as many attempts as anybody has from one more
 * network, and they are spent for the owner on that device too, until the window is over.
 *
 * Not covered: guessing that is spread over many networks, for each has its own counters; a stranger in the owner's own
 * network, who locks the owner out of there for a window at a time on devices that are not known. Somebody who used a
 * network up can tell from the answers which users signed in from that very network lately; who holds a device cookie, which
 * users that device is known for.
 *
 * Does no I/O until it is asked.
 */
export function openLockout(
  deps: { readonly store: Store; readonly clock: Clock },
  limits: LockoutLimits = LOCKOUT_LIMITS,
): Lockout {
  const { store, clock } = deps;
  const { windowMs, perUser, perNetwork, perDevice, knownMs, knownDeviceMs } = limits;

  /** A counter that cannot be read is full. */
  async function read(key: StoreKey): Promise<Counted> {
    const entry = await store.get(key);
    const endsAt = entry?.expiresAt ?? clock.now() + windowMs;
    if (entry === undefined) return { count: 0, endsAt };
    const { value } = entry;
    return { count: typeof value === 'number' && Number.isFinite(value) ? value : Number.POSITIVE_INFINITY, endsAt };
  }

  const refused = (endsAt: number): Attempt => ({
    allowed: false,
    retryAfterSeconds: Math.ceil(Math.min(Math.max(endsAt - clock.now(), 1), windowMs) / 1000),
  });

  /** What decides is the number that the store gives: others may have counted since it was read. */
  async function add(key: StoreKey): Promise<Counted> {
    const count = await store.increment(key, 1, windowMs);
    return { count, endsAt: (await read(key)).endsAt };
  }

  /** Takes one back that was counted in the window until `endsAt`; in a later one there is nothing to take back. */
  async function takeBack(key: StoreKey, { endsAt }: Counted): Promise<void> {
    const now = await read(key);
    if (now.count > 0 && now.endsAt === endsAt) await store.increment(key, -1, windowMs);
  }

  /** An attempt on a device that is known for the user. */
  async function beginOnDevice(own: StoreKey, known: StoreKey): Promise<Attempt> {
    const before = await read(own);
    if (before.count >= perDevice) return refused(before.endsAt);
    const now = await add(own);
    if (now.count > perDevice) return refused(now.endsAt);
    return { allowed: true, succeeded: () => succeeded(own, known), unchecked: () => takeBack(own, now) };
  }

  async function succeeded({ partition, name }: StoreKey, known: StoreKey): Promise<void> {
    const put = [{ name: known.name, value: 1, expiresAt: clock.now() + knownMs }];
    await store.commit({ partition, put, remove: [name] });
  }

  return {
    async begin(user, address, device) {
      const network = networkOf(address);
      const partition = partitionOf(user);
      const who = `${sha256(user)}/${sha256(network)}`;
      const own: StoreKey = { partition, name: `attempt/${who}` };
      const known: StoreKey = { partition, name: `known/${who}` };
      const all: StoreKey = { partition: 'network', name: `attempt/${sha256(network)}` };

      if (device !== undefined && (await store.get(knownDevice(user, device))) !== undefined) {
        const name = `attempt/${sha256(user)}/device/${sha256(device)}`;
        return beginOnDevice({ partition, name }, known);
      }

      // looked at before anything is written: a flood that is refused anyway must not keep the disk busy
      const ownBefore = await read(own);
      if (ownBefore.count >= perUser) return refused(ownBefore.endsAt);
      const isKnown = (await store.get(known)) !== undefined;
      const allBefore = await read(all);
      const isFull = allBefore.count >= perNetwork;
      if (isFull && !isKnown) return refused(allBefore.endsAt);

      const ownNow = await add(own);
      if (ownNow.count > perUser) return refused(ownNow.endsAt);
      const allNow = isFull ? undefined : await add(all);
      if (allNow !== undefined && allNow.count > perNetwork && !isKnown) return refused(allNow.endsAt);

      return {
        allowed: true,
        async succeeded() {
          await Promise.all([succeeded(own, known), allNow && takeBack(all, allNow)]);
        },
        async unchecked() {
          await Promise.all([takeBack(own, ownNow), allNow && takeBack(all, allNow)]);
        },
      };
    },

    async remember(user, device) {
      const { partition, name } = knownDevice(user, device);
      await store.commit({ partition, put: [{ name, value: 1, expiresAt: clock.now() + knownDeviceMs }] });
    },

    async clear(user) {
      const partition = partitionOf(user);
      const names: string[] = [];
      for await (const { name } of store.list(partition, `attempt/${sha256(user)}/`)) names.push(name);
      // wrong codes of second factors are forgotten with wrong passwords
      const codes = attemptsName(user);
      if ((await store.get({ partition, name: codes })) !== undefined) names.push(codes);
      for (let start = 0; start < names.length; start += REMOVED_AT_ONCE)
        await store.commit({ partition, remove: names.slice(start, start + REMOVED_AT_ONCE) });
      return names.length;
    },
  };
}

const knownDevice = (user: UserId, device: string): StoreKey => ({
  partition: partitionOf(user),
  name: `known-device/${sha256(user)}/${sha256(device)}`,
});

// a stranger with many networks makes many counters, and one step of the store should stay small
const REMOVED_AT_ONCE = 256;

/**
 * As whom to count what was typed and cannot be a user name. One of 4,096, so that those who mistype do not lock each other
 * out, and so that next to nothing is kept of a password that somebody typed there. Never equals a real user.
 */
export const strayUser = (provider: string, typed: string): UserId =>
  userId(provider, `~${sha256(typed).slice(0, STRAY_CHARACTERS)}`);

// twice six bits
const STRAY_CHARACTERS = 2;

/**
 * The network of an address: IPv4 /24, IPv6 /64 (what one subscriber has at least; RFC 6177, RFC 7421), IPv4-mapped as IPv4.
 * Whatever is no address is one network of its own.
 */
export function networkOf(address: string): string {
  const text = parseAddress(address);
  if (text === undefined) return 'none';
  const parsed = ipaddr.parse(text);
  const bytes = parsed.toByteArray();
  return parsed.kind() === 'ipv4' ? `${bytes.slice(0, 3).join('.')}/24` : `${bytes.slice(0, 8).join('.')}/64`;
}

const sha256 = (text: string): string => hash('sha256', text, 'base64url');
