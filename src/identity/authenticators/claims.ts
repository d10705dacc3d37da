import { type Subject, userId } from '../../core/subject.ts';

/** Which claims a provider's lists are in. */
export interface ClaimNames {
  /** claim of the groups */
  readonly groups: string;
  /** claim of the roles; undefined: tokens of this provider give none */
  readonly roles: string | undefined;
}

/** When a token counts, seconds since 1970 as it says itself (RFC 7519 2, NumericDate). */
export interface TokenTimes {
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** What a verified token says, copied claim by claim. */
export interface TokenIdentity {
  readonly subject: Subject;
  readonly jti: string | undefined;
}

// end of the year 9999: whatever lies beyond is a mistake or an attempt
const MAX_SECONDS = 253_402_300_799;
/** Whether a claim is an instant: a number of seconds that a year of four digits has (RFC 7519 2, NumericDate). */
export const isSeconds = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 && value <= MAX_SECONDS;

/**
 * The instants of a token, or what is wrong with them. Whether they hold now is asked where the signature is verified;
 * here is what libraries take for granted: that they are numbers, and that they are in order.
 */
export function timesOf(claims: ReadonlyMap<string, unknown>): TokenTimes | string {
  const [issuedAt, expiresAt, notBefore] = [claims.get('iat'), claims.get('exp'), claims.get('nbf')];
  if (!isSeconds(expiresAt)) return 'bad exp';
  if (!isSeconds(issuedAt)) return 'bad iat';
  if (claims.has('nbf') && !isSeconds(notBefore)) return 'bad nbf';
  if (expiresAt <= issuedAt) return 'exp not after iat';
  return { issuedAt, expiresAt };
}

const MAX_ID_LENGTH = 256;
// C0, DEL, C1, the separators that some readers take for an end of line, and marks that turn the direction of text
// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what is being looked for
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
/** Whether a value is a `sub` or `jti` as we accept it. */
export const isTokenId = (value: unknown): value is string =>
  typeof value === 'string' &&
  value !== '' &&
  value.length <= MAX_ID_LENGTH &&
  value.isWellFormed() &&
  !CONTROLS.test(value);

/** Registered claims that are about the token and not about who it is. */
const ABOUT_THE_TOKEN: ReadonlySet<string> = new Set(['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti']);

/**
 * Who a token is about, or what is wrong with it. A claim that is there and has the wrong type refuses the token: read as
 * absent it could keep a rule from denying. Further claims are kept when policies can compare them: text, finite numbers,
 * booleans, lists of text.
 */
export function identityOf(
  claims: ReadonlyMap<string, unknown>,
  provider: string,
  names: ClaimNames,
): TokenIdentity | string {
  // bound to a key of its sender (RFC 7800), whom nobody asks for a proof here: as a plain bearer token it is stolen goods
  if (claims.has('cnf')) return 'bound to a key';
  const sub = claims.get('sub');
  if (!isTokenId(sub)) return 'bad sub';
  const jti = claims.get('jti');
  if (jti !== undefined && !isTokenId(jti)) return 'bad jti';
  for (const name of ['email', 'name', 'acr', 'client_id', 'azp']) {
    if (!isAbsentOr('string', claims.get(name))) return `bad ${name}`;
  }
  if (!isAbsentOr('boolean', claims.get('email_verified'))) return 'bad email_verified';
  const groups = listOf(claimAt(claims, names.groups));
  if (groups === undefined) return `bad ${names.groups}`;
  const roles = names.roles === undefined ? [] : listOf(claimAt(claims, names.roles));
  if (roles === undefined) return `bad ${names.roles}`;
  const email = text(claims, 'email');
  const name = text(claims, 'name');
  const clientIs = (claim: string): boolean => claims.get(claim) === sub;
  const isService = email === undefined && name === undefined && (clientIs('client_id') || clientIs('azp'));
  const subject: Subject = Object.freeze({
    user: userId(provider, sub),
    provider,
    sub,
    kind: isService ? 'service' : 'person',
    email,
    emailVerified: (claims.get('email_verified') ?? undefined) as boolean | undefined,
    name,
    groups,
    roles,
    acr: text(claims, 'acr'),
    claims: furtherClaims(claims),
  });
  return { subject, jti };
}

/** `null` is how some issuers write that there is none. */
const isAbsentOr = (type: 'string' | 'boolean', value: unknown): boolean =>
  value === undefined || value === null || typeof value === type;

const text = (claims: ReadonlyMap<string, unknown>, name: string): string | undefined =>
  (claims.get(name) ?? undefined) as string | undefined;

/** A claim by its name; where no claim has that name its dots lead into objects, as in `realm_access.roles`. */
function claimAt(claims: ReadonlyMap<string, unknown>, name: string): unknown {
  if (claims.has(name)) return claims.get(name);
  const [first, ...rest] = name.split('.');
  return rest.reduce<unknown>(
    (value, step) =>
      typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, step)
        ? Reflect.get(value, step)
        : undefined,
    claims.get(first as string),
  );
}

/** A list of text; one text is a list of one, none is an empty one. Undefined for anything else. */
function listOf(value: unknown): readonly string[] | undefined {
  if (value === undefined || value === null) return NOTHING;
  const list = typeof value === 'string' ? [value] : value;
  return isTexts(list) ? Object.freeze([...list]) : undefined;
}

const NOTHING: readonly string[] = Object.freeze([]);
const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

function furtherClaims(claims: ReadonlyMap<string, unknown>): Subject['claims'] {
  const further = new Map<string, string | number | boolean | readonly string[]>();
  for (const [name, value] of claims) {
    if (ABOUT_THE_TOKEN.has(name)) continue;
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') further.set(name, value);
    else if (isTexts(value)) further.set(name, Object.freeze([...value]));
  }
  return further;
}
