import Type from 'typebox';
import { routeRateOptions } from '../limits/options.ts';
import {
  Bytes,
  Cidr,
  type Decoded,
  Duration,
  Flag,
  HostPattern,
  List,
  Name,
  OneOf,
  OneOrMany,
  optional,
  optionalSection,
  Section,
  withDefault,
} from '../schema/types.ts';

/** `trusted_proxies` */
export const trustedProxiesOption = withDefault(
  List(Cidr({ description: 'A range of addresses.' }), {
    description:
      'Proxies in front of the gateway: what they say about the client (`X-Forwarded-*`, `Forwarded`, `X-Request-Id`) is believed. From anybody else it is dropped.',
  }),
  [],
);

// segments are what a canonical, decoded path has; `:name` takes a whole one
const SEGMENT =
  '(:[a-z][a-z0-9_]*|(?!\\.{1,2}(/|$))[^/:?#%\\\\;\\u0000-\\u0020\\u007f][^/?#%\\\\;\\u0000-\\u001f\\u007f]*)';

const matchSection = optionalSection(
  {
    host: optional(
      HostPattern({
        description: 'Host of the request; `*.` in front stands for exactly one label. Left out: any host, tried last.',
      }),
    ),
    path: withDefault(
      Type.String({
        pattern: `^/(${SEGMENT}(/${SEGMENT})*)?$`,
        maxLength: 1024,
        'x-expects': 'a decoded path such as /docs or /users/:user, without a slash at its end',
        examples: ['/docs', '/users/:user'],
        description:
          'Beginning of the path, whole segments only, written decoded. `:name` takes one segment and is `request.params.name` in policies. The longest path wins.',
      }),
      '/',
    ),
    exact: withDefault(Flag({ description: 'The path must be this one and not just begin with it.' }), false),
  },
  { description: 'Which requests the route is for.' },
);

const timeoutsSection = optionalSection(
  {
    connect: withDefault(Duration({ description: 'To a connection with the application; then 502.' }), '5s'),
    headers: withDefault(Duration({ description: "To the head of the application's answer; then 504." }), '60s'),
    body_idle: withDefault(
      Duration({ description: "Between two pieces of the answer's body; then the client's connection is cut." }),
      '5m',
    ),
  },
  { description: 'How long the application may take.' },
);

const limitsSection = optionalSection(
  {
    body: optional(
      Bytes({
        description:
          'Largest request body on this route, instead of `limits.body`: more for uploads, less for the rest.',
      }),
    ),
  },
  { description: 'How much of one request the route takes.' },
);

const headerName = (name: string) =>
  optional(
    Type.Union(
      [Type.String({ pattern: '^[A-Za-z][A-Za-z0-9-]{0,63}$', 'x-expects': 'a header name' }), Type.Literal(false)],
      {
        'x-expects': 'a header name, or false',
        description: `Name that ${name} has for this application, or false to leave it out.`,
      },
    ),
  );

const identityHeaders = optionalSection(
  {
    'X-Forwarded-User': headerName('X-Forwarded-User'),
    'X-Forwarded-Email': headerName('X-Forwarded-Email'),
    'X-Forwarded-Groups': headerName('X-Forwarded-Groups'),
    'X-Forwarded-Preferred-Username': headerName('X-Forwarded-Preferred-Username'),
    'X-Sallyport-Assertion': headerName('X-Sallyport-Assertion'),
  },
  { description: 'Renames or drops identity headers. Clients cannot send the new names either, on any route.' },
);

/** One of `routes`. */
export const routeOptions = Section(
  {
    route: Name({ description: 'Name of the route: audience of its assertions, label of its metrics.' }),
    match: matchSection,
    upstream: Type.String({
      pattern: '^https?://([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\\[[0-9A-Fa-f:.]{2,45}\\])(:[0-9]{1,5})?$',
      'x-expects': 'an address such as http://127.0.0.1:3000, without a path',
      examples: ['http://127.0.0.1:3000'],
      description: 'Where the application listens: scheme, host and port.',
    }),
    policy: optional(
      OneOrMany(Name({ description: 'Name of a policy.' }), {
        description: 'The policies that decide, one or several; their rules form one set.',
      }),
    ),
    public: withDefault(
      Flag({ description: 'Everybody may in; policies of the route may only deny, and not by who somebody is.' }),
      false,
    ),
    allow: withDefault(
      List(OneOf(['encoded_slash', 'semicolon', 'double_slash'], { description: 'An oddity of paths.' }), {
        description: 'Spellings of a path that are refused unless the application needs them: `%2F`, `;`, `//`.',
      }),
      [],
    ),
    case_sensitive: withDefault(
      Flag({
        description:
          'The application tells /A from /a, so policies and routes compare paths exactly. Otherwise a match by case alone is unknown.',
      }),
      false,
    ),
    explain: withDefault(Flag({ description: 'Refusals name the rule that made them. For development.' }), false),
    timeouts: timeoutsSection,
    limits: limitsSection,
    rate_limit: routeRateOptions,
    identity_headers: identityHeaders,
    user_prefix: withDefault(
      Flag({
        description:
          '`X-Forwarded-User` is `provider:name` instead of the bare name. Needed as soon as there are two providers, for a name is unique within one only; public routes then have it by themselves.',
      }),
      false,
    ),
    reuse: withDefault(
      Flag({ description: 'Connections to the application serve several requests. false opens one for each.' }),
      true,
    ),
  },
  { description: 'One application, or a part of one.' },
);
export type RouteOptions = Decoded<typeof routeOptions>;

/** Our own names of the headers that tell an application who is there. */
export const IDENTITY_HEADERS = Object.keys(identityHeaders.properties) as (keyof RouteOptions['identity_headers'])[];

/** `routes` */
export const routesOptions = Type.Array(routeOptions, {
  minItems: 1,
  'x-expects': 'a list of routes',
  description: 'The applications behind the gateway.',
});
