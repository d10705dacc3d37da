/** Where a Redis server is and how to sign in there. */
export interface RedisTarget {
  readonly host: string;
  readonly port: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  /**
   * undefined: not encrypted. Otherwise the server's certificate is verified for `host`, against the authorities in the PEM file
   * `ca`, or those that Node trusts
   */
  readonly tls: { readonly ca: string | undefined } | undefined;
  /** `host:port/database`, for messages: the address without what is secret in it */
  readonly name: string;
}

const DEFAULT_PORT = 6379;

/**
 * Reads `redis://[user:password@]host[:port][/database]`; `rediss://` for TLS. User and password are percent-encoded.
 *
 * @throws Error that says what is wrong, without the text itself: there may be a password in it
 */
export function parseRedisUrl(text: string, ca?: string): RedisTarget {
  const url = URL.parse(text);
  if (url === null || !/^rediss?:$/.test(url.protocol) || url.hostname === '') {
    throw new Error('not an address of a Redis server: write redis://host:6379, or rediss://user:password@host:6379/0');
  }
  if (url.search !== '' || url.hash !== '') {
    throw new Error('the address of a Redis server ends with the database: nothing can follow it after ? or #');
  }
  const database = /^\/?(\d{0,4})$/.exec(url.pathname)?.[1];
  if (database === undefined) throw new Error('the path in the address of a Redis server is the number of a database');
  const isTls = url.protocol === 'rediss:';
  if (ca !== undefined && !isTls) throw new Error('`ca` is for TLS: the address has to begin with rediss://');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? DEFAULT_PORT : Number(url.port);
  return {
    host,
    port,
    username: url.username === '' ? undefined : decoded(url.username),
    password: url.password === '' ? undefined : decoded(url.password),
    database: Number(database),
    tls: isTls ? { ca } : undefined,
    name: `${url.hostname}:${port}/${Number(database)}`,
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error('user and password in the address of a Redis server are percent-encoded: write %25 for %');
  }
}
