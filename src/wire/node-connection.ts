import type { Socket } from 'node:net';
import type { Answer } from '../core/handler.ts';
import { linger, rawAnswer } from './linger.ts';
import type { NodeExchange } from './node-exchange.ts';
import { bytesTaken, type MinRate, Pace } from './pace.ts';

/** Requests that a client may have waiting behind the one that is being answered: they are parsed and kept, whole heads of them. */
const MAX_WAITING = 32;
/** Characters of all their targets and headers together; one request as large as `limits.head` allows by default may wait. */
const MAX_WAITING_HEADS = 32 * 1024;

/** How a client was slower than the least rate. */
export type Slowness = 'slow_request' | 'slow_reader';

/**
 * The order of things on one connection. Requests that were pipelined run one after the other: each is judged once the one
 * before it was answered, so that a sign-out counts for what follows, and a client cannot make work without bound. Once an
 * answer ends the connection, whatever else was sent on it is nobody's request: it may be the body of a refused one, or the
 * first bytes of a protocol that the client hoped to change to (RFC 9931).
 */
export class NodeConnection {
  readonly #socket: Socket;
  readonly #handle: (exchange: NodeExchange) => void;
  readonly #isDraining: () => boolean;
  #current: NodeExchange | undefined;
  #waiting: NodeExchange[] = [];
  #waitingHeads = 0;
  /** answer to bytes that no request could be made of, due when the requests before them are answered */
  #broken: (() => Answer) | undefined;
  #ending = false;
  /** how fast the client takes its answers; it is its turn while some of one waits */
  readonly #reading = new Pace();

  constructor(socket: Socket, handle: (exchange: NodeExchange) => void, isDraining: () => boolean) {
    this.#socket = socket;
    this.#handle = handle;
    this.#isDraining = isDraining;
  }

  get idle(): boolean {
    return this.#current === undefined;
  }

  /** A request whose head was parsed. */
  take(exchange: NodeExchange): void {
    if (this.#ending) return;
    if (this.#current === undefined) this.#run(exchange);
    else this.#wait(exchange);
  }

  #wait(exchange: NodeExchange): void {
    this.#waitingHeads += lengthOf(exchange);
    if (this.#waiting.length < MAX_WAITING && this.#waitingHeads <= MAX_WAITING_HEADS) this.#waiting.push(exchange);
    else this.#socket.destroy();
  }

  /** The answer that is about to begin is the last one. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#waiting = [];
    // whoever closes the socket after the answer, Node included, does it by this name
    this.#socket.destroySoon = () => linger(this.#socket);
  }

  /** Bytes that are no request. `answer` is made only when it can be sent. */
  refuse(answer: () => Answer): void {
    if (this.#ending) return;
    const newest = this.#waiting.at(-1) ?? this.#current;
    if (newest === undefined) this.#answerRaw(answer());
    else if (newest.received) this.#broken = answer;
    else if (newest !== this.#current) {
      // its body cannot be read to its end, so it never was a whole request
      this.#waiting.pop();
      this.#waitingHeads -= lengthOf(newest);
      this.#broken = answer;
    } else if (newest.started) this.#socket.destroy();
    else {
      newest.renounce();
      this.#answerRaw(answer());
    }
  }

  /** A request took longer than it may. One whose body is being read is refused by whoever reads it, as any other. */
  timeOut(answer: () => Answer): void {
    const { length } = this.#waiting;
    if (length > 0 || this.#ending || this.#current?.giveUp() !== true) this.refuse(answer);
  }

  /**
   * One look at how fast the client is. A body that comes too slowly is given up; who takes its answer too slowly is cut, with a
   * reset: what is on its way to it would stay in the system's memory for minutes.
   *
   * @param sinceMs from one look to the next
   */
  look(sinceMs: number, min: MinRate): Slowness | undefined {
    const socket = this.#socket;
    // measured from where some of it waits: what went before filled the system's buffers, and tells nothing of the client
    if (socket.writableLength === 0) this.#reading.reset();
    else if (this.#reading.lags(bytesTaken(socket), sinceMs, min.bytesPerSecond, min.slowReaderMs)) {
      socket.resetAndDestroy();
      return 'slow_reader';
    }
    return this.#current?.lags(sinceMs, min) && this.#current.giveUp() ? 'slow_request' : undefined;
  }

  #run(exchange: NodeExchange): void {
    this.#current = exchange;
    exchange.onClose(() => this.#next());
    if (exchange.wantsUpgrade) this.end();
    this.#handle(exchange);
  }

  #next(): void {
    this.#current = undefined;
    const next = this.#waiting.shift();
    if (next !== undefined) {
      this.#waitingHeads -= lengthOf(next);
      this.#run(next);
    } else if (this.#broken !== undefined && !this.#ending) this.#answerRaw(this.#broken());
    // an answer that began before the drain could not say that the connection ends with it
    else if (this.#isDraining()) this.#socket.destroySoon();
  }

  /** Answers on a socket whose parser has given up, and ends it. */
  #answerRaw(answer: Answer): void {
    this.end();
    if (!this.#socket.writable) {
      this.#socket.destroy();
      return;
    }
    this.#socket.write(rawAnswer(answer));
    linger(this.#socket);
  }
}

function lengthOf({ head }: NodeExchange): number {
  let length = head.target.length;
  for (const text of head.rawHeaders) length += text.length;
  return length;
}
