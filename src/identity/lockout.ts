import type { Clock } from '../core/ports.ts';
import type { Store, StoreKey } from '../core/store.ts';
import { partitionOf, type UserId, userId } from '../core/subject.ts';
import { formatRate, type Rate } from '../schema/units.ts';
import { type Counted, type Counter, openCounters, type Refused, sooner } from './counters.ts';
import { codeCounterNames } from './factors/attempts.ts';
import { keyHash } from './key-hash.ts';
import { openKnownDevices } from './known-devices.ts';
import { networkOf } from './network.ts';

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
}

export const LOCKOUT_LIMITS: LockoutLimits = {
  windowMs: 15 * 60_000,
  perUser: 10,
  perNetwork: 100,
  perDevice: 10,
  knownMs: 30 * 24 * 3_600_000,
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
  | Refused;

/** All methods reject with `StoreUnavailable`: who cannot be counted is not let in. */
export interface Lockout {
  /**
   * Counts an attempt of somebody at `address` to sign in as `user`. To be called before the password is looked at. `device`
   * is the id of the browser's device cookie, *proven* to be one of ours; undefined when there is none.
   */
  begin(user: UserId, address: string, device?: string): Promise<Attempt>;
  /**
   * Takes away what was counted for a user, passwords and codes of second factors, whatever the networks and devices; answers
   * how many counters there were. What was counted for a network over all users stays: it is not about this one. Devices
   * stay known.
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
 * Guessing that is spread over many networks meets a third limit (`perTarget`, `limits.rate.sign_in`): attempts for one user
 * from everywhere. It counts and refuses only where the user is not known, neither by device nor by network; otherwise it would
 * be a way to lock the owner out.
 *
 * A device on which this very user signed in lately is counted by itself, on none of those counters: what strangers do in
 * the owner's own network does not reach it. When its attempts are used up it is counted like any other in its network, so
 * that whoever stole its cookie, and uses them up for good, does not lock the owner out of that device. What a stolen cookie
 * gives is the device's attempts on top of those that anybody has from a network: one more network's worth, from wherever.
 *
 * Not covered: a stranger in the owner's own network, who locks the owner out of there for a window at a time on devices that
 * are not known, or whose cookie they stole too; a stranger with many networks, who keeps the owner from signing in where they
 * never did before, on a new device in a new network, for as long as they go on. Somebody who used a network up can tell from
 * the answers which users signed in from that very network lately, and who used a user's attempts up, whether that one did; who
 * holds a device cookie, which users that device is known for.
 *
 * Does no I/O until it is asked.
 */
export function openLockout(
  deps: {
    readonly store: Store;
    readonly clock: Clock;
    /** asked at every attempt; false or left out: no such limit */
    readonly perTarget?: () => Rate | false;
  },
  limits: LockoutLimits = LOCKOUT_LIMITS,
): Lockout {
  const { store, clock } = deps;
  const { windowMs, perUser, perNetwork, perDevice, knownMs } = limits;
  const counters = openCounters(deps);
  const devices = openKnownDevices(deps);

  async function succeeded({ key: { partition, name } }: Counter, known: StoreKey): Promise<void> {
    const put = [{ name: known.name, value: 1, expiresAt: clock.now() + knownMs }];
    await store.commit({ partition, put, remove: [name] });
  }

  /** An attempt on a device that is known for the user. */
  async function beginOnDevice(own: Counter, known: StoreKey): Promise<Attempt> {
    const before = await counters.read(own);
    if (before.count >= own.limit) return counters.refused(own, before);
    const now = await counters.add(own);
    if (now.count > own.limit) return counters.refused(own, now);
    return { allowed: true, succeeded: () => succeeded(own, known), unchecked: () => counters.takeBack(own, now) };
  }

  async function beginInNetwork(own: Counter, all: Counter, target: Counter | undefined, known: StoreKey) {
    // looked at before anything is written: a flood that is refused anyway must not keep the disk busy
    const ownBefore = await counters.read(own);
    if (ownBefore.count >= own.limit) return counters.refused(own, ownBefore);
    const isKnown = (await store.get(known)) !== undefined;
    const allBefore = await counters.read(all);
    const isFull = allBefore.count >= all.limit;
    if (isFull && !isKnown) return counters.refused(all, allBefore);
    const spread = isKnown ? undefined : target;
    const spreadBefore = spread && (await counters.read(spread));
    if (spread && spreadBefore && spreadBefore.count >= spread.limit) return refusedBy(spread, spreadBefore);

    const counted: (readonly [Counter, Counted])[] = [];
    const add = async (counter: Counter): Promise<Counted> => {
      const now = await counters.add(counter);
      counted.push([counter, now]);
      return now;
    };
    const takeBack = async (): Promise<void> => {
      await Promise.all(counted.map((each) => counters.takeBack(...each)));
    };
    const ownNow = await add(own);
    if (ownNow.count > own.limit) return counters.refused(own, ownNow);
    const allNow = isFull ? undefined : await add(all);
    if (allNow !== undefined && allNow.count > all.limit && !isKnown) return counters.refused(all, allNow);
    const spreadNow = spread && (await add(spread));
    if (spread && spreadNow && spreadNow.count > spread.limit) return refusedBy(spread, spreadNow);

    return {
      allowed: true,
      async succeeded() {
        counted.shift();
        await Promise.all([succeeded(own, known), takeBack()]);
      },
      unchecked: takeBack,
    } as const;
  }

  /** The limit of attempts for a user from everywhere is configured, so whoever set it is told which one it was. */
  function refusedBy(target: Counter, counted: Counted): Refused {
    const limit = `sign_in ${formatRate({ requests: target.limit, windowMs: target.windowMs })}`;
    return { ...counters.refused(target, counted), limit };
  }

  return {
    async begin(user, address, device) {
      const partition = partitionOf(user);
      const [who, network] = [keyHash(user), keyHash(networkOf(address))];
      const known: StoreKey = { partition, name: `known/${who}/${network}` };
      const counter = (name: string, limit: number): Counter => ({ key: { partition, name }, limit, windowMs });
      const own = counter(`attempt/${who}/${network}`, perUser);
      const all = { key: { partition: 'network', name: `attempt/${network}` }, limit: perNetwork, windowMs };

      const rate = deps.perTarget?.() || undefined;
      const target = rate && {
        key: { partition, name: `attempt/${who}/all` },
        limit: rate.requests,
        windowMs: rate.windowMs,
      };

      if (device === undefined || !(await devices.isKnown(user, device)))
        return beginInNetwork(own, all, target, known);
      const onDevice = await beginOnDevice(counter(`attempt/${who}/device/${keyHash(device)}`, perDevice), known);
      if (onDevice.allowed) return onDevice;
      const inNetwork = await beginInNetwork(own, all, target, known);
      return inNetwork.allowed ? inNetwork : sooner(onDevice, inNetwork);
    },

    async clear(user) {
      const partition = partitionOf(user);
      const names: string[] = [];
      for await (const { name } of store.list(partition, `attempt/${keyHash(user)}/`)) names.push(name);
      names.push(...(await codeCounterNames(store, user)));
      for (let start = 0; start < names.length; start += REMOVED_AT_ONCE)
        await store.commit({ partition, remove: names.slice(start, start + REMOVED_AT_ONCE) });
      return names.length;
    },
  };
}

// a stranger with many networks makes many counters, and one step of the store should stay small
const REMOVED_AT_ONCE = 256;

/**
 * As whom to count what was typed and cannot be a user name. One of 4,096, so that those who mistype do not lock each other
 * out, and so that next to nothing is kept of a password that somebody typed there. Never equals a real user.
 */
export const strayUser = (provider: string, typed: string): UserId =>
  userId(provider, `~${keyHash(typed).slice(0, STRAY_CHARACTERS)}`);

// twice six bits
const STRAY_CHARACTERS = 2;
