import type { Socket } from 'node:net';

/** The least that a client must send of its body, or take of its answer, while it is its turn. */
export interface MinRate {
  /** 0: none */
  readonly bytesPerSecond: number;
  /** how long it may be slower than that at first, in sending and in taking, ms */
  readonly slowBodyMs: number;
  readonly slowReaderMs: number;
}

/**
 * How fast bytes move, averaged over the time that was the client's turn: a stall is forgiven to whoever was fast before, and
 * what lasts longer than that meets `timeouts.idle`. Measured by looks at a fixed interval, not by the clock: a process that
 * stood still must not take its own delay for the clients'.
 */
export class Pace {
  /** ms of the client's turns so far; negative: it has not begun */
  #ms = -1;
  #from = 0;

  /** It is over; what comes next is measured by itself. */
  reset(): void {
    this.#ms = -1;
  }

  /** It begins at this total. */
  begin(total: number): void {
    if (this.#ms >= 0) return;
    this.#ms = 0;
    this.#from = total;
  }

  /**
   * One look in the client's turn; where it has not begun, it begins. True: too slow for longer than it may be.
   *
   * @param total bytes that moved so far, ever
   * @param sinceMs from one look to the next
   */
  lags(total: number, sinceMs: number, bytesPerSecond: number, graceMs: number): boolean {
    if (this.#ms < 0) {
      this.begin(total);
      return false;
    }
    this.#ms += sinceMs;
    return this.#ms > graceMs && total - this.#from < (bytesPerSecond * this.#ms) / 1000;
  }
}

/** The part of a socket's handle by which Node itself tells a slow write from a stuck one (`Socket.setTimeout`). */
interface WriteFigures {
  readonly bytesWritten: number;
  readonly writeQueueSize: number;
}

/**
 * Bytes that the system has taken to send. The socket's own figures move by whole writes, and one of 64 KiB takes an honest
 * client on a bad line minutes.
 */
export function bytesTaken(socket: Socket): number {
  const handle = (socket as { readonly _handle?: WriteFigures | null })._handle;
  return handle ? handle.bytesWritten - handle.writeQueueSize : 0;
}
