import Type from 'typebox';
import { optional, optionalSection, RateLimit, withDefault } from '../schema/types.ts';

/** `limits.rate` */
export const rateOptions = optionalSection(
  {
    address: optional(
      RateLimit({
        description:
          "Requests of one client, an IPv4 address or an IPv6 /64, on all routes and the gateway's own pages together; more is answered with 429. Left out: no limit.",
      }),
    ),
    identity: optional(
      RateLimit({
        description:
          'Requests of one person or program, on all routes together, as far as policies let them in; more is answered with 429. Left out: no limit.',
      }),
    ),
    sign_in: withDefault(
      Type.Union([RateLimit({ description: 'A limit.' }), Type.Literal(false)], {
        'x-expects': 'a rate such as 100/1h, or false',
        examples: ['100/1h'],
        description:
          'Passwords that are tried for one user name, from all networks together; then only devices and networks where that user signed in before may go on, everybody else gets 429. false: no such limit.',
      }),
      '100/1h',
    ),
  },
  {
    description:
      'How many requests are accepted in a time, `600/1m` or `100/s`: up to 1000000 in one second to one day.',
  },
);

/** `routes[].rate_limit` */
export const routeRateOptions = optionalSection(
  {
    address: optional(
      RateLimit({ description: 'Requests of one client on this route; `limits.rate.address` counts too.' }),
    ),
    identity: optional(
      RateLimit({
        description:
          'Requests of one person or program on this route that its policies let in; `limits.rate.identity` counts too.',
      }),
    ),
    route: optional(
      RateLimit({
        description:
          'Requests of all callers together that the policies let in: how much the application is given at all.',
      }),
    ),
  },
  { description: 'How many requests the route accepts in a time, `600/1m` or `100/s`. Left out: no limit of its own.' },
);
