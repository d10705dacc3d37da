import { deviceCookieName, setCookie } from '../core/cookies.ts';
import type { RequestFacts } from '../core/facts.ts';
import type { Random } from '../core/ports.ts';
import type { UserId } from '../core/subject.ts';
import type { KnownDevices } from '../identity/known-devices.ts';
import { mac, verifyMac } from '../keys/mac.ts';

/**
 * The device cookie: a browser's random name and a proof that we made it. It says nothing of who is signed in and grants
 * nothing; the limits of guessing alone read it, to tell a browser on which somebody signed in before from strangers (security
 * rule 19).
 */
export interface DeviceCookies {
  /** The proven id; undefined when there is no cookie, more than one, or one that we did not make: told from each other nowhere. */
  idOf(facts: Pick<RequestFacts, 'deviceCookie'>): string | undefined;
  /**
   * The id under which this browser becomes known for `user`: the one it has, unless the devices of the user were forgotten
   * since it was known for them, for whoever has a copy of that cookie must not become known again with it.
   * @throws StoreUnavailable
   */
  choose(facts: Pick<RequestFacts, 'deviceCookie'>, user: UserId): Promise<string>;
  /**
   * Makes a browser known for `user` by a chosen id and gives the Set-Cookie value that says so for another year, signed with
   * the newest key. To be called when the sign-in is complete.
   * @throws StoreUnavailable
   */
  remember(id: string, user: UserId, secure: boolean): Promise<string>;
}

/** seconds: a year; browsers keep nothing longer than 400 days */
export const DEVICE_COOKIE_SECONDS = 31_536_000;
const PURPOSE = 'device';
const ID_BYTES = 16;
/** `<128 random bits>.<HMAC-SHA-256>`, both in base64url */
const COOKIE = /^([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})$/;

/** `keys` are derived for this alone: the first signs, all verify; never empty. */
export function openDeviceCookies(
  deps: { readonly random: Random; readonly known: Pick<KnownDevices, 'remember' | 'isForgotten'> },
  keys: readonly Uint8Array[],
): DeviceCookies {
  const [key] = keys;
  if (key === undefined) throw new TypeError('no key for device cookies');

  function idOf({ deviceCookie }: Pick<RequestFacts, 'deviceCookie'>): string | undefined {
    const [, id, proof] = COOKIE.exec(deviceCookie ?? '') ?? [];
    return id !== undefined && proof !== undefined && verifyMac(proof, keys, PURPOSE, [id]) ? id : undefined;
  }

  return {
    idOf,
    async choose(facts, user) {
      const former = idOf(facts);
      const keeps = former !== undefined && !(await deps.known.isForgotten(user, former));
      return keeps ? former : Buffer.from(deps.random.bytes(ID_BYTES)).toString('base64url');
    },
    async remember(id, user, secure) {
      await deps.known.remember(user, id);
      return setCookie(deviceCookieName(secure), `${id}.${mac(key, PURPOSE, [id])}`, secure, DEVICE_COOKIE_SECONDS);
    },
  };
}
