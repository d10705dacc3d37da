import type { Readable } from 'node:stream';
import type { RequestHead } from '../core/facts.ts';

/** Flat list of headers: name, value, name, value … as they appear on the wire, latin1. */
export type RawHeaders = readonly string[];

/** The connection ended. `whole`: the answer had been handed over completely. */
export type OnClose = (whole: boolean) => void;

/**
 * One request and its answer, whatever lane carried it: the seam between sockets and everything above. The lane knows HTTP
 * framing and nothing of policy; what is above knows no sockets. An exchange answers once: `respond`, or `start` … `end`, or
 * `abort`. All methods are synchronous and none throws once the client is gone.
 */
export interface Exchange {
  readonly head: RequestHead;
  /** an answer was started */
  readonly started: boolean;
  /** the client is gone; writing is pointless */
  readonly closed: boolean;
  /**
   * The body, to be read once. It errors with PayloadTooLarge after `maxBytes`, with RequestTooSlow when the client dawdles
   * and with `aborted` when it goes away; destroying it leaves the connection alone. Answers `100 Continue` first when the
   * client waits for it.
   */
  body(maxBytes: number): Readable;
  /** A whole answer with Content-Length. `close` ends the connection after it. */
  respond(status: number, headers: RawHeaders, body: string | Uint8Array, close: boolean): void;
  /** Begins a streamed answer. Throws TypeError when a header cannot be written; nothing has been sent then. */
  start(status: number, headers: RawHeaders): void;
  /** Hands over a piece; false: wait for `onDrain` before the next one. */
  write(chunk: Uint8Array): boolean;
  end(): void;
  /** Cuts the connection at once: the client must not take what it has for a whole answer. */
  abort(): void;
  onDrain(listener: () => void): void;
  /** Called once, when the answer is out or the client is gone. */
  onClose(listener: OnClose): void;
}
