import type { Entry, Json, StoreKey } from '../core/store.ts';
import { partitionOf, type UserId } from '../core/subject.ts';
import { sha256 } from './record.ts';

/**
 * Between creating sessions of a user and ending all of them stands a fence: a number that every "end all" raises first.
 * A session is created on condition that the fence is still the one that was read, and keeps its number; "end all" then
 * ends those with a lower number. So a session that is being created meanwhile is either found, or never comes to be, and
 * sessions of one user can be created side by side.
 *
 * The number is max(former + 1, now): instants, so that a fence may expire without a lower number ever coming back.
 */
export const fenceKey = (user: UserId): StoreKey => ({
  partition: partitionOf(user),
  name: `session-fence/${sha256(user)}`,
});

/** 0 when there is none. A fence that cannot be read is infinitely high: nothing gets past it. */
export function fenceOf(entry: Entry | undefined): number {
  if (entry === undefined) return 0;
  return typeof entry.value === 'number' && Number.isFinite(entry.value) ? entry.value : Number.POSITIVE_INFINITY;
}

export const raisedFence = (fence: number, now: number): Json & number => Math.max(fence + 1, now);

/** All sessions of the user were ended while this one was being created; the person signs in again. */
export class SessionRefused extends Error {
  constructor() {
    super('all sessions of the user were ended while this one was being created');
    this.name = 'SessionRefused';
  }
}
