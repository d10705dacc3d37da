import { hash as digest } from 'node:crypto';
import type { Entry, Json, StoreKey } from '../core/store.ts';
import { partitionOf, userId } from '../core/subject.ts';

/** What can be blocked: one token of an issuer that is not ours. A `jti` is unique only at its provider (RFC 7519 4.1.7). */
export interface BlockSubject {
  readonly kind: 'token';
  /** id of the provider */
  readonly provider: string;
  readonly jti: string;
}

/** Public name of a block: the same subject has always the same. Not a secret. */
export type BlockId = `blk_${string}`;

/** A block as the store knows it (S5). Instants are wall-clock ms. */
export interface Block {
  readonly id: BlockId;
  readonly subject: BlockSubject;
  /** it ends by itself, of a token a leeway later */
  readonly until: number;
  readonly at: number;
  /** who did it: `cli:root`, `admin:token` */
  readonly by: string;
  /** in the words of whoever did it; may be empty */
  readonly reason: string;
}

/** Names of all blocks begin so. */
export const BLOCK_PREFIX = 'block/';

const BLOCK_ID = /^blk_([0-3][0-9a-f])([A-Za-z0-9_-]{43})$/;

/**
 * Where a block lies. The name is a hash, since a subject may be any text. Tokens are spread over the partitions like people:
 * blocks of one issuer must not all lie on one node.
 */
export function blockKeyOf({ kind, provider, jti }: BlockSubject): StoreKey {
  const hash = digest('sha256', JSON.stringify([kind, provider, jti]), 'base64url');
  return { partition: partitionOf(userId(provider, jti)), name: BLOCK_PREFIX + hash };
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
  until,
  at,
  by,
  reason,
});

/** A block out of its entry, member by member; undefined when anything is not what it has to be. */
export function decodeBlock({ value }: Pick<Entry, 'value'>): Block | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const { kind, provider, jti, until, at, by, reason } = value as { readonly [key: string]: Json };
  if (kind !== 'token' || typeof provider !== 'string' || typeof jti !== 'string') return undefined;
  if (!isInstant(until) || !isInstant(at) || typeof by !== 'string' || typeof reason !== 'string') return undefined;
  const subject = { kind, provider, jti } as const;
  return { id: blockIdOf(subject), subject, until, at, by, reason };
}

/** The end of the year 9999, wall-clock ms: the last instant that is written with four digits. */
export const LATEST_INSTANT = 253_402_300_799_999;
const isInstant = (value: Json | undefined): value is number =>
  typeof value === 'number' && value >= 0 && value <= LATEST_INSTANT;
