import type { JsonProblem } from '../schema/validate.ts';

/** RFC 9457 answers of the admin listener. They say what to do and nothing of what happened inside. */
export const PROBLEMS = {
  login_required: {
    status: 401,
    title: 'A token is needed',
    detail: 'Send the administrator’s token as a bearer token.',
  },
  invalid_token: { status: 401, title: 'Invalid token', detail: 'The bearer token is not the administrator’s token.' },
  csrf_failed: {
    status: 403,
    title: 'Foreign origin',
    detail: 'The request comes from a page of another origin; this is for programs and for pages of this listener.',
  },
  no_route: { status: 404, title: 'Not found', detail: 'There is nothing here.' },
  unknown_session: { status: 404, title: 'Unknown session', detail: 'There is no live session of that id.' },
  unknown_block: { status: 404, title: 'Unknown block', detail: 'There is no block of that id in force.' },
  unknown_user: { status: 404, title: 'Unknown user', detail: 'Nobody is called so.' },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    detail: 'The header Allow says which methods are answered here.',
  },
  ambiguous_user: {
    status: 409,
    title: 'Ambiguous name',
    detail: 'Several providers have a user of that name; say which, as one of the candidates.',
  },
  busy: { status: 409, title: 'Changing', detail: 'Somebody else changes the same thing at this moment; try again.' },
  bad_request: { status: 400, title: 'Bad request', detail: 'The request cannot be read.' },
  invalid_request: { status: 400, title: 'Invalid request', detail: 'The request is not as the description says.' },
  too_costly: {
    status: 400,
    title: 'Too costly',
    detail:
      'This took more than ten seconds or too much memory and was given up; ask for less at once, or use the command line where the files are.',
  },
  misdirected_request: {
    status: 421,
    title: 'Wrong host',
    detail: 'Host is neither the address of this listener nor one of admin.hosts.',
  },
  payload_too_large: { status: 413, title: 'Body too large', detail: 'A body may have 64 KiB at most.' },
  unsupported_media_type: {
    status: 415,
    title: 'Unsupported media type',
    detail: 'A body must be application/json in UTF-8, not compressed.',
  },
  headers_too_large: { status: 431, title: 'Headers too large', detail: 'There are too many headers.' },
  internal_error: { status: 500, title: 'Internal error', detail: 'Something went wrong inside the gateway.' },
  policies_busy: {
    status: 503,
    title: 'Busy',
    detail: 'Others have policies or requests tried out at this moment; try again.',
  },
  store_unavailable: {
    status: 503,
    title: 'Store unavailable',
    detail: 'The store does not answer; whether the change happened is not known.',
  },
  audit_unavailable: {
    status: 503,
    title: 'Audit log unavailable',
    detail: 'The audit log cannot be written; a change that takes rights away may have happened all the same.',
  },
} as const;

export type ProblemReason = keyof typeof PROBLEMS;

/** What an answer adds to its row of the table. */
export interface ProblemExtra {
  /** instead of the row's own sentence */
  readonly detail?: string;
  /** what is wrong with a body or a query */
  readonly errors?: readonly JsonProblem[];
  /** what can have been meant */
  readonly candidates?: readonly string[];
}

/** Without `extra` the body is the same for everybody: nothing that was sent is repeated. */
export function problemBody(reason: ProblemReason, extra: ProblemExtra = {}): string {
  const { status, title, detail } = PROBLEMS[reason];
  return JSON.stringify({ type: `urn:sallyport:problem:${reason}`, title, status, detail, reason, ...extra });
}

/** RFC 6750 §3 for the two kinds of 401, RFC 9110 §15.5.6 for 405; `allow` lists the methods of a 405. */
export function problemHeaders(reason: ProblemReason, allow = 'GET, HEAD'): Record<string, string> {
  return {
    'Content-Type': 'application/problem+json',
    ...(reason === 'login_required' && { 'WWW-Authenticate': 'Bearer realm="sallyport-admin"' }),
    ...(reason === 'invalid_token' && { 'WWW-Authenticate': 'Bearer realm="sallyport-admin", error="invalid_token"' }),
    ...(reason === 'method_not_allowed' && { Allow: allow }),
    // the rest of the body is not read
    ...(reason === 'payload_too_large' && { Connection: 'close' }),
    ...(PROBLEMS[reason].status === 503 && { 'Retry-After': '1' }),
  };
}

/** The whole answer. */
export const problem = (reason: ProblemReason, extra?: ProblemExtra, allow?: string): Response =>
  new Response(problemBody(reason, extra), {
    status: PROBLEMS[reason].status,
    headers: problemHeaders(reason, allow),
  });
