import type { BlockKind, BlockSubject } from '../core/block.ts';
import { DEVICE_ID, type DeviceId } from '../core/device.ts';
import type { UserId } from '../core/subject.ts';
import { isTokenId } from '../identity/authenticators/claims.ts';
import type { IssuerOptions } from '../identity/authenticators/issuer.ts';
import { type NamedToken, namedToken } from '../identity/authenticators/named-token.ts';
import { isSessionId } from '../limits/block-record.ts';
import { LATEST_INSTANT, MAX_LEEWAY_MS } from '../limits/blocks.ts';
import { includes, includesLoopback, readNetwork } from '../limits/network.ts';

/** What somebody wants to be blocked, as the API and the command line take it. */
export interface BlockRequest {
  readonly kind: BlockKind;
  readonly network?: string | undefined;
  /** `provider:name` (block-target.ts finds it) */
  readonly user?: string | undefined;
  readonly session?: string | undefined;
  readonly device?: string | undefined;
  readonly provider?: string | undefined;
  readonly jti?: string | undefined;
  /** the token itself, instead of both */
  readonly token?: string | undefined;
  /** an instant (RFC 3339) */
  readonly until?: string | undefined;
  /** ms from now on, instead of `until` */
  readonly for?: number | undefined;
  /** a network, although it has loopback or whoever asks in it */
  readonly force?: boolean | undefined;
}

/** `field` is the one to mend; the detail is a sentence. */
export interface Refused {
  readonly ok: false;
  readonly field: keyof BlockRequest;
  readonly detail: string;
}
/** `until` is wall-clock ms; undefined: it does not end. */
export type BlockReading =
  | { readonly ok: true; readonly subject: BlockSubject; readonly until: number | undefined }
  | Refused;

export type Issuers = readonly Pick<IssuerOptions, 'provider' | 'issuer' | 'maxAgeMs' | 'leewayMs'>[];

/** Which fields say what is blocked, by kind. */
const FIELDS: Readonly<Record<BlockKind, readonly (keyof BlockRequest)[]>> = {
  address: ['network', 'force'],
  user: ['user'],
  session: ['session'],
  device: ['device'],
  token: ['provider', 'jti', 'token'],
};
const ALL_FIELDS = Object.values(FIELDS).flat();

/**
 * What is meant and until when, `now` in wall-clock ms. Unless it is said, a token is blocked until it is over: by its `exp`
 * where the token itself is there, else by the longest that its provider accepts any (`max_age`). Others do not end.
 *
 * @param from address of whoever asks, where there is one: it is not blocked by mistake
 */
export function readBlock(request: BlockRequest, issuers: Issuers, now: number, from?: string): BlockReading {
  const { kind } = request;
  const stray = ALL_FIELDS.find((field) => !FIELDS[kind].includes(field) && isSaid(request[field]));
  if (stray !== undefined) return refused(stray, `That says nothing about a block of kind ${kind}.`);
  if (kind === 'token') return readToken(request, issuers, now);
  const subject = SUBJECTS[kind](request, from);
  if ('ok' in subject) return subject;
  const until = endOf(request, now);
  if (typeof until === 'string') return wrongEnd(request, until);
  return { ok: true, subject, until: until === undefined ? undefined : Math.min(until, LATEST_INSTANT) };
}

export const refused = (field: keyof BlockRequest, detail: string): Refused => ({ ok: false, field, detail });

const isSaid = (value: unknown): boolean => value !== undefined && value !== false;
const wrongEnd = (request: BlockRequest, detail: string): Refused =>
  refused(request.for === undefined ? 'until' : 'for', detail);

const SUBJECTS: Readonly<
  Record<Exclude<BlockKind, 'token'>, (request: BlockRequest, from: string | undefined) => BlockSubject | Refused>
> = {
  address({ network: text, force }, from) {
    if (text === undefined) return refused('network', 'Say which: 203.0.113.0/24, 2001:db8::/32, or one address.');
    const read = readNetwork(text);
    if (!read.ok) return refused('network', read.detail);
    const { network } = read;
    const own = force === true ? undefined : ownAddress(network, from);
    return own === undefined ? { kind: 'address', network } : refused('force', own);
  },
  user({ user }) {
    if (user === undefined || !/^[^:]+:./.test(user)) return refused('user', 'Say which user, as provider:name.');
    return { kind: 'user', user: user as UserId };
  },
  session({ session }) {
    if (session === undefined || !isSessionId(session)) return refused('session', 'Say which session: ses_…');
    return { kind: 'session', session };
  },
  device({ device }) {
    if (device === undefined || !DEVICE_ID.test(device))
      return refused('device', 'Say which device: dev_…, as the list of sessions shows it.');
    return { kind: 'device', device: device as DeviceId };
  },
};

/** Why somebody may not have meant to block a network; undefined: nothing speaks against it. */
function ownAddress(network: string, from: string | undefined): string | undefined {
  const isOwn = includesLoopback(network) || (from !== undefined && includes(network, from.replace(/%.*$/, '')));
  if (!isOwn) return undefined;
  const whose = includesLoopback(network) ? 'this machine itself (loopback)' : `you yourself (${from})`;
  return `${network} has ${whose} in it; if it is meant, say force.`;
}

function readToken(request: BlockRequest, issuers: Issuers, now: number): BlockReading {
  const named = request.token === undefined ? byName(request, issuers, now) : byToken(request, issuers);
  if ('ok' in named) return named;
  const until = endOf(request, now) ?? named.expiresAt;
  if (typeof until === 'string') return wrongEnd(request, until);
  if (request.token !== undefined && request.until === undefined && !(until + MAX_LEEWAY_MS > now))
    return refused('token', 'It is over already, so it is refused.');
  const { provider, jti } = named;
  return { ok: true, subject: { kind: 'token', provider, jti }, until: Math.min(until, LATEST_INSTANT) };
}

function byToken(request: BlockRequest, issuers: Issuers): NamedToken | Refused {
  const { provider, jti, token = '' } = request;
  if (provider !== undefined || jti !== undefined)
    return refused('token', 'Say either the token, or its provider and jti.');
  const named = namedToken(token, issuers);
  return typeof named === 'string' ? refused('token', named) : named;
}

function byName({ provider, jti }: BlockRequest, issuers: Issuers, now: number): NamedToken | Refused {
  if (provider === undefined) return refused('provider', 'Say the provider and jti of the token, or the token itself.');
  const issuer = issuers.find((each) => each.provider === provider);
  if (issuer === undefined) {
    const known = issuers.map((each) => each.provider).join(', ');
    return refused(
      'provider',
      `No provider of type jwt is called so; ${known === '' ? 'there is none' : `there is ${known}`}.`,
    );
  }
  if (jti === undefined) return refused('jti', 'Say the jti of the token.');
  if (!isTokenId(jti)) return refused('jti', 'No token that could be accepted has such a jti.');
  return { provider, jti, expiresAt: now + issuer.maxAgeMs + issuer.leewayMs };
}

/** What `until` may look like. */
export const INSTANT = /^(\d{4}-\d\d-\d\d)T(?:[01]\d|2[0-3]):\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/;
const NO_INSTANT = 'It is no instant such as 2026-01-31T12:00:00Z.';

/** The end that was asked for; undefined: none was. A sentence says what is wrong with it. */
function endOf({ until: text, for: duration }: BlockRequest, now: number): number | string | undefined {
  if (text !== undefined && duration !== undefined) return 'Say either until when or for how long.';
  if (text === undefined && duration === undefined) return undefined;
  const until = text === undefined ? now + (duration as number) : instantOf(text);
  if (until === undefined) return NO_INSTANT;
  return until > now ? until : 'That is in the past.';
}

/** Wall-clock ms; undefined: it is none, as 31 February, which `Date.parse` takes for 3 March. */
function instantOf(text: string): number | undefined {
  const day = INSTANT.exec(text)?.[1];
  const midnight = Date.parse(`${day}T00:00:00Z`);
  if (day === undefined || Number.isNaN(midnight) || new Date(midnight).toISOString().slice(0, 10) !== day)
    return undefined;
  const instant = Date.parse(text);
  return Number.isNaN(instant) ? undefined : instant;
}
