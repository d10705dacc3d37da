import type { MaybePromise } from '../core/assert-never.ts';
import type { Log } from '../core/ports.ts';
import type { Session, SessionId } from '../core/session.ts';
import type { Store } from '../core/store.ts';
import { decodeSession, partitionOfId, sessionName } from './record.ts';

/** A session that was ended; or `everything`: the store cannot tell any more, so every open connection has to be judged anew. */
export type SessionEnd =
  | { readonly session: SessionId; readonly ended: NonNullable<Session['ended']> | undefined }
  | { readonly everything: true };

/** Called for every end this process learns of; what it returns is awaited before a revocation made here resolves. */
export type EndListener = (end: SessionEnd) => MaybePromise<void>;

export interface EndListeners {
  add(listener: EndListener): () => void;
  count(): number;
  /** A session changed: if that was its end, the listeners hear of it. */
  changed(id: SessionId): void;
  forgotten(): void;
  /** Resolves once everything told so far was dealt with. */
  settled(): Promise<void>;
}

export function createEndListeners(deps: { readonly store: Store; readonly log: Log }): EndListeners {
  const listeners = new Set<EndListener>();
  const telling = new Set<Promise<void>>();

  async function tell(find: () => Promise<SessionEnd | undefined>): Promise<void> {
    const end = await find();
    if (end === undefined) return;
    for (const listener of [...listeners]) {
      try {
        await listener(end);
      } catch (error) {
        deps.log.error('a listener for the end of sessions failed', { error: String(error) });
      }
    }
  }

  function begin(find: () => Promise<SessionEnd | undefined>): void {
    if (listeners.size === 0) return;
    const work = tell(find).finally(() => telling.delete(work));
    telling.add(work);
  }

  async function endOf(id: SessionId): Promise<SessionEnd | undefined> {
    try {
      const entry = await deps.store.get({ partition: partitionOfId(id), name: sessionName(id) });
      const session = entry === undefined ? undefined : decodeSession(entry.value)?.session;
      if (session !== undefined && session.ended === undefined) return undefined;
      return { session: id, ended: session?.ended };
    } catch {
      // it changed and cannot be read: for an open connection that is as good as ended
      return { session: id, ended: undefined };
    }
  }

  return {
    add(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    count: () => listeners.size,
    changed: (id) => begin(() => endOf(id)),
    forgotten: () => begin(async () => ({ everything: true })),
    async settled() {
      await Promise.all(telling);
    },
  };
}
