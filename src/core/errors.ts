import type { GatewayReason } from './reasons.ts';

/** One row of THE error table: how a refusal looks in HTTP, whoever found it. */
export interface ErrorRow {
  readonly status: number;
  readonly title: string;
  /** the client's connection is closed after the answer: its framing cannot be trusted, or more bytes are not wanted */
  readonly close?: boolean;
  /** Retry-After in seconds */
  readonly retryAfter?: number;
}

/** THE error table. Every gateway reason has exactly one status (interfaces, "Answers that the gateway itself gives"). */
export const ERRORS: Readonly<Record<GatewayReason, ErrorRow>> = {
  ambiguous_request: { status: 400, title: 'Bad request', close: true },
  login_required: { status: 401, title: 'Sign in' },
  invalid_token: { status: 401, title: 'Invalid credential' },
  step_up_required: { status: 401, title: 'Confirm that it is you' },
  step_up_impossible: { status: 403, title: 'Access denied' },
  no_rule_matched: { status: 403, title: 'Access denied' },
  policy_denied: { status: 403, title: 'Access denied' },
  session_expired: { status: 401, title: 'Session expired' },
  session_revoked: { status: 401, title: 'Session ended' },
  blocked: { status: 403, title: 'Blocked' },
  plain_http: { status: 403, title: 'Not over plain HTTP' },
  locked_out: { status: 429, title: 'Too many attempts', retryAfter: 60 },
  csrf_failed: { status: 403, title: 'Form refused' },
  no_route: { status: 404, title: 'Not found' },
  method_not_allowed: { status: 405, title: 'Method not allowed' },
  payload_too_large: { status: 413, title: 'Body too large', close: true },
  uri_too_long: { status: 414, title: 'Address too long', close: true },
  headers_too_large: { status: 431, title: 'Headers too large', close: true },
  request_timeout: { status: 408, title: 'Request timeout', close: true },
  too_many_connections: { status: 429, title: 'Too many connections', close: true, retryAfter: 1 },
  rate_limited: { status: 429, title: 'Too many requests', retryAfter: 1 },
  upstream_unreachable: { status: 502, title: 'Application unreachable' },
  upstream_invalid: { status: 502, title: 'Bad answer from the application' },
  upstream_timeout: { status: 504, title: 'Application too slow' },
  store_unavailable: { status: 503, title: 'Temporarily unavailable', retryAfter: 1 },
  issuer_unavailable: { status: 503, title: 'Temporarily unavailable', retryAfter: 1 },
  overloaded: { status: 503, title: 'Overloaded', close: true, retryAfter: 1 },
  draining: { status: 503, title: 'Restarting', close: true, retryAfter: 1 },
  internal_error: { status: 500, title: 'Internal error' },
};

const KEEPING = new Set(Object.values(ERRORS).flatMap((row) => (row.close === true ? [] : [row.status])));
const CLOSING = new Set(Object.values(ERRORS).flatMap(({ status }) => (KEEPING.has(status) ? [] : [status])));
/** Whether the connection ends with an answer of this status, whatever its reason. */
export const closesConnection = (status: number): boolean => CLOSING.has(status);

/** The row of any reason; a policy's own code is a plain 403. */
export const errorRow = (reason: string): ErrorRow =>
  Object.hasOwn(ERRORS, reason) ? ERRORS[reason as GatewayReason] : { status: 403, title: 'Access denied' };
