import { type Dispatcher, Pool } from 'undici';

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

export function openUpstreams(): Upstreams {
  const pools = new Map<string, Upstream & { readonly pool: Pool }>();
  return {
    get(options) {
      const key = JSON.stringify(options);
      const known = pools.get(key);
      if (known !== undefined) return known;
      const pool = openPool(options);
      const upstream = {
        pool,
        origin: options.origin,
        dispatch(request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler) {
          pool.dispatch(options.reuse ? request : { ...request, reset: true }, handler);
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
      await Promise.allSettled([...pools.values()].map(({ pool }) => pool.destroy()));
      pools.clear();
    },
  };
}

const openPool = (options: UpstreamOptions): Pool =>
  new Pool(options.origin, {
    pipelining: 1,
    connections: null,
    connectTimeout: options.connectTimeoutMs,
    headersTimeout: options.headersTimeoutMs,
    bodyTimeout: options.bodyTimeoutMs,
    strictContentLength: true,
    allowH2: false,
  });
