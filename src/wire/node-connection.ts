import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Answer } from '../core/handler.ts';
import type { NodeExchange } from './node-exchange.ts';

/** Requests that a client may have waiting behind the one that is being answered. */
const MAX_WAITING = 100;
/** How long a connection that we end is still read from, so that a reset does not overtake the answer (RFC 9112 §9.6). */
const LINGER_MS = 1000;

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
  /** answer to bytes that no request could be made of, due when the requests before them are answered */
  #broken: (() => Answer) | undefined;
  #ending = false;

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
    else if (this.#waiting.length < MAX_WAITING) this.#waiting.push(exchange);
    else this.#socket.destroy();
  }

  /** The answer that is about to begin is the last one. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#waiting = [];
    // whoever closes the socket after the answer, Node included, does it by this name
    this.#socket.destroySoon = () => this.#linger();
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
      this.#broken = answer;
    } else if (newest.started) this.#socket.destroy();
    else {
      newest.renounce();
      this.#answerRaw(answer());
    }
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
    if (next !== undefined) this.#run(next);
    else if (this.#broken !== undefined && !this.#ending) this.#answerRaw(this.#broken());
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
    const body = Buffer.from(answer.body);
    const lines = answer.headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const status = `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? 'Refused'}\r\n`;
    const head = `${status}${lines}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
    this.#socket.write(Buffer.concat([Buffer.from(head, 'latin1'), body]));
    this.#linger();
  }

  /** Says that nothing more comes, and reads on for a moment without looking. */
  #linger(): void {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) return;
    socket.end();
    socket.resume();
    const cut = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('end', () => socket.destroy());
    socket.once('close', () => clearTimeout(cut));
  }
}
