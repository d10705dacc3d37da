import { type CryptoKey, importJWK, type JWK } from 'jose';

/** Algorithms that a provider may be configured for: public keys alone, so no HMAC and no `none` (RFC 8725 3.2). */
export const ALGORITHMS = [
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** What kind of key each algorithm takes, and on which curve: a key is never used for another. */
const KEY_OF: Readonly<Record<Algorithm, { readonly kty: string; readonly crv: string | undefined }>> = {
  ES256: { kty: 'EC', crv: 'P-256' },
  ES384: { kty: 'EC', crv: 'P-384' },
  ES512: { kty: 'EC', crv: 'P-521' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519' },
  Ed25519: { kty: 'OKP', crv: 'Ed25519' },
  RS256: { kty: 'RSA', crv: undefined },
  RS384: { kty: 'RSA', crv: undefined },
  RS512: { kty: 'RSA', crv: undefined },
  PS256: { kty: 'RSA', crv: undefined },
  PS384: { kty: 'RSA', crv: undefined },
  PS512: { kty: 'RSA', crv: undefined },
};

/** One public key of an issuer. */
export interface PublicKey {
  /** its public members as text: the same key is the same id, in whatever set */
  readonly id: string;
  /** The key, typed for one algorithm; undefined when its numbers are no key. Made once. */
  forAlgorithm(alg: Algorithm): Promise<CryptoKey | undefined>;
}

/** The keys that an issuer has published (RFC 7517 5). */
export interface KeySet {
  readonly size: number;
  /** The one key of this id, or without one the only key, that fits the algorithm; undefined when there is none or several. */
  find(kid: string | undefined, alg: Algorithm): PublicKey | undefined;
  has(id: string): boolean;
}

const MAX_KEYS = 100;

/**
 * Reads a JWKS. Keys that are of no use here (symmetric, for encryption, too short, odd) are left out, as RFC 7517 5 wants;
 * their public members are all that is ever copied.
 *
 * @throws TypeError, with a sentence, when the text is not a set of keys at all
 */
export function parseKeySet(text: string): KeySet {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new TypeError('not JSON');
  }
  const list: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'keys') : undefined;
  if (!Array.isArray(list)) throw new TypeError('no list "keys"');
  if (list.length > MAX_KEYS) throw new TypeError(`more than ${MAX_KEYS} keys`);
  const keys = list.flatMap((item) => readKey(item) ?? []);
  const ids = new Set(keys.map(({ id }) => id));
  return {
    size: keys.length,
    has: (id) => ids.has(id),
    find(kid, alg) {
      const fit = keys.filter((key) => (kid === undefined || key.kid === kid) && key.fits(alg));
      // two keys of one name: which of them was meant nobody can say
      return fit.length === 1 ? fit[0] : undefined;
    },
  };
}

interface ReadKey extends PublicKey {
  readonly kid: string | undefined;
  fits(alg: Algorithm): boolean;
}

function readKey(value: unknown): ReadKey | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const member = (name: string): unknown => (Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined);
  const [kid, use, operations, declared] = [member('kid'), member('use'), member('key_ops'), member('alg')];
  if (kid !== undefined && typeof kid !== 'string') return undefined;
  if (use !== undefined && use !== 'sig') return undefined;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return undefined;
  // whoever can read this set could sign: such a key proves nothing
  if (member('d') !== undefined || member('k') !== undefined) return undefined;
  const jwk = publicMembers(member);
  if (jwk === undefined) return undefined;
  const made = new Map<Algorithm, Promise<CryptoKey | undefined>>();
  return {
    id: JSON.stringify(jwk),
    kid,
    fits: (alg) =>
      KEY_OF[alg].kty === jwk.kty && KEY_OF[alg].crv === jwk.crv && (declared === undefined || declared === alg),
    forAlgorithm(alg) {
      const known = made.get(alg) ?? importPublic(jwk, alg);
      made.set(alg, known);
      return known;
    },
  };
}

const BASE64URL = /^[A-Za-z0-9_-]{1,1400}$/;
/** RSA: 2048 bits at least (RFC 7518 3.3), 8192 at most, since verifying with a huge one is work for us. Characters of base64url. */
const MIN_MODULUS = 342;
const MAX_MODULUS = 1366;
/** exponents are 65537 and the like */
const MAX_EXPONENT = 8;

function publicMembers(member: (name: string) => unknown): JWK | undefined {
  const [kty, crv, x, y, n, e] = ['kty', 'crv', 'x', 'y', 'n', 'e'].map(member);
  const isNumber = (value: unknown): value is string => typeof value === 'string' && BASE64URL.test(value);
  if (kty === 'EC' && typeof crv === 'string' && isNumber(x) && isNumber(y)) return { kty, crv, x, y };
  if (kty === 'OKP' && typeof crv === 'string' && isNumber(x)) return { kty, crv, x };
  if (kty !== 'RSA' || !isNumber(n) || !isNumber(e)) return undefined;
  return n.length >= MIN_MODULUS && n.length <= MAX_MODULUS && e.length <= MAX_EXPONENT ? { kty, n, e } : undefined;
}

async function importPublic(jwk: JWK, alg: Algorithm): Promise<CryptoKey | undefined> {
  try {
    const key = await importJWK(jwk, alg);
    // bytes would be a symmetric key
    return key instanceof Uint8Array ? undefined : key;
  } catch {
    // a point that is not on its curve, say: the token that names it is refused
    return undefined;
  }
}
