import { type Dispatcher, errors } from 'undici';
import { PayloadTooLarge, RequestTooSlow } from '../core/handler.ts';
import type { GatewayReason } from '../core/reasons.ts';
import { answerHeaders } from './answer-headers.ts';
import type { CompiledRoute } from './plane.ts';
import { upstreamTrace } from './trace.ts';
import type { Transit } from './transit.ts';

/** Told how a forwarded request went; exactly one of them is called, once. */
export interface ForwardOutcome {
  /** the head of the upstream's answer is here; `ms` since it was handed over */
  readonly onHead: (ms: number) => void;
  /** there will be no answer from the upstream, and nothing was sent to the client yet */
  readonly onFailure: (reason: GatewayReason) => void;
}

/**
 * Sends the canonical request to the route's upstream and streams the answer back, with back-pressure both ways; no body is
 * buffered. The request is written anew from the facts, never piped raw (security rule 1). Once bytes of an answer have gone
 * to the client a failure cuts its connection, so that a torn body is not taken for a whole one.
 *
 * @param identity names and values to add; the client's own of those names were removed when the request was read
 */
export function forward(
  transit: Transit,
  route: CompiledRoute,
  identity: readonly string[],
  now: () => number,
  outcome: ForwardOutcome,
): void {
  const { facts, exchange } = transit;
  const headers = [
    ...facts.headers,
    ...identity,
    'X-Forwarded-For',
    facts.forwardedFor,
    'X-Forwarded-Proto',
    facts.scheme,
    'X-Forwarded-Host',
    facts.authority,
    'X-Request-Id',
    transit.id,
    'traceparent',
    upstreamTrace(facts.traceparent, transit.id),
    'Host',
    facts.authority,
  ];
  if (facts.body === 'length') headers.push('Content-Length', String(facts.contentLength));
  const answer = new UpstreamAnswer(transit, now, outcome);
  exchange.onClose((whole) => {
    if (!whole) answer.cancel();
  });
  exchange.onDrain(() => answer.resume());
  try {
    route.upstream.dispatch(
      {
        method: facts.method,
        path: facts.path + facts.query,
        headers,
        body: facts.body === 'none' ? null : exchange.body(route.maxBodyBytes),
        // never sent twice by the pool: whether to try again is ours to say, and the answer is no (security rule 7)
        idempotent: false,
      },
      answer,
    );
  } catch (error) {
    answer.onResponseError(undefined, error as Error);
  }
}

class UpstreamAnswer implements Dispatcher.DispatchHandler {
  readonly #transit: Transit;
  readonly #now: () => number;
  readonly #outcome: ForwardOutcome;
  readonly #sentAt: number;
  #controller: Dispatcher.DispatchController | undefined;
  #cancelled = false;
  #done = false;

  constructor(transit: Transit, now: () => number, outcome: ForwardOutcome) {
    this.#transit = transit;
    this.#now = now;
    this.#outcome = outcome;
    this.#sentAt = now();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#cancelled) controller.abort(new Error('the client is gone'));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    // 1xx are between the upstream and us; the final answer follows
    if (status < 200 || this.#done) return;
    const { exchange, id } = this.#transit;
    try {
      if (status > 599) throw new TypeError(`status ${status}`);
      exchange.start(status, answerHeaders(status, (controller.rawHeaders ?? []) as Buffer[], id));
    } catch (error) {
      this.#fail('upstream_invalid');
      controller.abort(error as Error);
      return;
    }
    this.#transit.status = status;
    this.#outcome.onHead(this.#now() - this.#sentAt);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#done && !this.#transit.exchange.write(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    if (this.#done) return;
    this.#done = true;
    this.#transit.exchange.end();
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (!this.#done) this.#fail(reasonOf(error));
  }

  /** The client reads again. */
  resume(): void {
    this.#controller?.resume();
  }

  /** The client is gone: the upstream's connection is given up, it saw an aborted request (security rule 7). */
  cancel(): void {
    this.#cancelled = true;
    this.#done = true;
    this.#controller?.abort(new Error('the client is gone'));
  }

  #fail(reason: GatewayReason): void {
    this.#done = true;
    if (this.#transit.exchange.started) this.#transit.exchange.abort();
    else this.#outcome.onFailure(reason);
  }
}

function reasonOf(error: Error): GatewayReason {
  if (error instanceof PayloadTooLarge) return 'payload_too_large';
  if (error instanceof RequestTooSlow) return 'request_timeout';
  if (error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError)
    return 'upstream_timeout';
  if (error instanceof errors.HTTPParserError || INVALID.has((error as NodeJS.ErrnoException).code ?? '')) {
    return 'upstream_invalid';
  }
  if (error instanceof errors.InvalidArgumentError || error instanceof errors.NotSupportedError)
    return 'internal_error';
  return 'upstream_unreachable';
}

const INVALID = new Set([
  'UND_ERR_HEADERS_OVERFLOW',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_RES_EXCEEDED_MAX_SIZE',
  'UND_ERR_RESPONSE',
]);
