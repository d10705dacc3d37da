import type { Clock, Log } from '../core/ports.ts';
import type { SessionId } from '../core/session.ts';
import type { Store } from '../core/store.ts';
import type { Activity } from './cache.ts';
import { decodeSession, encodeSession, partitionOfId, sessionName } from './record.ts';

/** Writes last activity behind the requests (hot path, rule 4). */
export interface ActivityWriter {
  /** Notes activity at `now`; memory only. */
  touch(activity: Activity, now: number): void;
  /** what is known here and not written yet, or undefined */
  pending(id: SessionId): Activity | undefined;
  /** Writes what is due: everything (`'all'`), or what was not written for `intervalMs`. Resolves once written or given up. */
  flush(due: 'all' | number): Promise<void>;
}

const WRITES_AT_ONCE = 256;
const ATTEMPTS = 8;

export function createActivityWriter(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}): ActivityWriter {
  const { store, clock, log } = deps;
  const pending = new Map<SessionId, Activity>();
  let running: Promise<void> = Promise.resolve();

  /**
   * The condition on the version keeps a touch from bringing back an ended session, and the newest of two processes wins
   * whatever their order.
   */
  async function write(activity: Activity): Promise<void> {
    const name = sessionName(activity.id);
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const { at } = activity;
      const entry = await store.get({ partition: activity.partition, name });
      const record = entry === undefined ? undefined : decodeSession(entry.value);
      if (entry === undefined || record === undefined || record.session.ended !== undefined)
        return settle(activity, at, true);
      if (record.session.lastActivityAt >= at) return settle(activity, at, false);
      const value = encodeSession({ ...record, session: { ...record.session, lastActivityAt: at } });
      const expiry = entry.expiresAt === undefined ? {} : { expiresAt: entry.expiresAt };
      const commit = {
        partition: activity.partition,
        expect: [{ name, version: entry.version }],
        put: [{ name, value, ...expiry }],
      };
      if (await store.commit(commit)) return settle(activity, at, false);
    }
    // it stays on the list, for the next round
  }

  function settle(activity: Activity, at: number, over: boolean): void {
    activity.writtenAt = clock.now();
    if (activity.at !== at && !over) return;
    activity.pending = false;
    pending.delete(activity.id);
  }

  async function round(due: 'all' | number): Promise<void> {
    const now = clock.now();
    const list = [...pending.values()].filter((each) => due === 'all' || now - each.writtenAt >= due);
    for (let start = 0; start < list.length; start += WRITES_AT_ONCE) {
      await Promise.all(list.slice(start, start + WRITES_AT_ONCE).map(write));
    }
  }

  return {
    touch(activity, now) {
      if (!(now > activity.at) || now === Number.POSITIVE_INFINITY) return;
      activity.at = now;
      if (activity.pending) return;
      activity.pending = true;
      pending.set(activity.id, activity);
    },
    pending: (id) => pending.get(id),
    flush(due) {
      running = running
        .then(() => round(due))
        .catch((error: unknown) => {
          log.warn('last activity of sessions could not be written; it is kept and tried again', {
            error: String(error),
          });
        });
      return running;
    },
  };
}

/** A new activity of a session that was just read. */
export const activityOf = (id: SessionId, at: number): Activity => ({
  id,
  partition: partitionOfId(id),
  at,
  writtenAt: at,
  pending: false,
});
