import type { Session } from '../core/session.ts';

/** How long a session lives, ms (S2). */
export interface SessionLimits {
  /** without activity */
  readonly idleMs: number;
  /** idle is never judged to be shorter than this */
  readonly floorMs: number;
  /** whatever happens */
  readonly absoluteMs: number;
}

/** Throws a TypeError unless all limits are positive and finite: `age > NaN` is false, and nothing would ever expire. */
export function checkLimits(limits: SessionLimits): SessionLimits {
  for (const name of ['idleMs', 'floorMs', 'absoluteMs'] as const) {
    const value = limits[name];
    if (!(Number.isFinite(value) && value > 0)) throw new TypeError(`session limit ${name} is ${value}`);
  }
  return { idleMs: limits.idleMs, floorMs: limits.floorMs, absoluteMs: limits.absoluteMs };
}

export const idleLimit = (limits: SessionLimits): number => Math.max(limits.floorMs, limits.idleMs);

/** Written so that a NaN anywhere means expired. A limit that was lowered at a reload holds for older sessions too. */
export function isExpired(session: Session, lastActivityAt: number, limits: SessionLimits, now: number): boolean {
  const alive =
    now < session.absoluteExpiryAt &&
    now < session.createdAt + limits.absoluteMs &&
    now - lastActivityAt <= idleLimit(limits);
  return !alive;
}

/** Activity is written at most once per session in this time, ms (hot path, rule 4). */
export const writeInterval = (limits: SessionLimits): number => Math.max(30_000, idleLimit(limits) / 20);
