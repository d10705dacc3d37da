import * as oauth from 'oauth4webapi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/app/clock.ts';
import type { Clock } from '../../src/core/ports.ts';
import { openTestGateway, seen, type TestGateway } from '../support/gateway.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';
import {
  AUDIENCE,
  type AuthorizationServer,
  CLIENT_ID,
  MFA_ACR,
  openAuthorizationServer,
  PASSWORD_ACR,
  REDIRECT_URI,
  RESOURCE,
} from './authorization-server.ts';

const POLICY = `
version: 1
policy: api
rules:
  - allow: staff
    when: { identity.groups: { any_of: [staff] } }
  - step_up: to-pay
    when: { request.path: { prefix: /pay } }
    require: { level: medium, max_age: 5m }
`;

const INSECURE = { [oauth.allowInsecureRequests]: true };
const CLIENT: oauth.Client = { client_id: CLIENT_ID };
/** What the operator told this client: our levels in the words of its server. */
const IN_ITS_WORDS: Readonly<Record<string, string>> = { 'urn:sallyport:acr:medium': MFA_ACR };

let server: AuthorizationServer;
let upstream: RecordingUpstream;
let gate: TestGateway;
let metadata: oauth.AuthorizationServer;
let passed = 0;
const system = systemClock();
const clock: Clock = { now: () => system.now() + passed, monotonic: () => system.monotonic() + passed };

beforeAll(async () => {
  [server, upstream] = await Promise.all([openAuthorizationServer(), openUpstream()]);
  gate = await openTestGateway({
    clock,
    policies: { 'api.yaml': POLICY },
    config: `
identity:
  providers:
    - { id: people, type: jwt, issuer: "${server.issuer}", jwks: "${server.jwks}", audience: ${AUDIENCE}, acr_levels: { "${MFA_ACR}": medium } }
routes:
  - { route: api, upstream: "${upstream.origin}", policy: api }
`,
  });
  const issuer = new URL(server.issuer);
  metadata = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, INSECURE));
});
afterAll(async () => {
  await gate.close();
  await Promise.all([server.close(), upstream.close()]);
});

/** The browser of the person at the client: keeps cookies, and follows the server to the client's address, at most ten times. */
function browser(): (address: URL) => Promise<URL> {
  const cookies = new Map<string, string>();
  return async (address) => {
    let at = address;
    for (let hop = 0; !at.href.startsWith(REDIRECT_URI); hop++) {
      if (hop === 10) throw new Error(`going round at ${at.pathname}`);
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const answer = await fetch(at, { redirect: 'manual', headers: { cookie } });
      for (const line of answer.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
        if (value === '') cookies.delete(name);
        else cookies.set(name, value);
      }
      const next = answer.headers.get('location');
      if (next === null) throw new Error(`${answer.status} of ${at.pathname}: ${await answer.text()}`);
      at = new URL(next, at);
    }
    return at;
  };
}

/** One authorization with code and PKCE (RFC 6749 4.1, RFC 7636); the access token. */
async function authorize(visit: (address: URL) => Promise<URL>, more: Record<string, string> = {}): Promise<string> {
  const [verifier, state] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState()];
  const address = new URL(metadata.authorization_endpoint ?? '');
  address.search = new URLSearchParams({
    client_id: CLIENT_ID,
    redirect_uri: REDIRECT_URI,
    response_type: 'code',
    // the server takes acr_values of OpenID Connect requests only
    scope: 'openid pay',
    resource: RESOURCE,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    ...more,
  }).toString();
  const callback = oauth.validateAuthResponse(metadata, CLIENT, await visit(address), state);
  const response = await oauth.authorizationCodeGrantRequest(
    metadata,
    CLIENT,
    oauth.None(),
    callback,
    REDIRECT_URI,
    verifier,
    INSECURE,
  );
  return (await oauth.processAuthorizationCodeResponse(metadata, CLIENT, response)).access_token;
}

/** Calls the API as the library does: its status, and the parameters of the challenge that it read. */
async function call(token: string, path: string) {
  const address = new URL(`http://127.0.0.1:${gate.port}${path}`);
  try {
    const { status } = await oauth.protectedResourceRequest(token, 'GET', address, undefined, undefined, INSECURE);
    return { status, challenges: [] };
  } catch (problem) {
    if (!(problem instanceof oauth.WWWAuthenticateChallengeError)) throw problem;
    return { status: problem.status, challenges: problem.cause };
  }
}

describe('an OAuth client whose token is not enough', () => {
  const visit = browser();
  const INSUFFICIENT = {
    status: 401,
    challenges: [
      {
        scheme: 'bearer',
        parameters: {
          error: 'insufficient_user_authentication',
          acr_values: 'urn:sallyport:acr:medium',
          max_age: '300',
        },
      },
    ],
  };
  let weak: string;
  let strong: string;

  it('reads the challenge, asks its server for what it says, and gets in (RFC 9470 3, 4)', async () => {
    weak = await authorize(visit);
    expect(server.signIns).toEqual([PASSWORD_ACR]);
    const first = await call(weak, '/pay/7');
    expect(first).toEqual(INSUFFICIENT);
    expect(upstream.hits).toHaveLength(0);

    const { acr_values: asked = '', max_age: age = '' } = first.challenges[0]?.parameters ?? {};
    strong = await authorize(visit, { acr_values: IN_ITS_WORDS[asked] ?? '', max_age: age });
    expect(server.signIns).toEqual([PASSWORD_ACR, MFA_ACR]);
    expect(await call(strong, '/pay/7')).toEqual({ status: 200, challenges: [] });

    expect(upstream.hits.map(({ method, url }) => `${method} ${url}`)).toEqual(['GET /pay/7']);
    const { rawHeaders } = upstream.newest();
    expect(seen(rawHeaders, 'x-forwarded-user')).toBe('ann');
    expect(seen(rawHeaders, 'authorization')).toBe(undefined);
    const assertion = seen(rawHeaders, 'x-sallyport-assertion')?.split('.')[1] ?? '';
    expect(JSON.parse(Buffer.from(assertion, 'base64url').toString())).toMatchObject({
      sub: 'ann',
      acr: 'urn:sallyport:acr:medium',
    });
  });

  it('does not get in with its former token, which is good for what it was good for', async () => {
    upstream.reset();
    expect(await call(weak, '/pay/7')).toEqual(INSUFFICIENT);
    expect(upstream.hits).toHaveLength(0);
    expect((await call(weak, '/read')).status).toBe(200);
  });

  it('does not get in with a token of now for a sign-in of long ago: auth_time counts, and not when it was issued', async () => {
    upstream.reset();
    server.signedInAgo = 301;
    const late = await authorize(browser(), { acr_values: MFA_ACR });
    server.signedInAgo = 0;
    expect(server.signIns.at(-1)).toBe(MFA_ACR);
    expect(await call(late, '/pay/7')).toEqual(INSUFFICIENT);
    expect(upstream.hits).toHaveLength(0);
    expect((await call(late, '/read')).status).toBe(200);
  });

  it('is asked again once the sign-in is older than max_age, for all that its token lives on', async () => {
    upstream.reset();
    passed = 301_000;
    expect(await call(strong, '/pay/7')).toEqual(INSUFFICIENT);
    expect(upstream.hits).toHaveLength(0);
    expect((await call(strong, '/read')).status).toBe(200);
  });
});
