import Type from 'typebox';
import { LEVELS } from '../core/decision.ts';
import {
  type Decoded,
  Duration,
  FilePath,
  Name,
  OneOf,
  OneOrMany,
  optional,
  optionalSection,
  Section,
  Text,
  Whole,
  withDefault,
} from '../schema/types.ts';
import { ALGORITHMS, type Algorithm } from './authenticators/key-set.ts';

/** `issuer`: who signs assertions. */
export const issuerOption = optional(
  Type.String({
    pattern: '^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-])?$',
    'x-expects': 'an address such as https://auth.example.com, without a slash at its end',
    examples: ['https://auth.example.com'],
    description: '`iss` of assertions and tokens. Left out, it is the origin of each request.',
  }),
);

const providerId = Name({
  description: 'Name of the provider: first half of every user id (`staff:ann`), so it never changes.',
});

const localProvider = Section(
  {
    id: providerId,
    type: Type.Literal('local', { description: '`local`: accounts with passwords, kept in the store.' }),
  },
  { description: 'Local accounts.' },
);

/** Unless configured: those that are not known to be weak in use and that issuers offer. */
const DEFAULT_ALGORITHMS: Algorithm[] = ['ES256', 'ES384', 'EdDSA', 'RS256', 'PS256'];

const jwtProvider = Section(
  {
    id: providerId,
    type: Type.Literal('jwt', {
      description:
        '`jwt`: bearer tokens that an issuer has signed, presented with every request. Nobody signs in here.',
    }),
    issuer: Text({
      description: '`iss` of its tokens, compared byte for byte.',
      examples: ['https://issuer.example.com'],
    }),
    jwks: Type.Union(
      [
        Type.String({ pattern: '^https?://[^\\s@#]+$', maxLength: 2048, description: 'Address of the key set.' }),
        FilePath({ description: 'File that holds the key set.' }),
      ],
      {
        'x-expects': 'an address such as https://issuer.example.com/jwks, or a path',
        description:
          'The public keys of the issuer (JWKS): an `https://` address, asked every ten minutes and when a token names a new key, or a file, read again when it changes. `http://` only on this machine.',
        examples: ['https://issuer.example.com/jwks'],
      },
    ),
    audience: OneOrMany(Text({ description: 'A name of this gateway.' }), {
      description: 'What the issuer calls this gateway: one of these must be in `aud`.',
      examples: ['api'],
    }),
    algorithms: withDefault(
      Type.Array(OneOf(ALGORITHMS, { description: 'An algorithm.' }), {
        minItems: 1,
        uniqueItems: true,
        'x-expects': 'a list of algorithms',
        description: 'Signatures that are accepted. Name the one that the issuer uses.',
      }),
      DEFAULT_ALGORITHMS,
    ),
    max_age: withDefault(
      Duration({ description: 'A token that was issued longer ago is refused, whatever it says of its own life.' }),
      '24h',
    ),
    leeway: withDefault(Duration({ description: "How far the issuer's clock may be off; at most 5m." }), '10s'),
    groups_claim: withDefault(
      Text({
        description:
          'Claim with the groups: a list of texts, or one text. Where no claim has that whole name, its dots lead into objects: `realm_access.groups`.',
      }),
      'groups',
    ),
    roles_claim: optional(
      Text({
        description:
          'Claim with the roles, read like `groups_claim`; one that roles.yaml defines brings what it permits, so this trusts the issuer with all of them. Left out, tokens name no roles, and what is left are those that roles.yaml gives to their groups and to their `sub`.',
      }),
    ),
    acr_levels: withDefault(
      Type.Record(
        // acr_values is a list with spaces between, in quotes when it is a challenge (RFC 9470 3)
        Type.String({ pattern: '^[!#-\\[\\]-~]{1,255}$' }),
        OneOf(LEVELS, { description: 'A level.' }),
        {
          additionalProperties: false,
          maxProperties: 64,
          'x-expects': 'a map of acr to level',
          description:
            'Levels that its `acr` are worth, such as `{ "urn:example:mfa": medium }`, since `auth_time`. Any other, or none, is level `none`.',
        },
      ),
      {},
    ),
  },
  { description: 'An issuer of bearer tokens.' },
);

/** One of `identity.providers`. */
export const providerOptions = Type.Union([localProvider, jwtProvider], {
  'x-expects': 'a provider',
  description: 'One source of people.',
});

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
    totp: optionalSection(
      {
        drift: withDefault(
          Whole(0, 2, {
            description:
              'How many steps of 30 s before and after the current one a code may be from: 0, 1 or 2. More forgives clocks that are wrong, and makes a guess that much likelier.',
          }),
          1,
        ),
      },
      { description: 'Codes of authenticator apps.' },
    ),
  },
  { description: 'Who people are.' },
);
export type ProviderOptions = Decoded<typeof providerOptions>;
export type JwtProviderOptions = Extract<ProviderOptions, { readonly type: 'jwt' }>;
export type IdentityOptions = Decoded<typeof identityOptions>;
