/** The parts that the bench uses of two libraries that bring no types. */
declare module 'autocannon' {
  import type { EventEmitter } from 'node:events';

  interface Options {
    readonly url: string;
    readonly connections: number;
    /** seconds */
    readonly duration?: number;
    /** requests, whatever they take */
    readonly amount?: number;
    readonly headers: Readonly<Record<string, string>>;
    /** ms between looks at whether it is over */
    readonly sampleInt?: number;
    readonly expectBody?: string;
  }
  interface Result {
    readonly '2xx': number;
    readonly non2xx: number;
    readonly errors: number;
    readonly timeouts: number;
    readonly mismatches: number;
    /** seconds */
    readonly duration: number;
    readonly requests: { readonly total: number };
  }
  interface Instance extends EventEmitter {
    on(event: 'response', listener: (client: unknown, status: number, bytes: number, ms: number) => void): this;
  }
  function autocannon(options: Options, done: (error: Error | null, result: Result) => void): Instance;
  export default autocannon;
}

declare module 'http-proxy' {
  import type { Agent, IncomingMessage, ServerResponse } from 'node:http';

  interface Proxy {
    web(incoming: IncomingMessage, outgoing: ServerResponse): void;
    on(event: 'error', listener: (error: Error, incoming: IncomingMessage, outgoing: ServerResponse) => void): this;
  }
  const httpProxy: {
    createProxyServer(options: { readonly target: string; readonly agent: Agent; readonly xfwd?: boolean }): Proxy;
  };
  export default httpProxy;
}
