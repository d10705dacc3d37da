import Type from 'typebox';
import { type Decoded, Duration, FilePath, optional, optionalSection, withDefault } from '../schema/types.ts';

/** `store`: where sessions, accounts, keys and counters live. */
export const storeOptions = optionalSection(
  {
    path: withDefault(
      FilePath({
        description:
          'Directory of the embedded store. With `redis` it holds only what stays on this machine: what was seen of the store, and the audit file. It is made (0700) when it is missing; several processes of one machine may share it.',
      }),
      './data',
    ),
    redis: optional(
      Type.String({
        pattern: '^rediss?://[^\\s]+$',
        maxLength: 4096,
        'x-secret': true,
        'x-expects': 'an address such as redis://host:6379',
        description:
          'Address of a Redis server (6.2 or newer) that all gateways share, instead of the embedded store: `redis://user:password@host:6379/0`, or `rediss://` for TLS, which verifies the certificate. User and password are percent-encoded.',
        examples: ['rediss://gateway:secret@redis.example.com:6379'],
      }),
    ),
    ca: optional(
      FilePath({
        description:
          'PEM file with the authorities that may have signed the certificate of a `rediss://` server. Left out: those that Node trusts.',
      }),
    ),
    timeout: withDefault(
      Duration({ description: 'What a Redis server may take to answer; after that it counts as gone. 50ms to 5s.' }),
      '500ms',
    ),
    prefix: withDefault(
      Type.String({
        pattern: '^[A-Za-z0-9_.:-]{1,64}$',
        'x-expects': 'letters, digits, _, ., : and -',
        description:
          'What all keys and channels on a Redis server begin with: gateways that share nothing have their own.',
      }),
      'sallyport',
    ),
  },
  { description: 'Where sessions, accounts, keys and counters live.' },
);
export type StoreOptions = Decoded<typeof storeOptions>;
