import type { SessionId } from '../core/session.ts';
import type { Store } from '../core/store.ts';
import { isExpired, type SessionLimits } from './limits.ts';
import { decodeSession, partitionOfId, sessionName } from './record.ts';

/** How many sessions were ended, in whatever process, since this one began to look. */
export interface EndedCount {
  /** A session changed; it is only noted here, and read later. */
  changed(id: SessionId): void;
  /** Reads what was noted and was not read yet. What cannot be read now is counted another time. Never rejects. */
  total(): Promise<number>;
}

/** So many are noted before they are read although nobody asks; well before the store forgets them. */
const MAX_NOTED = 1024;
const READS_IN_A_TURN = 64;

/**
 * Counts ends from the changes that every process is told, so that one at the shell counts like one made here. Whoever learns
 * of a change is mostly a request, so the reading is left to whoever asks for the number. An end is told by exactly one
 * change; one of a session that had expired before took nothing from anybody and is not counted.
 */
export function createEndedCount(deps: { readonly store: Store; readonly limits: () => SessionLimits }): EndedCount {
  const noted = new Set<SessionId>();
  let count = 0;
  let reading: Promise<void> | undefined;

  async function read(): Promise<void> {
    await nextTurn();
    let reads = 0;
    for (const id of noted) {
      const entry = await deps.store.get({ partition: partitionOfId(id), name: sessionName(id) });
      noted.delete(id);
      const session = entry === undefined ? undefined : decodeSession(entry.value)?.session;
      if (session?.ended !== undefined) {
        count += isExpired(session, session.lastActivityAt, deps.limits(), session.ended.at) ? 0 : 1;
      }
      reads += 1;
      if (reads % READS_IN_A_TURN === 0) await nextTurn();
    }
  }

  function begin(): Promise<void> {
    reading ??= read()
      .catch(() => {
        // what was not read is still noted, and whoever needs the store learns of it by itself
      })
      .finally(() => {
        reading = undefined;
      });
    return reading;
  }

  return {
    changed(id) {
      noted.add(id);
      if (noted.size >= MAX_NOTED) void begin();
    },
    async total() {
      if (noted.size > 0) await begin();
      return count;
    },
  };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
