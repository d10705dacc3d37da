import Type from 'typebox';
import { adminOptions } from '../admin/options.ts';
import { auditOptions } from '../audit/options.ts';
import { identityOptions, issuerOption } from '../identity/options.ts';
import { secretsOptions } from '../keys/options.ts';
import { rateOptions } from '../limits/options.ts';
import { routesOptions, trustedProxiesOption } from '../proxy/options.ts';
import { type Decoded, FilePath, optional, optionalSection, Section } from '../schema/types.ts';
import { sessionOptions } from '../sessions/options.ts';
import { storeOptions } from '../stores/options.ts';
import { limitsOptions, listenOptions, timeoutsOptions } from '../wire/options.ts';

/** The whole configuration file, assembled from what each folder says of its own options. */
export const configurationSchema = Section(
  {
    version: Type.Literal(1, { description: 'Version of this format.' }),
    listen: listenOptions,
    admin: adminOptions,
    trusted_proxies: trustedProxiesOption,
    store: storeOptions,
    secrets: secretsOptions,
    policies: optional(
      FilePath({
        description:
          'Directory of the policies: every `*.yaml` in it is one, `*.test.yaml` are tests. Needed as soon as a route names a policy.',
        examples: ['../policies'],
      }),
    ),
    audit: auditOptions,
    limits: optionalSection(
      { ...limitsOptions.properties, rate: rateOptions },
      {
        description:
          'How much of one request is accepted, how many connections and requests, and how slow they may be.',
      },
    ),
    timeouts: timeoutsOptions,
    issuer: issuerOption,
    identity: identityOptions,
    session: sessionOptions,
    routes: routesOptions,
  },
  { title: 'Sallyport configuration', description: 'Configuration of the Sallyport gateway.' },
);

/** The file as the schema decodes it. */
export type Settings = Decoded<typeof configurationSchema>;

/** One file of the policy directory. `file` is what findings call it. */
export interface PolicyText {
  readonly file: string;
  readonly text: string;
}

/**
 * A configuration that was found good: durations are ms, sizes bytes, paths absolute, every default filled in. Deeply
 * frozen; maps have no prototype.
 */
export type Configuration = Omit<Settings, 'audit'> & {
  readonly audit: { readonly file: string };
  /** absolute path of the file it was read from */
  readonly file: string;
  /** the policy directory's files, by name; empty when no directory is configured */
  readonly policyFiles: readonly PolicyText[];
};

export type Route = Configuration['routes'][number];
