import { chmodSync, closeSync, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import { readMembers, replaceFile } from './small-file.ts';

/** The open lmdb environment and its tables. One per process and store; replaced when the files under it were. */
export interface Tables {
  readonly root: RootDatabase<string, string>;
  /** `partition name` → `[version, expiresAt or 0, value]` as JSON text */
  readonly data: Database<string, string>;
  /** `[expiresAt, key of data]`: what the sweeper reads */
  readonly expiry: Database<string, [number, string]>;
  /** number of a change → `[kind, subject]` as JSON text */
  readonly log: Database<string, number>;
  /** `counters` → three doubles: last change, last version, first change that was trimmed away */
  readonly counters: Database<Buffer, string>;
  /** `birth` → `[id, at]` as JSON text */
  readonly birth: Database<string, string>;
  /** device and inode of the data file, to notice that somebody put another one there */
  readonly identity: string;
}

/** Where everything of a store lives under its path. */
export const storeDirectory = (path: string): string => join(path, 'store');
const dataFile = (path: string): string => join(path, 'store', 'data.mdb');
const seenFile = (path: string): string => join(path, 'seen');

/**
 * Opens (or makes) the environment. Directories are made 0700, files 0600: a stranger on the machine reads nothing.
 * `overlappingSync` is off so that a change can be seen by any process only once it is on disk: nobody ever acts on, or
 * acknowledges, what a power failure could still take back. Measured: no slower here, commits that wait
 * together share one flush. `eventTurnBatching` is off because its batches hold a promise of their own that nobody can
 * catch: a full disk would end the process as an unhandled rejection. Our transactions are whole without it.
 */
export function openTables(path: string): Tables {
  const directory = storeDirectory(path);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  checkDataFile(dataFile(path));
  const root: RootDatabase<string, string> = open(directory, {
    ...{ permissionsMode: 0o600 },
    noSubdir: false,
    overlappingSync: false,
    eventTurnBatching: false,
    maxDbs: 8,
    // a reader's slot per process and list in progress; those of killed processes are freed at every open
    maxReaders: 512,
    encoding: 'string',
  });
  try {
    return {
      root,
      data: root.openDB('data', { encoding: 'string' }),
      expiry: root.openDB('expiry', { encoding: 'string' }),
      log: root.openDB('log', { encoding: 'string' }),
      counters: root.openDB('counters', { encoding: 'binary' }),
      birth: root.openDB('birth', { encoding: 'string' }),
      identity: fileIdentity(path),
    };
  } catch (error) {
    void root.close();
    throw error;
  }
}

// where lmdb's first page has its mark, little-endian (mdb.c: MDB_page, MDB_meta)
const MAGIC_OFFSET = 24;
const MAGIC = 0xbeefc0de;

/**
 * Refuses a data file that is something else: lmdb would end the process on it (SIGSEGV), with everything that it serves.
 *
 * @throws Error
 */
function checkDataFile(file: string): void {
  // missing or empty: a store is made there
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0) return;
  const handle = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(4);
    const read = readSync(handle, bytes, 0, bytes.length, MAGIC_OFFSET);
    if (read < bytes.length || bytes.readUInt32LE() !== MAGIC) throw new Error(`${file} is not a store`);
  } finally {
    closeSync(handle);
  }
}

/** Device and inode of the data file; empty when there is none. */
export function fileIdentity(path: string): string {
  const stat = statSync(dataFile(path), { throwIfNoEntry: false });
  return stat === undefined ? '' : `${stat.dev}:${stat.ino}`;
}

/** The highest position that anybody here saw of this store, and when (wall-clock ms). */
export interface Seen {
  readonly birth: string;
  readonly position: number;
  readonly at: number;
}

/**
 * Reads `seen`. Missing or unreadable means that nothing is remembered: then a roll-back shows only to a process that ran
 * through it.
 */
export function readSeen(path: string): Seen | undefined {
  const { birth, position, at } = readMembers(seenFile(path)) ?? {};
  if (typeof birth !== 'string' || !Number.isSafeInteger(position) || !Number.isFinite(at)) return undefined;
  return { birth, position: position as number, at: at as number };
}

/** Writes `seen`; what a second process wrote meanwhile of the same birth and further on stays. `unique` keeps two writers apart. */
export async function writeSeen(path: string, seen: Seen, unique: string): Promise<void> {
  const former = readSeen(path);
  if (former?.birth === seen.birth && former.position >= seen.position) return;
  await replaceFile(seenFile(path), JSON.stringify(seen), unique);
}
