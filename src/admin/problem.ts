/** RFC 9457 answers of the admin listener. They say what to do and nothing of what happened inside. */
export const PROBLEMS = {
  login_required: {
    status: 401,
    title: 'A token is needed',
    detail: 'Send the administrator’s token as a bearer token.',
  },
  invalid_token: { status: 401, title: 'Invalid token', detail: 'The bearer token is not the administrator’s token.' },
  no_route: { status: 404, title: 'Not found', detail: 'There is nothing here.' },
  method_not_allowed: { status: 405, title: 'Method not allowed', detail: 'Only GET and HEAD are answered here.' },
  bad_request: { status: 400, title: 'Bad request', detail: 'The request cannot be read.' },
  misdirected_request: {
    status: 421,
    title: 'Wrong host',
    detail: 'Host is neither the address of this listener nor one of admin.hosts.',
  },
  headers_too_large: { status: 431, title: 'Headers too large', detail: 'There are too many headers.' },
  internal_error: { status: 500, title: 'Internal error', detail: 'Something went wrong inside the gateway.' },
} as const;

export type ProblemReason = keyof typeof PROBLEMS;

/** The body is the same for everybody: nothing that was sent is repeated. */
export function problemBody(reason: ProblemReason): string {
  const { status, title, detail } = PROBLEMS[reason];
  return JSON.stringify({ type: `urn:sallyport:problem:${reason}`, title, status, detail, reason });
}

/** RFC 6750 §3 for the two kinds of 401, RFC 9110 §15.5.6 for 405. */
export function problemHeaders(reason: ProblemReason): Record<string, string> {
  return {
    'Content-Type': 'application/problem+json',
    ...(reason === 'login_required' && { 'WWW-Authenticate': 'Bearer realm="sallyport-admin"' }),
    ...(reason === 'invalid_token' && { 'WWW-Authenticate': 'Bearer realm="sallyport-admin", error="invalid_token"' }),
    ...(reason === 'method_not_allowed' && { Allow: 'GET, HEAD' }),
  };
}
