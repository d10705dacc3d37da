import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestGateway, seen, type TestGateway } from '../support/gateway.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';

let upstream: RecordingUpstream;
let gate: TestGateway;
let ann: string;
let bob: string;

const STEP_UP = `
version: 1
policy: careful
rules:
  - allow: staff
    when: { identity.groups: { any_of: [staff] } }
  - step_up: to-write
    when: { request.method: { none_of: [GET, HEAD] } }
    require: { level: medium, max_age: 15m }
  - deny: secret
    reason: top_secret
    when: { request.path: { prefix: /careful/secret } }
`;
const NO_WRITING = `
version: 1
policy: read-only
rules:
  - { deny: writing, reason: read_only, when: { request.method: { none_of: [GET, HEAD] } } }
`;

beforeAll(async () => {
  upstream = await openUpstream();
  gate = await openTestGateway({
    policies: { 'careful.yaml': STEP_UP, 'read-only.yaml': NO_WRITING },
    config: `
trusted_proxies: [127.0.0.1]
routes:
  - { route: app, match: { host: app.test }, upstream: "${upstream.origin}", policy: staff }
  - { route: careful, match: { host: app.test, path: /careful }, upstream: "${upstream.origin}", policy: careful }
  - { route: loud, match: { host: app.test, path: /loud }, upstream: "${upstream.origin}", policy: careful, explain: true }
  - { route: open, match: { host: app.test, path: /open }, upstream: "${upstream.origin}", public: true, policy: read-only }
  - { route: other, match: { host: other.test }, upstream: "${upstream.origin}", policy: staff }
`,
  });
  await gate.addUser('ann', ['staff']);
  await gate.addUser('bob', ['guests']);
  ann = await gate.signIn('ann');
  bob = await gate.signIn('bob');
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});
beforeEach(() => upstream.reset());

const navigation = ['Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document', 'Accept: text/html'];
const as = (cookie: string): string => `Cookie: sallyport=${cookie}`;
const problem = (body: string): Record<string, unknown> => JSON.parse(body);

describe('nobody is authenticated', () => {
  it('an API client gets 401 with a challenge and where to sign in', async () => {
    const answer = await gate.send('GET /a?b=c HTTP/1.1');
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expect(problem(answer.body)).toMatchObject({
      reason: 'login_required',
      login_url: '/.sallyport/login?return_to=%2Fa%3Fb%3Dc',
      correlation_id: answer.headers.get('x-request-id'),
    });
  });
  it('a browser navigation is sent to sign in and back', async () => {
    const answer = await gate.send('GET /a?b=c HTTP/1.1', navigation);
    expect(answer.status).toBe(302);
    expect(answer.headers.get('location')).toBe('/.sallyport/login?return_to=%2Fa%3Fb%3Dc');
  });
  it('fetch is never redirected', async () => {
    expect((await gate.send('GET /a HTTP/1.1', ['Sec-Fetch-Mode: cors', 'Accept: text/html'])).status).toBe(401);
  });
  it('a navigation by POST gets a page with a sign-in link', async () => {
    const answer = await gate.send('POST /a HTTP/1.1', navigation);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('content-type')).toMatch(/text\/html/);
    expect(answer.body).toContain('/.sallyport/login');
    expect(answer.headers.get('content-security-policy')).toMatch(/default-src 'none'/);
  });
  afterAll(() => expect(upstream.hits).toEqual([]));
});

describe('a credential that is presented and invalid', () => {
  const dead = `sallyport=00.${'A'.repeat(43)}`;
  it('is 401 for an API client', async () => {
    const answer = await gate.send('GET /a HTTP/1.1', [`Cookie: ${dead}`]);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toContain('error="invalid_token"');
    expect(problem(answer.body)).toMatchObject({ reason: 'invalid_token' });
    expect(upstream.hits).toEqual([]);
  });
  it('is cleared in a browser, who is nobody', async () => {
    const answer = await gate.send('GET /a HTTP/1.1', [`Cookie: ${dead}`, ...navigation]);
    expect(answer.status).toBe(302);
    expect(answer.setCookies.join()).toMatch(/^sallyport=; .*Max-Age=0/);
    expect(upstream.hits).toEqual([]);
  });
  it('is dropped on a public route', async () => {
    expect((await gate.send('GET /open HTTP/1.1', [`Cookie: ${dead}`])).status).toBe(200);
    expect(seen(upstream.newest().rawHeaders, 'cookie')).toBeUndefined();
  });
  it('that was given out over plain HTTP is none over https', async () => {
    const secure = ['X-Forwarded-Proto: https', 'X-Forwarded-For: 1.2.3.4'];
    expect((await gate.send('GET /a HTTP/1.1', [`Cookie: __Host-sallyport=${ann}`, ...secure])).status).toBe(401);
    expect(upstream.hits).toEqual([]);
  });
  it('of another host is none here', async () => {
    expect((await gate.send('GET /a HTTP/1.1', ['Host: other.test', as(ann)])).status).toBe(401);
  });
  it('twice is none', async () => {
    const answer = await gate.send('GET /a HTTP/1.1', [`Cookie: sallyport=${ann}; sallyport=${ann}`]);
    expect(problem(answer.body)).toMatchObject({ reason: 'login_required' });
  });
  it.each(['Bearer spt_x', 'bearer spr_x', 'Token sps_x', 'DPoP spt_x', 'spt_x', 'Bearer "spt_x"'])(
    'a token of ours (%s) never reaches the upstream',
    async (token) => {
      const open = await gate.send('GET /open HTTP/1.1', [`Authorization: ${token}`]);
      expect(open.status).toBe(200);
      expect(seen(upstream.newest().rawHeaders, 'authorization')).toBeUndefined();
      upstream.reset();
      const answer = await gate.send('GET /a HTTP/1.1', [`Authorization: ${token}`, as(ann)]);
      expect(problem(answer.body)).toMatchObject({ reason: 'invalid_token' });
      expect(upstream.hits).toEqual([]);
    },
  );
  it('an Authorization of the application’s own passes', async () => {
    expect((await gate.send('GET /a HTTP/1.1', ['Authorization: Basic YTpi', as(ann)])).status).toBe(200);
    expect(seen(upstream.newest().rawHeaders, 'authorization')).toBe('Basic YTpi');
  });
});

describe('policy answers', () => {
  it('allow forwards', async () => {
    const answer = await gate.send('GET /a HTTP/1.1', [as(ann)]);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-sallyport')).toBeUndefined();
    expect(upstream.hits).toHaveLength(1);
  });
  it('deny is 403 and never says which rule', async () => {
    const answer = await gate.send('GET /careful/secret HTTP/1.1', [as(ann)]);
    expect(answer.status).toBe(403);
    expect(problem(answer.body)).toMatchObject({ reason: 'top_secret' });
    expect(answer.body).not.toContain('careful.yaml');
    expect(upstream.hits).toEqual([]);
  });
  it('unless the route explains', async () => {
    const answer = await gate.send('POST /loud/x HTTP/1.1', [as(ann)]);
    expect(problem(answer.body)).toMatchObject({ rule: { policy: 'careful', rule: 'to-write' } });
  });
  it('no rule at all is a page that a person understands', async () => {
    const answer = await gate.send('GET /a HTTP/1.1', [as(bob), ...navigation]);
    expect(answer.status).toBe(403);
    expect(answer.body).toContain(answer.headers.get('x-request-id'));
    expect(answer.body).toContain('no_rule_matched');
    expect(upstream.hits).toEqual([]);
  });
  it('step-up is the challenge of RFC 9470 for an API client', async () => {
    const answer = await gate.send('POST /careful/x HTTP/1.1', [as(ann), 'Content-Length: 2'], 'hi');
    expect(answer.status).toBe(401);
    const challenge = answer.headers.get('www-authenticate') ?? '';
    expect(challenge).toContain('error="insufficient_user_authentication"');
    expect(challenge).toContain('acr_values="urn:sallyport:acr:medium"');
    expect(challenge).toMatch(/max_age="?900/);
    expect(upstream.hits).toEqual([]);
  });
  it('a path that matches only when case is ignored fires the deny (policy-language 7)', async () => {
    expect((await gate.send('GET /careful/SECRET HTTP/1.1', [as(ann)])).status).toBe(403);
    expect(upstream.hits).toEqual([]);
  });
  it('a public route may still deny', async () => {
    expect((await gate.send('POST /open HTTP/1.1')).status).toBe(403);
    expect((await gate.send('GET /open HTTP/1.1')).status).toBe(200);
    expect(upstream.hits).toHaveLength(1);
  });
});

it('a browser that asks in an ambiguous way gets a page too, and the connection is closed', async () => {
  const answer = await gate.send('GET /a//b HTTP/1.1', navigation);
  expect(answer.status).toBe(400);
  expect(answer.headers.get('content-type')).toMatch(/text\/html/);
  expect(answer.body).toContain(answer.headers.get('x-request-id'));
  expect(answer.headers.get('connection')).toBe('close');
  expect(upstream.hits).toEqual([]);
});

describe('where there is nothing', () => {
  it.each([
    ['an unknown host', 'GET / HTTP/1.1', ['Host: nobody.test'], 404, 'no_route'],
    ['our endpoints on an unknown host', 'GET /.sallyport/userinfo HTTP/1.1', ['Host: nobody.test'], 404, 'no_route'],
    ['an unknown endpoint of ours', 'GET /.sallyport/nothing HTTP/1.1', [], 404, 'no_route'],
    ['our root', 'GET /.sallyport HTTP/1.1', [], 404, 'no_route'],
    ['a method that an endpoint has not', 'DELETE /.sallyport/userinfo HTTP/1.1', [], 405, 'method_not_allowed'],
  ])('%s', async (_name, line, headers, status, reason) => {
    const answer = await gate.send(line, [as(ann), ...headers]);
    expect(answer.status).toBe(status);
    expect(problem(answer.body)).toMatchObject({ reason });
    expect(upstream.hits).toEqual([]);
  });
});

describe('our own paths in an odd spelling are neither served nor forwarded', () => {
  it.each([
    '/.sallyport//login',
    '/.sallyport/login;x',
    '/.sallyport/a%2fb',
    '/.SALLYPORT/login',
    '/.Sallyport/jwks.json',
    '/.sallyporT',
    '//.sallyport/login',
    '/.sallyport%2flogin',
    '/%2f.sallyport/login',
    '/.sallyport;x/login',
  ])('%s', async (path) => {
    const answer = await gate.send(`GET ${path} HTTP/1.1`, [as(ann)]);
    expect([answer.status, problem(answer.body).reason]).toEqual([400, 'ambiguous_request']);
    expect(upstream.hits).toEqual([]);
  });
});

it('userinfo says who is here, and who is not', async () => {
  expect(problem((await gate.send('GET /.sallyport/userinfo HTTP/1.1')).body)).toEqual({ authenticated: false });
  expect(problem((await gate.send('GET /.sallyport/userinfo HTTP/1.1', [as(ann)])).body)).toMatchObject({
    authenticated: true,
    sub: 'ann',
    provider: 'staff',
  });
});
