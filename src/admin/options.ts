import { type Decoded, Host, List, Listen, optional, optionalSection, Secret, withDefault } from '../schema/types.ts';

/** `admin`: the listener for operators. */
export const adminOptions = optionalSection(
  {
    address: withDefault(
      Listen({ description: 'Address of health, metrics and the administration API. Keep it off public networks.' }),
      '127.0.0.1:9900',
    ),
    token: optional(Secret(24, { description: 'Bearer token of the administration API, at least 24 characters.' })),
    hosts: withDefault(
      List(Host({ description: 'A host name.' }), {
        description: 'Names under which this listener may be called, besides its own address.',
      }),
      [],
    ),
  },
  { description: 'The listener for operators.' },
);
export type AdminOptions = Decoded<typeof adminOptions>;
