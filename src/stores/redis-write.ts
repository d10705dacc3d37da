import type { Change, Commit, StoreKey } from '../core/store.ts';
import { type Layout, slotOf } from './redis-layout.ts';
import { checkInstant, checkName, checkPartition, jsonText, MAX_NAME_LENGTH } from './shape.ts';

/** A script's keys and arguments. */
export interface ScriptCall {
  readonly slot: number;
  readonly keys: readonly string[];
  readonly args: readonly (string | number)[];
}

/** What a commit says beside itself. */
interface Writer {
  readonly layout: Layout;
  /** the birth of each slot, as it is known here */
  readonly birthOf: (slot: number) => string;
  /** wall-clock ms */
  readonly now: number;
}

/**
 * A commit as arguments of the script `COMMIT`. Throws a TypeError for keys, instants or values of a wrong shape: bugs of the
 * caller, never of the store.
 */
export function commitCall(
  commit: Commit,
  writer: Writer & { readonly nonce: string; readonly keep: number },
): ScriptCall {
  const { layout, now, nonce, keep } = writer;
  const { partition, expect = [], remove = [], put = [], changes = [] } = commit;
  checkPartition(partition);
  const slot = slotOf(partition);
  const valueKey = (name: string): string => {
    checkName(name);
    return layout.value(slot, partition, name);
  };
  const keys = [...expect.map((each) => each.name), ...remove, ...put.map((each) => each.name)].map(valueKey);
  const expected = expect.flatMap(({ name, version }) => {
    if (!Number.isSafeInteger(version) || version < 0) throw new TypeError(`not a version: ${version}`);
    return [name, version];
  });
  const written = put.flatMap(({ name, value, expiresAt }) => {
    checkInstant(expiresAt);
    return [name, expiresAt ?? 0, jsonText(value)];
  });
  const texts = changes.map(changeText);
  const counts = [expect.length, remove.length, put.length, changes.length];
  return {
    slot,
    keys: [...slotKeys(writer, slot, partition), layout.changes(slot), layout.nodes, ...keys],
    args: [
      ...[writer.birthOf(slot), now, partition, slot, nonce, layout.channel, keep, `[${texts.join(',')}]`],
      ...[...counts, ...expected, ...remove, ...written, ...texts],
    ],
  };
}

/** An increment as arguments of the script `INCREMENT`. Throws a TypeError as above. */
export function incrementCall(key: StoreKey, by: number, windowMs: number, writer: Writer): ScriptCall {
  const { partition, name } = key;
  checkPartition(partition);
  checkName(name);
  if (!Number.isSafeInteger(by)) throw new TypeError(`not an amount: ${by}`);
  if (!(Number.isFinite(windowMs) && windowMs > 0)) throw new TypeError(`not a window: ${windowMs}`);
  const slot = slotOf(partition);
  const { now, layout } = writer;
  return {
    slot,
    keys: [...slotKeys(writer, slot, partition), layout.value(slot, partition, name)],
    args: [writer.birthOf(slot), now, partition, name, by, now + windowMs],
  };
}

/** What every write needs, in the order in which the scripts want it. */
const slotKeys = ({ layout }: Writer, slot: number, partition: string): string[] => [
  layout.birth(slot),
  layout.meta(slot),
  layout.expiry(slot),
  layout.index(slot, partition),
  layout.partitions(slot),
];

function changeText({ kind, subject }: Change): string {
  if (typeof subject !== 'string' || subject.length > MAX_NAME_LENGTH) throw new TypeError('not a subject');
  return JSON.stringify([kind, subject]);
}
