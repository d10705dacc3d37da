// a scheme and one token68 (RFC 9110 11.4): only the scheme says what it is, for a Kerberos ticket may hold any letters
const PLAIN = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) +[A-Za-z0-9._~+/-]+=*$/;
// anything else: the scheme in any case (RFC 9110 11.1), also behind a comma or inside an odd list. Whatever an application
// could take for a bearer token was meant for us; a user called "dpop" or a path with bearer-x in it was not
const BEARER = /(?:^|[^a-z])(?:bearer|dpop)(?:$|[\s,:=])/i;
const OURS = /^(?:bearer|dpop)$/i;
// tokens of ours, under whatever scheme: none is issued yet, so each of them is invalid
const OWN_TOKEN = /(?:^|[\s"',=:])sp[trs]_/i;
// RFC 6750 2.1: one token after the scheme and nothing else
const CREDENTIALS = /^bearer +[A-Za-z0-9._~+/-]+=*$/i;

/**
 * The credential for us in the value of an Authorization header: undefined when there is none and the header is the
 * application's own business, empty when there is and it is not exactly one bearer token. Never more than one reading of it.
 *
 * @param takesTokens some provider takes bearer tokens; otherwise only tokens of ours are for us
 */
export function bearerToken(authorization: string, takesTokens: boolean): string | undefined {
  if (!(takesTokens && isBearer(authorization)) && !OWN_TOKEN.test(authorization)) return undefined;
  return CREDENTIALS.test(authorization) ? authorization.slice(authorization.lastIndexOf(' ') + 1) : '';
}

function isBearer(authorization: string): boolean {
  const scheme = PLAIN.exec(authorization)?.[1];
  return scheme === undefined ? BEARER.test(authorization) : OURS.test(scheme);
}
