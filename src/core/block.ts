import type { DeviceId } from './device.ts';
import type { SessionId } from './session.ts';
import type { Change } from './store.ts';
import type { UserId } from './subject.ts';

/** Public name of a block: the same subject has always the same. Not a secret. */
export type BlockId = `blk_${string}`;

/** What can be blocked. */
export type BlockSubject =
  /** a network in its one spelling (limits/network.ts); one address is a /32 or /128 */
  | { readonly kind: 'address'; readonly network: string }
  | { readonly kind: 'user'; readonly user: UserId }
  | { readonly kind: 'session'; readonly session: SessionId }
  | { readonly kind: 'device'; readonly device: DeviceId }
  /** one token of an issuer that is not ours; a `jti` is unique only at its provider (RFC 7519 4.1.7) */
  | { readonly kind: 'token'; readonly provider: string; readonly jti: string };
export type BlockKind = BlockSubject['kind'];
export const BLOCK_KINDS = ['address', 'user', 'session', 'device', 'token'] as const satisfies readonly BlockKind[];

/** What is blocked, without its kind, as people read it. */
export function blockedName(subject: BlockSubject): string {
  switch (subject.kind) {
    case 'address':
      return subject.network;
    case 'user':
      return subject.user;
    case 'session':
      return subject.session;
    case 'device':
      return subject.device;
    case 'token':
      return `${subject.provider}/${subject.jti}`;
  }
}

/** What a change of kind `block` tells: enough to remember the block without reading it. */
export interface BlockChange {
  readonly kind: string;
  readonly name: string;
  /** wall-clock ms; 0: it was lifted, infinity: it never ends */
  readonly until: number;
}

/** The subject of that change: kind, name and end. Undefined: of a block that could not be read, so anything may have been blocked. */
export const blockChange = (subject: BlockSubject | undefined, until: number): Change => ({
  kind: 'block',
  subject: subject === undefined ? UNREADABLE : `${subject.kind} ${blockedName(subject)} ${until}`,
});

/** Undefined: it cannot be read, and whoever remembers something about blocks had better forget it. */
export function readBlockChange(subject: string): BlockChange | undefined {
  const [first, last] = [subject.indexOf(' '), subject.lastIndexOf(' ')];
  const until = Number(subject.slice(last + 1));
  if (first < 0 || last <= first || Number.isNaN(until)) return undefined;
  return { kind: subject.slice(0, first), name: subject.slice(first + 1, last), until };
}

const UNREADABLE = '?';
