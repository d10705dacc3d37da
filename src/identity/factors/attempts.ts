import type { Clock } from '../../core/ports.ts';
import type { Store } from '../../core/store.ts';
import { partitionOf, type UserId } from '../../core/subject.ts';
import { type Counted, type Counter, openCounters, type Refused, sooner } from '../counters.ts';
import { keyHash } from '../key-hash.ts';
import { openKnownDevices } from '../known-devices.ts';
import { networkOf } from '../network.ts';

/** Codes that are checked for one user from one network, or on one of their known devices, within a window. */
export const CODE_ATTEMPTS = 10;
/** ms; begins with the first attempt and is not prolonged by later ones */
export const CODE_WINDOW_MS = 15 * 60_000;
/** Wrong codes of one user in a row, from all networks and devices together; then only known devices may try. */
export const CODE_FAILURES = 100;
/** Wrong codes in a row on one known device; then it is counted as if it were not known. */
export const CODE_FAILURES_ON_DEVICE = 30;
/**
 * ms after the first of them for which failures in a row are kept. Long, for a limit that ends by itself every 15 minutes is
 * none over a year; with this one who never stops is still held to 100 codes a month. Not for ever, so that an account that
 * was attacked once and that nobody looks after opens again.
 */
export const CODE_FAILURES_MS = 30 * 24 * 3_600_000;

/** Who sends a code. */
export interface Caller {
  /** the client's */
  readonly address: string;
  /** id of the browser's device cookie, *proven* to be one of ours; undefined when there is none */
  readonly device: string | undefined;
}

export type CodeAttempt =
  | {
      readonly allowed: true;
      /** Names in the user's partition that a right code takes away, in the very step in which it is used. */
      readonly clears: readonly string[];
    }
  | Refused;

/**
 * Counts an attempt before the code is looked at: of any number at once, in any number of processes, no more than the limits
 * are checked (security rule 19; NIST SP 800-63B-4, 3.2.2). A refusal only reads.
 *
 * As with passwords (lockout.ts) attempts are counted per user and network, and on a known device by themselves; a device
 * whose attempts are used up is counted like any other in its network. Besides, failures in a row are counted over
 * everything, whatever the kind of code. A hundred of them end codes for the user, except on known devices, until one is
 * right somewhere, an administrator unlocks the user, or 30 days are over.
 *
 * What somebody can do who has the password, or a stolen session: keep the owner out of codes in a network that both share,
 * on browsers that are not known; with ten networks, or with one and some hours, use the hundred up, so that the owner gets in
 * on known devices only until they have done so or were unlocked, and then use up another. What they cannot: reach the owner's
 * known devices, however they go on, or the owner elsewhere before the hundred are gone; and guess, to speak of. An app with
 * a drift of one step takes three of a million codes, so a hundred guesses find one with 3 in 10,000 (three apps: 9). Every
 * right code of the owner gives them another hundred, so a known password has to be changed all the same.
 *
 * Who stole the cookie of a known device as well has 30 guesses more, and makes that device one like any other; the owner's
 * further devices stay out of reach. Who signed in with the password before there was a second factor has such a cookie of
 * their own, until a new password makes all devices unknown.
 *
 * @throws StoreUnavailable
 */
export async function beginCodeAttempt(
  deps: { readonly store: Store; readonly clock: Clock },
  user: UserId,
  { address, device }: Caller,
): Promise<CodeAttempt> {
  const counters = openCounters(deps);
  const partition = partitionOf(user);
  const counter = (name: string, limit: number, windowMs: number): Counter => ({
    key: { partition, name },
    limit,
    windowMs,
  });
  const inWindow = (name: string) => counter(`${attemptsPrefix(user)}${name}`, CODE_ATTEMPTS, CODE_WINDOW_MS);
  const inRow = (name: string, limit: number) => counter(`${failuresPrefix(user)}${name}`, limit, CODE_FAILURES_MS);

  const all = inRow('all', CODE_FAILURES);
  const inNetwork = [inWindow(keyHash(networkOf(address))), all];
  if (device === undefined || !(await openKnownDevices(deps).isKnown(user, device))) {
    return (await count(inNetwork)) ?? { allowed: true, clears: namesOf(inNetwork) };
  }
  const name = `device/${keyHash(device)}`;
  const onDevice = [inWindow(name), inRow(name, CODE_FAILURES_ON_DEVICE)];
  const deviceFull = await count(onDevice);
  if (deviceFull === undefined) {
    await counters.add(all);
    return { allowed: true, clears: namesOf([...onDevice, all]) };
  }
  const networkFull = await count(inNetwork);
  return networkFull === undefined
    ? { allowed: true, clears: namesOf([...onDevice, ...inNetwork]) }
    : sooner(deviceFull, networkFull);

  /**
   * Counts on all of them, or says which is full: the one that opens last. The narrow one comes first, so that whoever sends a
   * hundred codes at once from one network has ten of them counted in a row, and not a hundred.
   */
  async function count(on: readonly Counter[]): Promise<Refused | undefined> {
    // looked at before anything is written: what is refused anyway must not keep the disk busy
    const before = await Promise.all(on.map(async (each) => [each, await counters.read(each)] as const));
    const [full] = before.filter(([{ limit }, { count }]) => !(count < limit)).sort(byEnd);
    if (full !== undefined) return counters.refused(...full);
    for (const each of on) {
      const now = await counters.add(each);
      if (now.count > each.limit) return counters.refused(each, now);
    }
    return undefined;
  }
}

/** Names of all that was counted of a user's codes, in the user's partition: what unlocking takes away. */
export async function codeCounterNames(store: Store, user: UserId): Promise<readonly string[]> {
  const names: string[] = [];
  for (const prefix of [attemptsPrefix(user), failuresPrefix(user)])
    for await (const { name } of store.list(partitionOf(user), prefix)) names.push(name);
  return names;
}

const attemptsPrefix = (user: UserId): string => `code-attempt/${keyHash(user)}/`;
const failuresPrefix = (user: UserId): string => `code-failure/${keyHash(user)}/`;
const namesOf = (counters: readonly Counter[]): readonly string[] => counters.map(({ key }) => key.name);
const byEnd = (a: readonly [Counter, Counted], b: readonly [Counter, Counted]): number => b[1].endsAt - a[1].endsAt;
