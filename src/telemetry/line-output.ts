import { constants, fstatSync, openSync, write, writeSync } from 'node:fs';
import { isatty } from 'node:tty';

/** Lines on a descriptor of this process. No method throws, and none waits for whoever reads, `flush` excepted. */
export interface LineOutput {
  /** Takes one line, its line break included, or drops and counts it when too much waits already. */
  write(line: string): void;
  /** Writes at once what waits, as far as the reader takes it within {@link FLUSH_PAUSES} short pauses (250 ms in all). */
  flush(): void;
  /** lines that were dropped since the start: more waited than may, or the system refused them */
  readonly dropped: number;
}

export interface LineOutputOptions {
  /** what may wait, in bytes; beyond it lines are dropped */
  readonly maxBytes: number;
  /** Told after lines were dropped, once the reader takes lines again. @param lines since it was told before */
  onRecovered?(lines: number): void;
}

/** What is handed to the system at once. Small enough that a pipe of 64 KiB takes it whole when it is empty. */
const CHUNK_BYTES = 16 * 1024;
/** A reader that stalls is asked again after so long. */
const RETRY_MS = 100;
const FLUSH_PAUSES = 25;
const FLUSH_PAUSE_MS = 10;
const NEWLINE = 0x0a;

interface Waiting {
  readonly bytes: Buffer;
  /** how many lines are lost when these bytes are */
  readonly lines: number;
}

/**
 * Opens an output of lines on a descriptor. Lines wait in memory, at most `maxBytes`, and are written asynchronously, one
 * write at a time. A full pipe is tried again, for as long as the process lives but without keeping it alive. What the system
 * refuses (a full disk, a reader that is gone) is dropped and counted, and later lines are tried anew. At the exit of the
 * process what waits is flushed.
 */
export function openLineOutput(descriptor: number, options: LineOutputOptions): LineOutput {
  const fd = nonBlocking(descriptor);
  let waiting: Waiting[] = [];
  let waitingBytes = 0;
  let phase: 'idle' | 'scheduled' | 'writing' | 'stalled' = 'idle';
  let dropped = 0;
  let told = 0;
  /** the last byte that was written did not end a line */
  let inLine = false;
  /** … and the rest of that line was dropped: it has to be closed off, or the next line would become its rest */
  let torn = false;

  /** At most one chunk, and at least one line. */
  function takeChunk(): Waiting {
    let [count, bytes, lines] = [0, 0, 0];
    for (const each of waiting) {
      if (count > 0 && bytes + each.bytes.length > CHUNK_BYTES) break;
      count += 1;
      bytes += each.bytes.length;
      lines += each.lines;
    }
    const parts = waiting.slice(0, count).map((each) => each.bytes);
    waiting = waiting.slice(count);
    if (torn) {
      parts.unshift(Buffer.of(NEWLINE));
      waitingBytes += 1;
      torn = false;
    }
    return { bytes: Buffer.concat(parts), lines };
  }

  /** What is left of a chunk goes before everything else. */
  function written(chunk: Waiting, count: number): void {
    waitingBytes -= count;
    if (count > 0) inLine = chunk.bytes[count - 1] !== NEWLINE;
    const rest = chunk.bytes.subarray(count);
    if (rest.length > 0) waiting.unshift({ bytes: rest, lines: linesIn(rest) });
    if (count === 0 || dropped === told) return;
    const lost = dropped - told;
    told = dropped;
    options.onRecovered?.(lost);
  }

  function refused(chunk: Waiting): void {
    waitingBytes -= chunk.bytes.length;
    dropped += chunk.lines;
    torn = inLine;
  }

  function schedule(): void {
    if (phase !== 'idle' || waiting.length === 0) return;
    phase = 'scheduled';
    // not at once: lines of the same turn share a write, and an exit right after them finds them all here
    setImmediate(next);
  }

  function next(): void {
    phase = 'idle';
    if (waiting.length === 0) return;
    phase = 'writing';
    const chunk = takeChunk();
    write(fd, chunk.bytes, 0, chunk.bytes.length, null, (error, count) => {
      phase = 'idle';
      if (error !== null && !isBusy(error)) refused(chunk);
      else written(chunk, error === null ? count : 0);
      if (error !== null && isBusy(error)) stall();
      else schedule();
    });
  }

  function stall(): void {
    phase = 'stalled';
    setTimeout(next, RETRY_MS).unref();
  }

  function flush(): void {
    let pauses = 0;
    // a write under way is done by another thread at the same time; a moment lets it be first
    if (phase === 'writing') pause();
    while (waiting.length > 0) {
      const chunk = takeChunk();
      try {
        written(chunk, writeSync(fd, chunk.bytes));
      } catch (error) {
        if (!isBusy(error)) {
          refused(chunk);
        } else {
          written(chunk, 0);
          if (pauses === FLUSH_PAUSES) return;
          pauses += 1;
          pause();
        }
      }
    }
  }

  process.on('exit', flush);
  return {
    write(line) {
      const bytes = Buffer.from(line);
      if (waitingBytes + bytes.length > options.maxBytes) {
        dropped += 1;
        return;
      }
      waiting.push({ bytes, lines: 1 });
      waitingBytes += bytes.length;
      schedule();
    },
    flush,
    get dropped() {
      return dropped;
    },
  };
}

/**
 * A write to a full pipe or a stopped terminal in blocking mode would hold a thread until somebody reads, and the exit waits
 * for that thread. Node offers no `fcntl`, but opens its own stream on a pipe or socket in non-blocking mode, and restores
 * that at the exit; a terminal is opened once more.
 */
function nonBlocking(fd: number): number {
  try {
    if (isatty(fd)) return openSync(`/dev/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const stat = fstatSync(fd);
    if (stat.isFIFO() || stat.isSocket()) void (fd === 2 ? process.stderr : process.stdout);
  } catch {
    // a terminal that may not be opened blocks as it does for everybody; a closed descriptor refuses every write
  }
  return fd;
}

function isBusy(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EAGAIN' || code === 'EBUSY' || code === 'EINTR';
}

function linesIn(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count += 1;
  return count;
}

const never = new Int32Array(new SharedArrayBuffer(4));
const pause = (): void => void Atomics.wait(never, 0, 0, FLUSH_PAUSE_MS);
