import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../core/ports.ts';

/** A file to which whole lines are appended, by several processes at once, and which may be rotated under us. */
export interface AppendFile {
  /** Creates directory (0700) and file (0600) where missing. Rejects when the path is no regular file or not writable. */
  open(): Promise<void>;
  /**
   * Appends lines in one write and resolves to the number of bytes that arrived: fewer than given when the disk filled up,
   * and the torn line at the end is closed off by the next append. Rejects with the system's error when nothing did.
   */
  append(lines: Buffer): Promise<number>;
  /** Everything appended so far is on disk. After a rejection what was appended before is not known to be there. */
  sync(): Promise<void>;
  /** The next append looks whether the path still leads to this file (it does so by itself once a second). */
  reopen(): void;
  close(): Promise<void>;
}

const NEWLINE = 0x0a;
const PATH_CHECK_MS = 1000;
// O_RDWR because the last byte is read back; O_NONBLOCK so that opening a pipe by mistake fails instead of hanging
const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

interface Opened {
  readonly handle: FileHandle;
  readonly dev: bigint;
  readonly ino: bigint;
}

export function openAppendFile(clock: Clock, path: string): AppendFile {
  let opened: Opened | undefined;
  let checkedAt = Number.NEGATIVE_INFINITY;
  /** size after our own last append: while it stands, the last byte is our line's end */
  let cleanSize = 0;

  async function reach(): Promise<Opened> {
    if (opened !== undefined && clock.monotonic() - checkedAt >= PATH_CHECK_MS && (await moved(path, opened))) {
      const { handle } = opened;
      opened = undefined;
      // what was appended before the rotation belongs on disk too
      await handle.datasync().finally(() => handle.close());
    }
    if (opened === undefined) {
      opened = await openFile(path);
      cleanSize = 0;
      checkedAt = clock.monotonic();
    } else if (clock.monotonic() - checkedAt >= PATH_CHECK_MS) {
      checkedAt = clock.monotonic();
    }
    return opened;
  }

  return {
    async open() {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await reach();
    },
    async append(lines) {
      const { handle } = await reach();
      const { size } = await handle.stat();
      // A writer that was killed, here or in another process, may have left half a line: ours must not become its rest.
      const whole = size === cleanSize || (await endsInNewline(handle, size));
      const bytes = whole ? lines : Buffer.concat([Buffer.of(NEWLINE), lines]);
      const { bytesWritten } = await handle.write(bytes);
      cleanSize = whole && bytesWritten === bytes.length ? size + bytesWritten : 0;
      return Math.max(0, bytesWritten - (bytes.length - lines.length));
    },
    async sync() {
      if (opened === undefined) return;
      const { handle } = opened;
      try {
        await handle.datasync();
      } catch (error) {
        // a second sync of the same file may succeed although the pages are gone, so it is never asked again
        opened = undefined;
        await handle.close().catch(() => {});
        throw error;
      }
    },
    reopen() {
      checkedAt = Number.NEGATIVE_INFINITY;
    },
    async close() {
      const handle = opened?.handle;
      opened = undefined;
      await handle?.close();
    },
  };
}

async function openFile(path: string): Promise<Opened> {
  const handle = await open(path, FLAGS, 0o600);
  try {
    const { dev, ino } = await regular(handle, path);
    await syncDirectory(dirname(path));
    return { handle, dev, ino };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function regular(handle: FileHandle, path: string): Promise<{ dev: bigint; ino: bigint }> {
  const found = await handle.stat({ bigint: true });
  // a pipe or a terminal takes lines but cannot keep them, and a record that is not kept must not be acknowledged
  if (!found.isFile()) throw new Error(`${path} is not a regular file`);
  return found;
}

/** Puts a new file's name on disk; a directory that may not be read is the operator's choice. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY).catch(() => undefined);
  await handle?.sync().finally(() => handle.close());
}

async function moved(path: string, opened: Opened): Promise<boolean> {
  try {
    const { dev, ino } = await stat(path, { bigint: true });
    return dev !== opened.dev || ino !== opened.ino;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return true;
    throw error;
  }
}

async function endsInNewline(handle: FileHandle, size: number): Promise<boolean> {
  if (size === 0) return true;
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
  return bytesRead === 1 && buffer[0] === NEWLINE;
}
