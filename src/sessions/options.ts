import { type Decoded, Duration, optionalSection, withDefault } from '../schema/types.ts';

/** `session`: how long a sign-in counts. Decoded in ms. */
export const sessionOptions = optionalSection(
  {
    idle: withDefault(Duration({ description: 'A session ends when nothing came from it for this long.' }), '30m'),
    floor: withDefault(
      Duration({ description: 'Shortest idle limit that risk can bring a session down to. At most `idle`.' }),
      '5m',
    ),
    absolute: withDefault(
      Duration({ description: 'A session ends this long after sign-in, whatever happens. At least `idle`.' }),
      '8h',
    ),
    elevation: optionalSection(
      {
        low: withDefault(Duration({ description: 'How long a proof of level low counts (code by e-mail).' }), '8h'),
        medium: withDefault(
          Duration({ description: 'How long a proof of level medium counts (authenticator app, SMS, backup code).' }),
          '1h',
        ),
        high: withDefault(Duration({ description: 'How long a proof of level high counts (passkey).' }), '15m'),
      },
      { description: 'How long a proof counts; the first factor alone lasts as long as the session.' },
    ),
  },
  { description: 'How long a sign-in counts.' },
);
export type SessionOptions = Decoded<typeof sessionOptions>;
