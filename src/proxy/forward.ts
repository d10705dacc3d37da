import { type Dispatcher, errors } from 'undici';
import { PayloadTooLarge, RequestTooSlow } from '../core/handler.ts';
import type { GatewayReason } from '../core/reasons.ts';
import { answerHeaders } from './answer-headers.ts';
import type { Waiting } from './deadlines.ts';
import type { CompiledRoute } from './plane.ts';
import { upstreamTrace } from './trace.ts';
import type { Transit } from './transit.ts';
import type { Upstream } from './upstreams.ts';

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
  const answer = new UpstreamAnswer(transit, route.upstream, now, outcome);
  exchange.onClose((whole) => {
    if (!whole) answer.cancel();
  });
  exchange.onDrain(() => answer.resume());
  const bodyless = facts.body === 'none';
  try {
    route.upstream.dispatch(
      {
        method: facts.method,
        path: facts.path + facts.query,
        headers,
        body: bodyless ? null : exchange.body(route.maxBodyBytes),
        // the pool knows how a body that is still being sent puts the time off; without one it needs no timer of its own
        ...(bodyless && NO_TIMERS),
        // never sent twice by the pool: whether to try again is ours to say, and the answer is no (security rule 7)
        idempotent: false,
      },
      answer,
    );
  } catch (error) {
    answer.onResponseError(undefined, error as Error);
  }
}

const NO_TIMERS = { headersTimeout: 0, bodyTimeout: 0 } as const;

class UpstreamAnswer implements Dispatcher.DispatchHandler, Waiting {
  dueAt = Number.POSITIVE_INFINITY;
  place = -1;
  readonly #transit: Transit;
  readonly #upstream: Upstream;
  readonly #now: () => number;
  readonly #outcome: ForwardOutcome;
  readonly #sentAt: number;
  #controller: Dispatcher.DispatchController | undefined;
  #cancelled = false;
  #done = false;

  constructor(transit: Transit, upstream: Upstream, now: () => number, outcome: ForwardOutcome) {
    this.#transit = transit;
    this.#upstream = upstream;
    this.#now = now;
    this.#outcome = outcome;
    this.#sentAt = now();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#cancelled) controller.abort(new Error('the client is gone'));
    if (this.#done || this.#transit.facts.body !== 'none') return;
    this.#within(this.#upstream.limits.headersTimeoutMs);
    this.#upstream.deadlines.add(this);
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
    this.#within(this.#upstream.limits.bodyTimeoutMs);
    this.#outcome.onHead(this.#now() - this.#sentAt);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#done) return;
    if (this.#transit.exchange.write(chunk)) this.#within(this.#upstream.limits.bodyTimeoutMs);
    else {
      // it is the client that is waited for now, and its slowness is the lane's business
      this.dueAt = Number.POSITIVE_INFINITY;
      controller.pause();
    }
  }

  onResponseEnd(): void {
    if (this.#done) return;
    this.#over();
    this.#transit.exchange.end();
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (!this.#done) this.#fail(reasonOf(error));
  }

  /** The client reads again. */
  resume(): void {
    this.#within(this.#upstream.limits.bodyTimeoutMs);
    this.#controller?.resume();
  }

  expire(): void {
    if (this.#done) return;
    this.#fail('upstream_timeout');
    this.#controller?.abort(new Error('the application took too long'));
  }

  /** The client is gone: the upstream's connection is given up, it saw an aborted request (security rule 7). */
  cancel(): void {
    this.#cancelled = true;
    this.#over();
    this.#controller?.abort(new Error('the client is gone'));
  }

  #over(): void {
    this.#done = true;
    this.#upstream.deadlines.remove(this);
  }

  /** @param ms 0: however long it takes */
  #within(ms: number): void {
    this.dueAt = ms > 0 ? this.#now() + ms : Number.POSITIVE_INFINITY;
  }

  #fail(reason: GatewayReason): void {
    this.#over();
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
