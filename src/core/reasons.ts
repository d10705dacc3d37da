/**
 * THE reason table: every code the gateway itself gives. Policies add their own (`reason:` of a rule). Codes are stable,
 * lower snake case, never translated; they are labels of metrics and keys of messages.
 */
export const REASONS = {
  ambiguous_request: 'The request can be read in more than one way, so it was not forwarded.',
  login_required: 'Nobody is signed in.',
  invalid_token: 'The credential that was presented is not valid.',
  step_up_required: 'A stronger proof of who you are is needed.',
  step_up_impossible: 'The proofs that the policies ask for exclude each other.',
  no_rule_matched: 'No rule allows this.',
  policy_denied: 'A policy forbids this.',
  session_expired: 'The session has expired.',
  session_revoked: 'The session was ended.',
  blocked: 'This client is blocked.',
  plain_http: 'Nobody signs in over plain HTTP here; the connection could be read by others.',
  locked_out: 'Too many failed attempts; try again later.',
  csrf_failed: 'The form did not come from our own page, or it was open for too long.',
  no_route: 'There is nothing here.',
  method_not_allowed: 'This address does not answer to that method.',
  payload_too_large: 'The body of the request is too large.',
  uri_too_long: 'The address of the request is too long.',
  headers_too_large: 'The headers of the request are too many or too large.',
  request_timeout: 'The request took too long to arrive.',
  too_many_connections: 'Too many connections from this address.',
  rate_limited: 'Too many requests; slow down.',
  upstream_unreachable: 'The application behind the gateway cannot be reached.',
  upstream_invalid: 'The application behind the gateway gave an answer that cannot be passed on.',
  upstream_timeout: 'The application behind the gateway took too long.',
  store_unavailable: 'Sessions cannot be verified just now.',
  issuer_unavailable: 'Whoever issued the token cannot be asked for its keys just now.',
  overloaded: 'The gateway has as many connections as it takes.',
  draining: 'The gateway is shutting down.',
  internal_error: 'Something went wrong inside the gateway.',
} as const;

export type GatewayReason = keyof typeof REASONS;
/** A gateway reason, or a code of a policy: `[a-z][a-z0-9_]{0,63}`. */
export type ReasonCode = GatewayReason | (string & {});
export const REASON_PATTERN = /^[a-z][a-z0-9_]{0,63}$/;
