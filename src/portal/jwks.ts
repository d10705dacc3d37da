import type { JsonWebKey } from 'node:crypto';
import type { Answer } from '../core/handler.ts';
import type { PortalDeps } from './deps.ts';

/** Public keys of assertions (RFC 7517). A new key is published before it signs, so five minutes of caching are safe. */
export function jwksHandler(deps: Pick<PortalDeps, 'jwks'>): () => Promise<Answer> {
  return async () => {
    const { keys } = await deps.jwks();
    return {
      status: 200,
      headers: [
        ['Content-Type', 'application/jwk-set+json'],
        ['Cache-Control', 'public, max-age=300'],
        ['X-Content-Type-Options', 'nosniff'],
      ],
      body: `${JSON.stringify({ keys: keys.map(publicPart) })}\n`,
    };
  };
}

// named one by one: a private member that got here by mistake goes no further
const PUBLIC_MEMBERS = ['kty', 'kid', 'use', 'alg', 'crv', 'x', 'y', 'n', 'e'] as const;

function publicPart(key: JsonWebKey): JsonWebKey {
  return Object.fromEntries(PUBLIC_MEMBERS.filter((member) => Object.hasOwn(key, member)).map((m) => [m, key[m]]));
}
