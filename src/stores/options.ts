import { type Decoded, FilePath, optionalSection, withDefault } from '../schema/types.ts';

/** `store`: where sessions, accounts, keys and counters live. */
export const storeOptions = optionalSection(
  {
    path: withDefault(
      FilePath({
        description:
          'Directory of the embedded store. It is made (0700) when it is missing; several processes of one machine may share it.',
      }),
      './data',
    ),
  },
  { description: 'Where sessions, accounts, keys and counters live.' },
);
export type StoreOptions = Decoded<typeof storeOptions>;
