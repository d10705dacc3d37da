import { hash } from 'node:crypto';
import { LEVELS, METHODS, type Proof } from '../core/decision.ts';
import { DEVICE_ID, type DeviceId } from '../core/device.ts';
import type { Session, SessionId } from '../core/session.ts';
import type { Json } from '../core/store.ts';
import type { Subject, UserId } from '../core/subject.ts';

/** A session as it is stored: with the user's fence that was in force when it was made (`fence.ts`), and its secrets. */
export interface SessionRecord {
  readonly session: Session;
  readonly fence: number;
  /** the SHA-256 of the secret of each host, so that a new one can void the old one; one per host */
  readonly secrets: readonly { readonly host: string; readonly hash: string }[];
}

/** How long an over session is still known as over, ms: it reads as expired or ended instead of as never heard of. */
export const TOMBSTONE_MS = 10 * 60_000;

/** Secret of one host: `<partition>.<256 random bits>`. The store holds only its SHA-256 (security 17). */
export const COOKIE_LENGTH = 46;
const COOKIE = /^[0-3][0-9a-f]\.[A-Za-z0-9_-]{43}$/;
const SESSION_ID = /^ses_[0-3][0-9a-f][a-z2-7]{26}$/;

/** Whether text could be a cookie of ours. Costs 0.1 µs and no memory: garbage never gets as far as a hash. */
export const isCookie = (text: string): boolean => text.length === COOKIE_LENGTH && COOKIE.test(text);
export const isSessionId = (text: string): text is SessionId => SESSION_ID.test(text);

export const partitionOfCookie = (cookie: string): string => cookie.slice(0, 2);
/** A session's public id carries its partition, so that one read finds it. */
export const partitionOfId = (id: SessionId): string => id.slice(4, 6);
export const sha256 = (text: string): string => hash('sha256', text, 'base64url');

/** Names of keys. A user id may be any text of any provider, so it goes into a name as its hash. */
export const sessionName = (id: SessionId): string => `session/${id}`;
export const secretName = (secretHash: string): string => `secret/${secretHash}`;
export const userPrefix = (user: UserId): string => `user-session/${sha256(user)}/`;
export const userSessionName = (user: UserId, id: SessionId): string => `${userPrefix(user)}${id}`;

export function encodeSecret(id: SessionId, host: string): Json {
  return { session: id, host };
}

/** What is left for a while of a secret that a newer one took the place of: it opens nothing, and is known for what it was. */
export const REPLACED: Json = { replaced: true };

export function decodeSecret(value: Json): { readonly id: SessionId; readonly host: string } | 'replaced' | undefined {
  if (!isRecord(value)) return undefined;
  const { session, host, replaced } = value;
  if (replaced === true) return 'replaced';
  return typeof session === 'string' && isSessionId(session) && typeof host === 'string'
    ? { id: session, host }
    : undefined;
}

/** JSON of a session. Claims are pairs, because their names are not ours and must never become property names. */
export function encodeSession({ session, fence, secrets }: SessionRecord): Json {
  const { subject } = session;
  return {
    id: session.id,
    partition: session.partition,
    subject: { ...withoutUndefined(subject), claims: [...subject.claims].map(([name, value]) => [name, value]) },
    createdAt: session.createdAt,
    lastActivityAt: session.lastActivityAt,
    absoluteExpiryAt: session.absoluteExpiryAt,
    proofs: session.proofs.map(({ method, level, at, factor }) => ({
      ...(method === undefined ? {} : { method }),
      level,
      at,
      ...(factor === undefined ? {} : { factor }),
    })),
    address: session.address,
    userAgent: session.userAgent,
    ...(session.device === undefined ? {} : { device: session.device }),
    ended: session.ended === undefined ? null : { ...session.ended },
    fence,
    secrets: secrets.map(({ host, hash }) => [host, hash]),
  };
}

/** A session out of its JSON, rebuilt member by member; undefined when anything is not what it has to be. */
export function decodeSession(value: Json): SessionRecord | undefined {
  if (!isRecord(value)) return undefined;
  const { id, partition, createdAt, lastActivityAt, absoluteExpiryAt, address, userAgent, device, fence } = value;
  const subject = decodeSubject(value.subject);
  const proofs = decodeProofs(value.proofs);
  const ended = value.ended === null ? undefined : decodeEnded(value.ended);
  const secrets = decodeSecrets(value.secrets);
  if (
    typeof id !== 'string' ||
    !isSessionId(id) ||
    partition !== partitionOfId(id) ||
    !isNumber(createdAt) ||
    !isNumber(lastActivityAt) ||
    !isNumber(absoluteExpiryAt) ||
    !isNumber(fence) ||
    typeof address !== 'string' ||
    typeof userAgent !== 'string' ||
    !(device === undefined || (typeof device === 'string' && DEVICE_ID.test(device))) ||
    subject === undefined ||
    proofs === undefined ||
    secrets === undefined ||
    (value.ended !== null && ended === undefined)
  ) {
    return undefined;
  }
  const session = {
    id,
    partition,
    subject,
    createdAt,
    lastActivityAt,
    absoluteExpiryAt,
    proofs,
    address,
    userAgent,
    ended,
    ...(device === undefined ? {} : { device: device as DeviceId }),
  };
  return { session, fence, secrets };
}

function decodeSubject(value: Json | undefined): Subject | undefined {
  if (!isRecord(value)) return undefined;
  const { user, provider, sub, kind, email, emailVerified, name, groups, roles, acr } = value;
  const claims = decodeClaims(value.claims);
  if (typeof provider !== 'string' || typeof sub !== 'string' || user !== `${provider}:${sub}`) return undefined;
  if (kind !== 'person' && kind !== 'service') return undefined;
  if (!isOptional(email, 'string') || !isOptional(name, 'string') || !isOptional(acr, 'string')) return undefined;
  if (!isOptional(emailVerified, 'boolean') || !isTexts(groups) || !isTexts(roles) || claims === undefined)
    return undefined;
  return {
    user: user as UserId,
    provider,
    sub,
    kind,
    email: email as string | undefined,
    emailVerified: emailVerified as boolean | undefined,
    name: name as string | undefined,
    groups,
    roles,
    acr: acr as string | undefined,
    claims,
  };
}

function decodeClaims(value: Json | undefined): Subject['claims'] | undefined {
  if (!Array.isArray(value)) return undefined;
  const claims = new Map<string, string | number | boolean | readonly string[]>();
  for (const pair of value as readonly Json[]) {
    if (!Array.isArray(pair) || pair.length !== 2) return undefined;
    const [name, claim] = pair as readonly Json[];
    const isScalar = typeof claim === 'string' || typeof claim === 'boolean' || isNumber(claim);
    if (typeof name !== 'string' || claim === undefined || !(isScalar || isTexts(claim))) return undefined;
    claims.set(name, claim as string | number | boolean | readonly string[]);
  }
  return claims;
}

function decodeProofs(value: Json | undefined): readonly Proof[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const proofs: Proof[] = [];
  for (const proof of value as readonly Json[]) {
    if (!isRecord(proof)) return undefined;
    const method = METHODS.find((each) => each === proof.method);
    const level = LEVELS.find((each) => each === proof.level);
    if (level === undefined || !isNumber(proof.at) || (proof.method !== undefined && method === undefined))
      return undefined;
    const { factor } = proof;
    if (!isOptional(factor, 'string')) return undefined;
    proofs.push({ method, level, at: proof.at, ...(factor === undefined ? {} : { factor: factor as string }) });
  }
  return proofs;
}

function decodeSecrets(value: Json | undefined): SessionRecord['secrets'] | undefined {
  if (!Array.isArray(value)) return undefined;
  const secrets: { host: string; hash: string }[] = [];
  for (const pair of value as readonly Json[]) {
    if (!isTexts(pair) || pair.length !== 2) return undefined;
    secrets.push({ host: pair[0] as string, hash: pair[1] as string });
  }
  return secrets;
}

function decodeEnded(value: Json | undefined): NonNullable<Session['ended']> | undefined {
  if (!isRecord(value)) return undefined;
  const { at, by, reason } = value;
  return isNumber(at) && typeof by === 'string' && typeof reason === 'string' ? { at, by, reason } : undefined;
}

const isRecord = (value: Json | undefined): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isNumber = (value: Json | undefined): value is number => Number.isFinite(value);
const isTexts = (value: Json | undefined): value is readonly string[] =>
  Array.isArray(value) && value.every((member) => typeof member === 'string');
const isOptional = (value: Json | undefined, type: 'string' | 'boolean'): boolean =>
  value === undefined || typeof value === type;

function withoutUndefined(subject: Subject): { [key: string]: Json } {
  const { claims: _, ...rest } = subject;
  return Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)) as { [key: string]: Json };
}
