import type { Redis } from 'ioredis';
import type { Clock, Random } from '../core/ports.ts';
import { type Change, StoreUnavailable } from '../core/store.ts';
import { ALL_SLOTS, type Layout } from './redis-layout.ts';
import type { Listener } from './redis-lease.ts';
import { birthInstant, type ChangeLog, type SlotState } from './redis-log.ts';
import { GIVE_BIRTH, LOOK, READ, runScript } from './redis-scripts.ts';

/** What was seen of the store before: everything in it was there at `at` (wall-clock ms) at the latest. */
export interface Remembered {
  readonly states: readonly SlotState[];
  readonly at: number;
}

/**
 * What a slot is, compared with what was seen of it before. `new`: seen for the first time, or born anew by somebody else since;
 * `void`: emptied, or something older or other was put in its place; `trimmed`: too much was written since to read it all.
 */
type Verdict = 'same' | 'ahead' | 'trimmed' | 'new' | 'void';

const ATTEMPTS = 8;
const PAGE = 1000;
/**
 * Where versions and positions of a birth begin, per ms of its instant: a store that was emptied never gives a number again
 * that was given before, as long as it gave fewer than so many in a ms. Exact until the year 2255.
 */
const NUMBERS_PER_MS = 1000;

export interface JudgeDeps {
  readonly layout: Layout;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: ChangeLog;
  /** nodes that may trust what they remember of the store as it was */
  readonly others: () => readonly Listener[];
  /** Told before a slot gets a new birth: nothing that was remembered is to be trusted. */
  readonly lost: () => void;
}

/**
 * Brings the log in step with the store as it is after this call, and the store in order: a slot that was emptied or rolled
 * back gets a new birth, so that nothing that was revoked in what is lost comes back. Answers whether the log began anew.
 */
export async function bringInStep(
  redis: Redis,
  deps: JudgeDeps,
  remembered: () => Remembered | undefined,
): Promise<boolean> {
  const { log } = deps;
  let anew = false;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    // before the look: what was known by then had run before it, so less than that means that something is lost
    const before = remembered();
    const states = await look(redis, deps.layout);
    const verdicts = await Promise.all(states.map((state, slot) => judge(redis, deps, slot, state, before)));
    const lost = ALL_SLOTS.filter((slot) => verdicts[slot] === 'void');
    if (lost.length > 0) deps.lost();
    await Promise.all(lost.map((slot) => giveBirth(redis, deps, slot, states[slot] as SlotState, before)));
    if (lost.length > 0) continue;
    if (log.cursor === '' || verdicts.includes('new')) {
      log.reset(states);
      anew = true;
    }
    for (const [slot, state] of states.entries()) if (verdicts[slot] === 'trimmed') log.skip(slot, state);
    if (log.covers(states.map(({ position }) => position))) return anew;
  }
  throw new StoreUnavailable('the store changes faster than it can be read');
}

async function look(redis: Redis, layout: Layout): Promise<SlotState[]> {
  const keys = ALL_SLOTS.flatMap((slot) => [layout.birth(slot), layout.meta(slot)]);
  const found = (await runScript(redis, LOOK, keys, [])) as string[];
  return ALL_SLOTS.map((slot) => {
    const [birth = '', position = '', nonce = ''] = found.slice(slot * 3);
    return { birth, position: position === '' ? Number.NaN : Number(position), nonce };
  });
}

async function judge(
  redis: Redis,
  { layout, log }: JudgeDeps,
  slot: number,
  now: SlotState,
  before: Remembered | undefined,
): Promise<Verdict> {
  // a birth without its numbers is none
  if (now.birth === '' || Number.isNaN(now.position)) return 'void';
  const was = before?.states[slot];
  if (before === undefined || was === undefined || was.birth === '') return 'new';
  // another birth is fine when it is younger than our last look at the former one: then nothing older is in it
  if (now.birth !== was.birth) return birthInstant(now.birth) >= before.at ? 'new' : 'void';
  if (now.position < was.position) return 'void';
  if (now.position === was.position) return now.nonce === was.nonce ? 'same' : 'void';
  for (let reached = was; ; ) {
    const { floor, isKnown, changes, last } = await read(redis, layout, slot, reached);
    if (!isKnown) return floor >= reached.position ? 'trimmed' : 'void';
    // seen is what a former process left behind: that it is still there is all that we want to know
    if (log.cursor === '') return 'ahead';
    if (last !== undefined) log.append(slot, reached.position + 1, last.nonce, changes);
    if (last === undefined || changes.length < PAGE) return 'ahead';
    reached = { ...last, birth: now.birth };
  }
}

async function read(redis: Redis, layout: Layout, slot: number, after: SlotState) {
  const keys = [layout.meta(slot), layout.changes(slot)];
  const answer = await runScript(redis, READ, keys, [after.position, after.nonce, PAGE]);
  const [floor, known, entries] = answer as [string, number, [id: string, fields: [string, string]][]];
  const [position, nonce] = entries.at(-1)?.[0].split('-') ?? [];
  return {
    floor: Number(floor),
    isKnown: known === 1 && Number(floor) <= after.position,
    changes: entries.map(([, [, text]]) => {
      const [kind, subject] = JSON.parse(text) as [Change['kind'], string];
      return { kind, subject };
    }),
    last: position === undefined ? undefined : { position: Number(position), nonce: nonce as string },
  };
}

/** A new birth of one slot, unless somebody else was first; then the next look finds theirs. */
async function giveBirth(
  redis: Redis,
  { layout, clock, random, others }: JudgeDeps,
  slot: number,
  found: SlotState,
  before: Remembered | undefined,
): Promise<void> {
  const at = Math.max(Math.floor(clock.now()), before?.at ?? 0);
  const lowest = at * NUMBERS_PER_MS;
  const position = Math.max(lowest, before?.states[slot]?.position ?? 0);
  const keys = [layout.birth(slot), layout.meta(slot), layout.changes(slot), layout.nodes];
  const args = [found.birth, `${random.id()} ${at}`, position, lowest, layout.channel];
  const trusting = others().flatMap(({ node, seq }) => [node, seq]);
  await runScript(redis, GIVE_BIRTH, keys, [...args, ...trusting]);
}
