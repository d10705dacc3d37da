import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { RequestHead } from '../core/facts.ts';
import { RequestTooSlow } from '../core/handler.ts';
import type { Exchange, OnClose, RawHeaders } from './exchange.ts';
import type { MinRate } from './pace.ts';
import { CountedBody } from './request-body.ts';

/** What the lane knows besides the two objects of Node's. */
export interface ExchangeOrigin {
  /** the socket is TLS */
  readonly secure: boolean;
  /** the client sends its body only after 100 Continue */
  readonly awaitsContinue: boolean;
  readonly isDraining: () => boolean;
  /** told before the head of an answer that ends the connection goes out */
  readonly onLast: () => void;
}

/** An exchange over `node:http`. The only class that touches IncomingMessage and ServerResponse. */
export class NodeExchange implements Exchange {
  readonly head: RequestHead;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #isDraining: () => boolean;
  readonly #onLast: () => void;
  #awaitsContinue: boolean;
  #body: CountedBody | undefined;
  #renounced = false;

  constructor(request: IncomingMessage, response: ServerResponse, from: ExchangeOrigin) {
    this.#request = request;
    this.#response = response;
    this.#isDraining = from.isDraining;
    this.#onLast = from.onLast;
    this.#awaitsContinue = from.awaitsContinue;
    this.head = {
      method: request.method ?? '',
      target: request.url ?? '',
      httpVersion: request.httpVersion,
      rawHeaders: request.rawHeaders,
      peerAddress: request.socket.remoteAddress ?? '',
      secure: from.secure,
    };
  }

  get started(): boolean {
    return this.#response.headersSent;
  }

  get closed(): boolean {
    return this.#renounced || this.#response.destroyed || this.#response.closed;
  }

  /** The whole request is here, so a parse error on this connection is about a later one. */
  get received(): boolean {
    return this.#request.complete;
  }

  /** The client asks for another protocol: it may send bytes that are not HTTP behind this request. */
  get wantsUpgrade(): boolean {
    const { upgrade, connection } = this.#request.headers;
    return upgrade !== undefined && /\bupgrade\b/i.test(connection ?? '');
  }

  /** The lane answers in our stead: nothing that is written from now on gets out, nor does more of the body get in. */
  renounce(): void {
    this.#renounced = true;
    this.#body?.destroy(new Error('aborted'));
  }

  /** One look at how fast the body comes; true: too slowly. */
  lags(sinceMs: number, min: MinRate): boolean {
    return this.#body !== undefined && !this.received && this.#body.lags(sinceMs, min);
  }

  /** Ends the body with RequestTooSlow, so that whoever reads it refuses the request. False: nobody is reading it. */
  giveUp(): boolean {
    if (this.#body === undefined || this.#body.destroyed || this.received) return false;
    this.#body.destroy(new RequestTooSlow());
    return true;
  }

  body(maxBytes: number): Readable {
    if (this.#body !== undefined) return this.#body;
    const counted = new CountedBody(maxBytes);
    this.#body = counted;
    if (this.#awaitsContinue) {
      this.#awaitsContinue = false;
      this.#response.writeContinue();
    }
    const request = this.#request;
    // by hand and not by pipeline(): the reader giving up must leave the client's socket alone, so that the answer still gets out
    request.on('error', (error) => counted.destroy(error));
    request.on('aborted', () => counted.destroy(new Error('aborted')));
    counted.on('close', () => {
      request.unpipe(counted);
      request.resume();
    });
    request.pipe(counted);
    return counted;
  }

  respond(status: number, headers: RawHeaders, body: string | Uint8Array, close: boolean): void {
    if (this.closed || this.started) return;
    const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength;
    const bodyless = status === 204 || status === 304;
    const all = bodyless ? [...headers] : [...headers, 'Content-Length', String(bytes)];
    if (this.#decideToClose(close)) all.push('Connection', 'close');
    this.#response.writeHead(status, all);
    if (bodyless || this.head.method === 'HEAD') this.#response.end();
    else this.#response.end(body);
  }

  start(status: number, headers: RawHeaders): void {
    if (this.closed) return;
    this.#response.writeHead(
      status,
      this.#decideToClose(false) ? [...headers, 'Connection', 'close'] : (headers as string[]),
    );
  }

  write(chunk: Uint8Array): boolean {
    if (this.closed) return true;
    return this.#response.write(chunk);
  }

  end(): void {
    if (!this.closed) this.#response.end();
  }

  abort(): void {
    this.#request.socket.destroy();
  }

  onDrain(listener: () => void): void {
    this.#response.on('drain', listener);
  }

  onClose(listener: OnClose): void {
    this.#response.once('close', () => listener(this.#response.writableFinished));
  }

  #decideToClose(wanted: boolean): boolean {
    // Node decides too: HTTP/1.0, or a client that says close
    const closing = wanted || !this.#response.shouldKeepAlive || this.#mustClose();
    if (closing) this.#onLast();
    return closing;
  }

  /** Draining, or a body is still on its way: reading it only to keep the connection would let a client make us work. */
  #mustClose(): boolean {
    if (this.#isDraining() || this.#awaitsContinue || this.wantsUpgrade) return true;
    return !this.#request.complete && this.#hasBody();
  }

  #hasBody(): boolean {
    const { headers } = this.#request;
    return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
  }
}
