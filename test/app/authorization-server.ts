import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK } from 'jose';
// @ts-expect-error the package brings no types; what is used of it is written down below
import { interactionPolicy, Provider } from 'oidc-provider';
import { signingPair } from '../support/issuer.ts';

/** Words of this server: what it calls a password, and a second factor. */
export const PASSWORD_ACR = 'urn:example:password';
export const MFA_ACR = 'urn:example:mfa';

export const CLIENT_ID = 'cli';
export const REDIRECT_URI = 'https://client.test/callback';
export const RESOURCE = 'urn:example:api';
export const AUDIENCE = 'api';

export interface AuthorizationServer {
  readonly issuer: string;
  readonly jwks: string;
  /** what its user was asked for, in order: the `acr` that the sign-in reached */
  readonly signIns: readonly string[];
  /** how long ago the next sign-ins shall have been, seconds */
  signedInAgo: number;
  close(): Promise<void>;
}

interface Context {
  readonly oidc: {
    readonly params: { readonly acr_values?: string };
    readonly session: { readonly acr?: string };
    readonly client: { readonly clientId: string };
    readonly entities: { readonly AuthorizationCode?: { readonly acr?: string; readonly authTime?: number } };
  };
}
interface Grant {
  addOIDCScope(scope: string): void;
  addResourceScope(resource: string, scope: string): void;
  save(): Promise<string>;
}
/** As much of the library as is used here. */
interface Library {
  readonly Grant: new (of: { readonly clientId: string; readonly accountId: string }) => Grant;
  callback(): (request: IncomingMessage, response: ServerResponse) => void;
  interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<{ params: { acr_values?: string } }>;
  interactionFinished(request: IncomingMessage, response: ServerResponse, result: object): Promise<void>;
}

/**
 * A real authorization server of one public client and one person, who signs in with whatever is asked of her. It honours
 * `acr_values` and `max_age`, and its JWT access tokens say `acr` and `auth_time` (RFC 9068 2.2.1).
 */
export async function openAuthorizationServer(): Promise<AuthorizationServer> {
  const pair = await signingPair('ES256', 'as');
  const signIns: string[] = [];
  let serve: (request: IncomingMessage, response: ServerResponse) => void = (_request, response) => response.end();
  const server = createServer((request, response) => serve(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const policy = interactionPolicy.base();
  const wanted = ({ oidc }: Context): boolean =>
    (oidc.params.acr_values ?? '').split(' ').includes(MFA_ACR) && oidc.session.acr !== MFA_ACR;
  policy.get('login').checks.add(new interactionPolicy.Check('acr', 'a second factor is needed', wanted));
  const provider: Library = new Provider(issuer, {
    acrValues: [PASSWORD_ACR, MFA_ACR],
    clients: [
      {
        client_id: CLIENT_ID,
        redirect_uris: [REDIRECT_URI],
        token_endpoint_auth_method: 'none',
        id_token_signed_response_alg: 'ES256',
      },
    ],
    cookies: { keys: ['a key of this test'] },
    jwks: { keys: [{ ...(await exportJWK(pair.privateKey)), kid: pair.kid, alg: pair.alg, use: 'sig' }] },
    findAccount: (_context: Context, accountId: string) => ({ accountId, claims: () => ({ sub: accountId }) }),
    extraTokenClaims: ({ oidc: { entities } }: Context) => ({
      groups: ['staff'],
      acr: entities.AuthorizationCode?.acr,
      auth_time: entities.AuthorizationCode?.authTime,
    }),
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        // the access token is for the API, though the scope openid asks for one of the server's own
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          audience: AUDIENCE,
          scope: 'pay',
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: pair.alg } },
        }),
      },
    },
    interactions: { policy, url: (_context: Context, { uid }: { readonly uid: string }) => `/interaction/${uid}` },
    ttl: { AccessToken: 3600, Grant: 3600, IdToken: 3600, Interaction: 3600, Session: 3600 },
    // nobody is asked for consent
    loadExistingGrant: async ({ oidc }: Context) => {
      const grant = new provider.Grant({ clientId: oidc.client.clientId, accountId: 'ann' });
      grant.addOIDCScope('openid');
      grant.addResourceScope(RESOURCE, 'pay');
      await grant.save();
      return grant;
    },
  });
  const answer = provider.callback();
  const signIn = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { params } = await provider.interactionDetails(request, response);
    const acr = params.acr_values?.split(' ').includes(MFA_ACR) === true ? MFA_ACR : PASSWORD_ACR;
    signIns.push(acr);
    const ts = Math.floor(Date.now() / 1000) - running.signedInAgo;
    await provider.interactionFinished(request, response, { login: { accountId: 'ann', acr, ts } });
  };
  serve = (request, response) => {
    if (request.url?.startsWith('/interaction/') !== true) return answer(request, response);
    signIn(request, response).catch((problem: unknown) => response.writeHead(500).end(String(problem)));
  };
  const running: AuthorizationServer = {
    issuer,
    jwks: `${issuer}/jwks`,
    signIns,
    signedInAgo: 0,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return running;
}
