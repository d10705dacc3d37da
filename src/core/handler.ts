import type { MaybePromise } from './assert-never.ts';
import type { CredentialEntry } from './credential.ts';
import type { RequestFacts } from './facts.ts';
import type { Session } from './session.ts';
import type { Access } from './subject.ts';

/** A whole answer that the gateway gives itself. Header names as they shall appear; the body's length is added when sent. */
export interface Answer {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string | Uint8Array;
}

/** What a handler of the gateway's own endpoints gets. Canonical facts only; the body is read on demand and bounded. */
export interface HandlerRequest {
  readonly facts: RequestFacts;
  /** the path's parameters, decoded */
  readonly params: ReadonlyMap<string, string>;
  /** the caller's valid session, if any */
  readonly session: Session | undefined;
  /** whoever calls with a valid credential, a session or a token */
  readonly caller?: Pick<CredentialEntry, 'subject' | 'proofs' | 'expiresAt'> | undefined;
  /** the caller's roles and permissions, derived; undefined: nobody */
  readonly access?: Access | undefined;
  /** the session that was presented is blocked, so that the caller is nobody; it goes on when the block is lifted */
  readonly isBlocked?: boolean;
  /** whole body, at most `maxBytes`; rejects with PayloadTooLarge beyond, with RequestTooSlow when the client dawdles */
  readBody(maxBytes: number): Promise<Uint8Array>;
}

/** An endpoint of ours. What it throws becomes `internal_error`, 500. */
export type Handler = (request: HandlerRequest) => MaybePromise<Answer>;

/**
 * One row of the table of endpoints (interfaces, "Under /.sallyport/"): what may be called how, by whom, and how it is
 * protected. The pipeline enforces method; `csrf: 'form'` handlers check Origin, Sec-Fetch-Site and token themselves
 * through one function of the portal.
 */
export interface Endpoint {
  /** below `/.sallyport/`, exact */
  readonly path: string;
  readonly methods: readonly string[];
  readonly identity: 'none' | 'optional' | 'required';
  /**
   * What says who calls; anything else that was sent is as if it were not. Pages for people go by the cookie alone: a token
   * beside it must neither hide the session that they act on nor take its cookie away.
   */
  readonly credentials: readonly ('cookie' | 'bearer')[];
  readonly csrf: 'none' | 'form';
  /** largest body, bytes */
  readonly maxBodyBytes: number;
  /** has a count of its own under the limit of addresses: whoever used that up elsewhere still gets here */
  readonly isCountedApart?: true;
  readonly handler: Handler;
}

/** The body came slower than the least rate, or took longer than the whole request may. */
export class RequestTooSlow extends Error {
  constructor() {
    super('the body came too slowly');
    this.name = 'RequestTooSlow';
  }
}

export class PayloadTooLarge extends Error {
  constructor(maxBytes: number) {
    super(`body larger than ${maxBytes} bytes`);
    this.name = 'PayloadTooLarge';
  }
}
