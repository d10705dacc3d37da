import { type Decoded, OneOrMany, optional, optionalSection, Secret } from '../schema/types.ts';

/** `secrets`: the root of every symmetric key. */
export const secretsOptions = optionalSection(
  {
    cookie: optional(
      OneOrMany(Secret(32, { description: 'One root secret, at least 32 characters of random text.' }), {
        description:
          'Root secret from which all symmetric keys are derived. A list is a ring for rotation: the first is used, all are read. Left out, the embedded store makes one and keeps it in the file `secret` beside it.',
      }),
    ),
  },
  { description: 'The root of every key. Take it from the environment or a file.' },
);
export type SecretsOptions = Decoded<typeof secretsOptions>;
