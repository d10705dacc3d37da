import { isIP } from 'node:net';
import { buildConnector, type Dispatcher, Pool } from 'undici';
import { type Deadlines, openDeadlines } from './deadlines.ts';

export interface UpstreamOptions {
  /** `http://host:port` */
  readonly origin: string;
  readonly connectTimeoutMs: number;
  /** to the head of the answer */
  readonly headersTimeoutMs: number;
  /** between two pieces of the answer's body */
  readonly bodyTimeoutMs: number;
  /** connections serve several requests; false: one each */
  readonly reuse: boolean;
}

/** Where a route's requests go: a pool of connections, one exchange per connection at a time. */
export interface Upstream {
  readonly origin: string;
  readonly limits: Pick<UpstreamOptions, 'headersTimeoutMs' | 'bodyTimeoutMs'>;
  /** of all upstreams: where answers without a timer of their own are watched */
  readonly deadlines: Deadlines;
  /** Hands a request over. Throws when it cannot be written at all. */
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void;
}

/** The pools of all configurations alive; the same options share a pool across reloads. */
export interface Upstreams {
  get(options: UpstreamOptions): Upstream;
  /** Closes the pools that the new configuration no longer uses, once what runs on them is done. */
  retain(inUse: Iterable<Upstream>): void;
  close(): Promise<void>;
}

/** @param monotonic ms */
export function openUpstreams(monotonic: () => number): Upstreams {
  const deadlines = openDeadlines(monotonic);
  const pools = new Map<string, Upstream & { readonly pool: Pool }>();
  return {
    get(options) {
      const key = JSON.stringify(options);
      const known = pools.get(key);
      if (known !== undefined) return known;
      const name = verifiedName(options.origin);
      const pool = openPool(options, name);
      const upstream = {
        pool,
        origin: options.origin,
        limits: options,
        deadlines,
        dispatch(request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler) {
          // constant: the pool would otherwise take the name to verify from the client's Host
          pool.dispatch(
            { ...request, servername: name, reset: options.reuse ? null : true } as typeof request,
            handler,
          );
        },
      };
      pools.set(key, upstream);
      return upstream;
    },
    retain(inUse) {
      const kept = new Set(inUse);
      for (const [key, upstream] of pools) {
        if (kept.has(upstream)) continue;
        pools.delete(key);
        // close() waits for what runs; a failure to close means that the sockets are gone already
        upstream.pool.close().catch(() => upstream.pool.destroy());
      }
    },
    close: async () => {
      deadlines.close();
      await Promise.allSettled([...pools.values()].map(({ pool }) => pool.destroy()));
      pools.clear();
    },
  };
}

/** The name that an https upstream's certificate must be for: the one that the configuration says, never the client's. */
const verifiedName = (origin: string): string => new URL(origin).hostname.replace(/^\[|\]$/g, '');

function openPool(options: UpstreamOptions, name: string): Pool {
  const connect = buildConnector({ timeout: options.connectTimeoutMs, allowH2: false });
  // an address is verified as one and never sent as SNI (RFC 6066 §3)
  const servername = isIP(name) === 0 ? name : '';
  return new Pool(options.origin, {
    pipelining: 1,
    connections: null,
    connect: (opened, callback) => connect({ ...opened, servername }, callback),
    headersTimeout: options.headersTimeoutMs,
    bodyTimeout: options.bodyTimeoutMs,
    strictContentLength: true,
    allowH2: false,
  });
}
