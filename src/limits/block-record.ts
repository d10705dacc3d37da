import { hash as digest } from 'node:crypto';
import { type BlockId, type BlockSubject, blockedName } from '../core/block.ts';
import { DEVICE_ID } from '../core/device.ts';
import type { SessionId } from '../core/session.ts';
import type { Entry, Json, StoreKey } from '../core/store.ts';
import { partitionOf, type UserId, userId } from '../core/subject.ts';
import { readNetwork } from './network.ts';

/** A block as the store knows it (S5). Instants are wall-clock ms. */
export interface Block {
  readonly id: BlockId;
  readonly subject: BlockSubject;
  /** it ends by itself, of a token a leeway later; undefined: it does not */
  readonly until: number | undefined;
  readonly at: number;
  /** who did it: `cli:root`, `admin:token` */
  readonly by: string;
  /** in the words of whoever did it; may be empty */
  readonly reason: string;
}

/** Names of all blocks begin so. */
export const BLOCK_PREFIX = 'block/';

const BLOCK_ID = /^blk_([0-3][0-9a-f])([A-Za-z0-9_-]{43})$/;
const SESSION_ID = /^ses_([0-3][0-9a-f])[a-z2-7]{26}$/;

/** Where a block lies. The name is a hash, since a subject may be any text. */
export function blockKeyOf(subject: BlockSubject): StoreKey {
  const parts = subject.kind === 'token' ? [subject.provider, subject.jti] : [blockedName(subject)];
  const hash = digest('sha256', JSON.stringify([subject.kind, ...parts]), 'base64url');
  return { partition: partitionFor(subject), name: BLOCK_PREFIX + hash };
}

/** People and sessions lie with everything else of theirs; the others are spread like people, or all would lie on one node. */
function partitionFor(subject: BlockSubject): string {
  switch (subject.kind) {
    case 'user':
      return partitionOf(subject.user);
    case 'session':
      return SESSION_ID.exec(subject.session)?.[1] ?? '00';
    case 'token':
      return partitionOf(userId(subject.provider, subject.jti));
    case 'address':
    case 'device':
      return partitionOf(userId(subject.kind, blockedName(subject)));
  }
}

/** An id carries partition and hash, so that one read finds the block. */
export function blockIdOf(subject: BlockSubject): BlockId {
  const { partition, name } = blockKeyOf(subject);
  return `blk_${partition}${name.slice(BLOCK_PREFIX.length)}`;
}

export const isBlockId = (text: string): text is BlockId => BLOCK_ID.test(text);

/** Undefined: it is no id of a block. */
export function blockKeyOfId(id: string): StoreKey | undefined {
  const [, partition, hash] = BLOCK_ID.exec(id) ?? [];
  return partition === undefined || hash === undefined ? undefined : { partition, name: BLOCK_PREFIX + hash };
}

export const encodeBlock = ({ subject, until, at, by, reason }: Omit<Block, 'id'>): Json => ({
  ...subject,
  until: until ?? null,
  at,
  by,
  reason,
});

/** A block out of its entry, member by member; undefined when anything is not what it has to be. */
export function decodeBlock({ value }: Pick<Entry, 'value'>): Block | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const { until, at, by, reason } = value as { readonly [key: string]: Json };
  const subject = decodeSubject(value as { readonly [key: string]: Json });
  if (subject === undefined || !isInstant(at) || typeof by !== 'string' || typeof reason !== 'string') return undefined;
  // a token that is blocked for ever would be kept for ever, and for nothing
  if (!isInstant(until) && (until !== null || subject.kind === 'token')) return undefined;
  return { id: blockIdOf(subject), subject, until: until ?? undefined, at, by, reason };
}

function decodeSubject(value: { readonly [key: string]: Json }): BlockSubject | undefined {
  const { kind, network, user, session, device, provider, jti } = value;
  switch (kind) {
    case 'address':
      return isNetwork(network) ? { kind, network } : undefined;
    case 'user':
      return typeof user === 'string' && user.includes(':') ? { kind, user: user as UserId } : undefined;
    case 'session':
      return typeof session === 'string' && isSessionId(session) ? { kind, session } : undefined;
    case 'device':
      return typeof device === 'string' && DEVICE_ID.test(device)
        ? { kind, device: device as `dev_${string}` }
        : undefined;
    case 'token':
      return typeof provider === 'string' && typeof jti === 'string' ? { kind, provider, jti } : undefined;
    default:
      return undefined;
  }
}

function isNetwork(text: Json | undefined): text is string {
  const read = typeof text === 'string' ? readNetwork(text) : undefined;
  return read?.ok === true && read.network === text;
}

/** Whether text could be a session's public id (sessions/record.ts). */
export const isSessionId = (text: string): text is SessionId => SESSION_ID.test(text);

/** The end of the year 9999, wall-clock ms: the last instant that is written with four digits. */
export const LATEST_INSTANT = 253_402_300_799_999;
const isInstant = (value: Json | undefined): value is number =>
  typeof value === 'number' && value >= 0 && value <= LATEST_INSTANT;
