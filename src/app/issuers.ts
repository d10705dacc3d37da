import type { Configuration } from '../config/schema.ts';
import type { IssuerOptions } from '../identity/authenticators/issuer.ts';

/** The issuers whose bearer tokens a configuration accepts. */
export const issuersOf = ({ identity }: Configuration): readonly IssuerOptions[] =>
  identity.providers.flatMap((provider) =>
    provider.type !== 'jwt'
      ? []
      : {
          provider: provider.id,
          issuer: provider.issuer,
          jwks: provider.jwks,
          audience: provider.audience,
          algorithms: provider.algorithms,
          maxAgeMs: provider.max_age,
          leewayMs: provider.leeway,
          groupsClaim: provider.groups_claim,
          rolesClaim: provider.roles_claim,
          acrLevels: provider.acr_levels,
        },
  );
