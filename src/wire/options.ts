import { Bytes, type Decoded, Duration, Listen, optionalSection, Whole, withDefault } from '../schema/types.ts';

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

/** `limits`: how much of one request is read. Decoded in bytes. */
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
      Bytes({ description: 'Largest request body, counted as it streams; more is answered with 413.' }),
      '100MiB',
    ),
  },
  { description: 'How much of one request is accepted.' },
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
      Duration({ description: 'How long nothing may move on a connection in the middle of an exchange.' }),
      '5m',
    ),
    drain: withDefault(
      Duration({ description: 'After SIGTERM, how long running requests may take to finish before they are cut.' }),
      '30s',
    ),
  },
  { description: 'How long clients may take.' },
);
export type TimeoutsOptions = Decoded<typeof timeoutsOptions>;
