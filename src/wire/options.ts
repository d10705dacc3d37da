import {
  Bytes,
  Cidr,
  type Decoded,
  Duration,
  List,
  Listen,
  optionalSection,
  Whole,
  withDefault,
} from '../schema/types.ts';

/** `listen`: where the gateway accepts connections. */
export const listenOptions = optionalSection(
  {
    http: withDefault(
      Listen({ description: 'Address and port for plain HTTP. Port 0 lets the system choose a free one.' }),
      '0.0.0.0:8080',
    ),
  },
  { description: 'Where the gateway accepts connections.' },
);
export type ListenOptions = Decoded<typeof listenOptions>;

/** `limits`: how much of one request is read, of how many clients, and how fast. Decoded in bytes. */
export const limitsOptions = optionalSection(
  {
    head: withDefault(
      Bytes({ description: 'Largest request line and headers together; more is answered with 431.' }),
      '16KiB',
    ),
    headers: withDefault(Whole(1, 1000, { description: 'Most header lines; more is answered with 431.' }), 100),
    target: withDefault(
      Bytes({ description: 'Longest request target (path and query); a longer one is answered with 414.' }),
      '8KiB',
    ),
    body: withDefault(
      Bytes({
        description:
          'Largest request body, counted as it streams; more is answered with 413. A route can have its own (`routes[].limits.body`).',
      }),
      '100MiB',
    ),
    connections: withDefault(
      Whole(1, 1_000_000, {
        description:
          'Most connections in all; one more is answered with 503 at once. Each takes a file descriptor, and another one while its request is at the application.',
      }),
      10_000,
    ),
    connections_per_address: withDefault(
      Whole(1, 1_000_000, {
        description:
          'Most connections from one client, an IPv4 address or an IPv6 /64; one more is answered with 429 at once. `trusted_proxies` are exempt.',
      }),
      256,
    ),
    connections_exempt: withDefault(
      List(Cidr({ description: 'A range of addresses.' }), {
        description:
          'Further ranges from which many clients come (an office behind one address, programs on this machine): their connections count in all, not per address.',
      }),
      ['127.0.0.0/8', '::1'],
    ),
    min_rate: withDefault(
      Bytes({
        description:
          'Least bytes a second of a body while the gateway waits for more of it (then 408), and of an answer while some of it waits for the client (then the connection is cut), on average. At most 1MiB; 0B for none.',
      }),
      '240B',
    ),
  },
  { description: 'How much of one request is accepted, how many connections, and how slow they may be.' },
);
export type LimitsOptions = Decoded<typeof limitsOptions>;

/** `timeouts`: how long clients may take. Decoded in ms. */
export const timeoutsOptions = optionalSection(
  {
    headers: withDefault(
      Duration({
        description: 'From the first byte of a request, or the connection, to the end of its headers; then 408.',
      }),
      '10s',
    ),
    request: withDefault(
      Duration({ description: 'From the first byte of a request to the last byte of its body; then 408.' }),
      '5m',
    ),
    keep_alive: withDefault(
      Duration({
        description:
          'How long an idle connection stays open for the next request. Longer than the 60 s of common load balancers, so that they are the ones to close.',
      }),
      '65s',
    ),
    idle: withDefault(
      Duration({
        description: 'How long nothing may move on a connection in the middle of an exchange; then it is cut.',
      }),
      '5m',
    ),
    slow_body: withDefault(
      Duration({ description: 'How long a body may come slower than `limits.min_rate` at first; then 408.' }),
      '10s',
    ),
    slow_reader: withDefault(
      Duration({
        description:
          'How long a client may take an answer slower than `limits.min_rate` from where some of it waits; then it is cut. Longer, since players and pipelines pause.',
      }),
      '60s',
    ),
    drain: withDefault(
      Duration({ description: 'After SIGTERM, how long running requests may take to finish before they are cut.' }),
      '30s',
    ),
  },
  { description: 'How long clients may take.' },
);
export type TimeoutsOptions = Decoded<typeof timeoutsOptions>;
