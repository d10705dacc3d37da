import { join } from 'node:path';
import type { Remembered } from './redis-judge.ts';
import { ALL_SLOTS, SLOTS } from './redis-layout.ts';
import type { SlotState } from './redis-log.ts';
import { readMembers, replaceFile } from './small-file.ts';

const seenFile = (path: string): string => join(path, 'seen-redis');

/**
 * What processes here saw of a store before (`name` says which one). Missing, unreadable or of another store means that nothing
 * is remembered.
 */
export function readSeen(path: string, name: string): Remembered | undefined {
  const { store, at, slots } = readMembers(seenFile(path)) ?? {};
  if (store !== name || !Number.isFinite(at) || !Array.isArray(slots) || slots.length !== SLOTS) return undefined;
  const states = slots.map(stateOf);
  return states.includes(undefined) ? undefined : { at: at as number, states: states as SlotState[] };
}

function stateOf(value: unknown): SlotState | undefined {
  if (!Array.isArray(value)) return undefined;
  const [birth, position, nonce] = value as unknown[];
  if (typeof birth !== 'string' || !Number.isSafeInteger(position) || typeof nonce !== 'string') return undefined;
  return { birth, position: position as number, nonce };
}

/**
 * Writes it. Of what another process wrote meanwhile of the same births, the later position of each slot stays. `unique`
 * keeps two writers apart.
 */
export async function writeSeen(path: string, name: string, seen: Remembered, unique: string): Promise<void> {
  const former = readSeen(path, name);
  const slots = ALL_SLOTS.map((slot) => {
    const own = seen.states[slot] as SlotState;
    const theirs = former?.states[slot];
    const later = theirs?.birth === own.birth && theirs.position > own.position ? theirs : own;
    return [later.birth, later.position, later.nonce];
  });
  const text = JSON.stringify({ store: name, at: Math.max(seen.at, former?.at ?? 0), slots });
  await replaceFile(seenFile(path), text, unique);
}
