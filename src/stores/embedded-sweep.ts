import type { Tables } from './embedded-files.ts';
import { readCounters, trimLog } from './embedded-log.ts';
import { expiryOf } from './embedded-write.ts';

/** Entries removed per sweep; a slice takes about a millisecond. */
export const SWEEP_SLICE = 256;

/** Whether the sweeper has something to do; a read, no transaction. */
export function isSweepDue(tables: Tables, now: number, keep: number): boolean {
  const counters = readCounters(tables);
  if (counters !== undefined && counters.position - counters.floor > keep) return true;
  for (const _ of tables.expiry.getKeys({ end: [now, LAST], limit: 1 })) return true;
  return false;
}

/**
 * Only inside a write transaction: removes up to 256 expired entries, oldest first, and trims the log. Every entry is read
 * again here, so a second process that sweeps, or a writer that prolonged one meanwhile, does no harm. True: call again.
 */
export function applySweep(tables: Tables, now: number, keep: number): boolean {
  const due = Array.from(tables.expiry.getKeys({ end: [now, LAST], limit: SWEEP_SLICE }));
  for (const entry of due) {
    const [expiresAt, key] = entry;
    const text = tables.data.get(key);
    if (text !== undefined && expiryOf(text) === expiresAt) tables.data.removeSync(key);
    tables.expiry.removeSync(entry);
  }
  const more = trimLog(tables, keep, CHANGES_PER_SWEEP);
  return more || due.length === SWEEP_SLICE;
}

const CHANGES_PER_SWEEP = 1024;
// greater than every key of the data table
const LAST = '\u007f';
