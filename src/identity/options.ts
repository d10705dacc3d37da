import Type from 'typebox';
import { type Decoded, Name, OneOf, optional, optionalSection, Section, withDefault } from '../schema/types.ts';

/** `issuer`: who signs assertions. */
export const issuerOption = optional(
  Type.String({
    pattern: '^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-])?$',
    'x-expects': 'an address such as https://auth.example.com, without a slash at its end',
    examples: ['https://auth.example.com'],
    description: '`iss` of assertions and tokens. Left out, it is the origin of each request.',
  }),
);

/** One of `identity.providers`. */
export const providerOptions = Section(
  {
    id: Name({ description: 'Name of the provider: first half of every user id (`staff:ann`), so it never changes.' }),
    type: OneOf(['local'], { description: '`local`: accounts with passwords, kept in the store.' }),
  },
  { description: 'One source of people.' },
);

/** `identity`: where people come from. */
export const identityOptions = optionalSection(
  {
    providers: withDefault(
      Type.Array(providerOptions, {
        'x-expects': 'a list of providers',
        description: 'Sources of people, each with an id of its own.',
      }),
      [],
    ),
  },
  { description: 'Who people are.' },
);
export type ProviderOptions = Decoded<typeof providerOptions>;
export type IdentityOptions = Decoded<typeof identityOptions>;
