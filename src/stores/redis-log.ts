import { hash } from 'node:crypto';
import type { Change, Cursor } from '../core/store.ts';
import { ALL_SLOTS, SLOTS } from './redis-layout.ts';

/** What is known of one slot. */
export interface SlotState {
  /** `id at`; '' when the slot has none */
  readonly birth: string;
  /** number of the newest change */
  readonly position: number;
  /** the random number that was stored with it; '' when there is no change since the birth */
  readonly nonce: string;
}

interface Logged {
  readonly slot: number;
  readonly position: number;
  readonly change: Change;
}

/**
 * This process's copy of what changed: positions of all slots, and the newest changes in the order in which they were heard.
 * Synchronous, so that a request needs no round trip to learn that nothing changed. A cursor is the birth and a vector of
 * positions: two processes that know the same have the same.
 */
export interface ChangeLog {
  /** where we are; '' before the first `reset` */
  readonly cursor: Cursor;
  readonly states: readonly SlotState[];
  readonly birth: { readonly id: string; readonly at: number };
  /** Whether everything up to these positions is here. */
  covers(positions: readonly number[]): boolean;
  /** Begins anew: all that was told before is no longer known to be complete. */
  reset(states: readonly SlotState[]): void;
  /** Changes of one slot that follow each other. What is known already is left out; a gap changes nothing and answers false. */
  append(slot: number, first: number, nonce: string, changes: readonly Change[]): boolean;
  /** Goes on at a later position of a slot whose changes in between cannot be had any more. */
  skip(slot: number, state: SlotState): void;
  changes(cursor: Cursor): { readonly cursor: Cursor; readonly changes: readonly Change[]; readonly complete: boolean };
}

/** Longest answer of `changes` (core/store). */
const CHANGES_PER_READ = 1000;
const NOTHING: SlotState = { birth: '', position: 0, nonce: '' };

/** @param keep how many changes stay in memory; the oldest go, at most twice as many are there */
export function createChangeLog(keep: number): ChangeLog {
  let states: SlotState[] = ALL_SLOTS.map(() => NOTHING);
  /** changes up to these positions are not in `entries` */
  let floors: number[] = ALL_SLOTS.map(() => 0);
  let entries: Logged[] = [];
  let birth = { id: '', at: 0 };
  let cursor: Cursor = '';

  const cursorAt = (positions: readonly number[]): Cursor =>
    `${birth.id}:${positions.map((position) => position.toString(36)).join('.')}`;
  const positions = (): number[] => states.map(({ position }) => position);

  function reset(next: readonly SlotState[]): void {
    states = [...next];
    floors = positions();
    entries = [];
    birth = {
      id: hash('sha256', states.map((state) => state.birth).join('\n'), 'base64url').slice(0, 22),
      at: Math.max(...states.map((state) => birthInstant(state.birth))),
    };
    cursor = cursorAt(floors);
  }

  function trim(): void {
    if (entries.length <= keep * 2) return;
    for (const { slot, position } of entries.slice(0, -keep)) floors[slot] = position;
    entries = entries.slice(-keep);
  }

  /**
   * What is newer than these positions. Positions leave none out, so we know how many that are; whoever was here before misses
   * the last ones, and only a cursor of another process needs all of them looked at.
   */
  function after(seen: readonly number[]): readonly Logged[] {
    const isNewer = ({ slot, position }: Logged): boolean => position > (seen[slot] ?? 0);
    const count = states.reduce((sum, { position }, slot) => sum + position - (seen[slot] ?? 0), 0);
    const tail = count === 0 ? [] : entries.slice(-count);
    return tail.every(isNewer) ? tail : entries.filter(isNewer);
  }

  return {
    get cursor() {
      return cursor;
    },
    get states() {
      return states;
    },
    get birth() {
      return birth;
    },
    covers: (wanted) => wanted.every((position, slot) => (states[slot]?.position ?? 0) >= position),
    reset,

    append(slot, first, nonce, changes) {
      const { position, birth: slotBirth } = states[slot] ?? NOTHING;
      if (cursor === '' || !(first <= position + 1)) return false;
      const last = first + changes.length - 1;
      for (const [i, change] of changes.entries()) {
        if (first + i > position) entries.push({ slot, position: first + i, change });
      }
      if (last > position) {
        states[slot] = { birth: slotBirth, position: last, nonce };
        cursor = cursorAt(positions());
        trim();
      }
      return true;
    },

    skip(slot, state) {
      states[slot] = state;
      floors[slot] = state.position;
      entries = entries.filter((entry) => entry.slot !== slot);
      cursor = cursorAt(positions());
    },

    changes(from) {
      const seen = from === cursor ? positions() : positionsOf(from, birth.id);
      const known = seen?.every((position, slot) => {
        const { position: newest } = states[slot] ?? NOTHING;
        return position >= (floors[slot] ?? 0) && position <= newest;
      });
      if (seen === undefined || known !== true) return { cursor, changes: [], complete: false };
      const missing = after(seen).slice(0, CHANGES_PER_READ);
      for (const { slot, position } of missing) seen[slot] = position;
      const reached = cursorAt(seen);
      return {
        cursor: reached === cursor ? cursor : reached,
        changes: missing.map(({ change }) => change),
        complete: true,
      };
    },
  };
}

/** Undefined for what is no cursor of this birth. */
function positionsOf(cursor: Cursor, birth: string): number[] | undefined {
  const colon = cursor.indexOf(':');
  const texts = cursor.slice(colon + 1).split('.');
  if (colon < 0 || cursor.slice(0, colon) !== birth || texts.length !== SLOTS) return undefined;
  return texts.every((text) => /^[0-9a-z]{1,11}$/.test(text))
    ? texts.map((text) => Number.parseInt(text, 36))
    : undefined;
}

/** When a birth was, wall-clock ms. */
export const birthInstant = (birth: string): number => Number(birth.slice(birth.indexOf(' ') + 1));
