/**
 * Names of the gateway's own cookies (interfaces, "One login, many hosts"). All of them are stripped in both directions;
 * the plain ones exist only on a listener bound to loopback without TLS.
 */
export const SESSION_COOKIE = '__Host-sallyport';
export const LOGIN_COOKIE = '__Host-sallyport-login';
export const DEVICE_COOKIE = '__Host-sallyport-device';
export const PLAIN_SESSION_COOKIE = 'sallyport';
export const PLAIN_LOGIN_COOKIE = 'sallyport-login';
export const PLAIN_DEVICE_COOKIE = 'sallyport-device';
export const OWN_COOKIES: ReadonlySet<string> = new Set([
  SESSION_COOKIE,
  LOGIN_COOKIE,
  DEVICE_COOKIE,
  PLAIN_SESSION_COOKIE,
  PLAIN_LOGIN_COOKIE,
  PLAIN_DEVICE_COOKIE,
]);

export const sessionCookieName = (secure: boolean): string => (secure ? SESSION_COOKIE : PLAIN_SESSION_COOKIE);
export const loginCookieName = (secure: boolean): string => (secure ? LOGIN_COOKIE : PLAIN_LOGIN_COOKIE);
export const deviceCookieName = (secure: boolean): string => (secure ? DEVICE_COOKIE : PLAIN_DEVICE_COOKIE);

/**
 * The host that a session's secret is bound to. One that was given out over plain loopback HTTP is another host's: it is
 * never accepted over https, nor the other way round.
 */
export const secretHost = ({ scheme, host }: { readonly scheme: string; readonly host: string }): string =>
  scheme === 'https' ? host : `http:${host}`;

/** A Set-Cookie value: HttpOnly, SameSite=Lax, Path=/, no Domain; Secure unless plain loopback. `maxAgeSeconds` 0 clears it. */
export function setCookie(name: string, value: string, secure: boolean, maxAgeSeconds?: number): string {
  const age = maxAgeSeconds === undefined ? '' : `; Max-Age=${maxAgeSeconds}`;
  return `${name}=${value}; Path=/; HttpOnly; SameSite=Lax${age}${secure ? '; Secure' : ''}`;
}
