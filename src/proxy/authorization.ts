import type { RequestFacts } from '../core/facts.ts';

// the scheme in any case (RFC 9110 11.1), also behind a comma or inside an odd list: whatever an application could take for
// a bearer token was meant for us
const BEARER = /(?:^|[^a-z])(?:bearer|dpop)(?:$|[^a-z])/i;
// RFC 6750 2.1: one token after the scheme and nothing else
const CREDENTIALS = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/**
 * The bearer token of an Authorization header: undefined when the header speaks of none, empty when it does and is not
 * exactly one token. Never more than one reading of it.
 */
export function bearerToken(authorization: string | undefined): string | undefined {
  if (authorization === undefined || !BEARER.test(authorization)) return undefined;
  return CREDENTIALS.exec(authorization)?.[1] ?? '';
}

/** The facts with the credential dropped: the upstream gets none. */
export function withoutAuthorization(facts: RequestFacts): RequestFacts {
  const at = facts.headerNames.indexOf('authorization');
  return {
    ...facts,
    authorization: undefined,
    headerNames: facts.headerNames.toSpliced(at, 1),
    headers: facts.headers.toSpliced(2 * at, 2),
  };
}
