import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { CompactEncrypt, exportSPKI } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestGateway, seen, type TestGateway } from '../support/gateway.ts';
import { type KeyServer, openKeyServer, part, type SigningPair, signingPair, signRaw } from '../support/issuer.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';

const ISSUER = 'https://issuer.test';
let upstream: RecordingUpstream;
let keys: KeyServer;
/** a server of keys that the attacker owns */
let evil: KeyServer;
let gate: TestGateway;
let cookie: string;
let ec: SigningPair;
let rsa: SigningPair;
let twins: readonly [SigningPair, SigningPair];
let stranger: SigningPair;

beforeAll(async () => {
  const [first, second, other, ...twin] = await Promise.all([
    signingPair('ES256', 'ec'),
    signingPair('RS256', 'rsa'),
    signingPair('ES256', 'ec'),
    signingPair('ES256', 'twin'),
    signingPair('ES256', 'twin'),
  ]);
  [ec, rsa, stranger, twins] = [first, second, other, twin];
  upstream = await openUpstream();
  evil = await openKeyServer([stranger.jwk]);
  keys = await openKeyServer([
    ec.jwk,
    rsa.jwk,
    ...twins.map(({ jwk }) => jwk),
    { kty: 'oct', kid: 'shared', alg: 'HS256', k: part('secret') },
  ]);
  gate = await openTestGateway({
    storeBornAgo: 3_600_000,
    config: `
identity: { providers: [{ id: staff, type: local }, { id: services, type: jwt, issuer: "${ISSUER}", jwks: "${keys.url}", audience: [api, other], max_age: 1h }] }
routes:
  - { route: open, upstream: "${upstream.origin}", match: { path: /open }, public: true }
  - { route: app, upstream: "${upstream.origin}", policy: staff, user_prefix: true }
`,
  });
  await gate.addUser('ann');
  cookie = await gate.signIn('ann');
});
afterAll(async () => {
  await gate.close();
  await Promise.all([upstream.close(), keys.close(), evil.close()]);
});
beforeEach(() => upstream.reset());

const seconds = (): number => Math.floor(Date.now() / 1000);
const header = (more: object = {}): object => ({ alg: 'ES256', kid: 'ec', typ: 'JWT', ...more });
const claims = (more: object = {}): object => ({
  iss: ISSUER,
  aud: 'api',
  sub: 'svc',
  iat: seconds() - 5,
  exp: seconds() + 300,
  groups: ['staff'],
  ...more,
});
const good = (more: object = {}): Promise<string> => signRaw(ec, header(), claims(more));
/** claims as text, with something written into them that no serialiser writes */
const written = (text: string, without: readonly string[] = []): string => {
  const rest = Object.entries(claims()).filter(([name]) => !without.includes(name));
  return `${JSON.stringify(Object.fromEntries(rest)).slice(0, -1)},${text}}`;
};
const hmac = (key: string, kid: string): string => {
  const input = `${part({ alg: 'HS256', typ: 'JWT', kid })}.${part(claims())}`;
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
};
const send = (path: string, ...headers: readonly string[]) => gate.send(`GET ${path} HTTP/1.1`, headers);
const bearer = (token: string): string => `Authorization: Bearer ${token}`;

describe('who comes with a good token', () => {
  it.each<[string, () => Promise<string>]>([
    ['ES256', () => good()],
    ['RS256', () => signRaw(rsa, { alg: 'RS256', kid: 'rsa' }, claims())],
    ['no kid, and one key that fits', () => signRaw(rsa, { alg: 'RS256' }, claims())],
    ['at+jwt', () => signRaw(ec, header({ typ: 'at+jwt' }), claims())],
    ['several audiences, one of them ours', () => good({ aud: ['x', 'other'] })],
  ])('%s: is somebody, and the application never sees the token', async (_name, make) => {
    const token = await make();
    for (let i = 0; i < 2; i++) {
      const answer = await send('/', bearer(token));
      expect(answer.status).toBe(200);
      const { rawHeaders } = upstream.newest();
      expect(seen(rawHeaders, 'x-forwarded-user')).toBe('services:svc');
      expect(seen(rawHeaders, 'x-forwarded-groups')).toBe('staff');
      expect(seen(rawHeaders, 'authorization')).toBe(undefined);
      expect(rawHeaders.join()).not.toContain(token);
      const assertion = seen(rawHeaders, 'x-sallyport-assertion')?.split('.')[1] ?? '';
      expect(JSON.parse(Buffer.from(assertion, 'base64url').toString())).toMatchObject({
        sub: 'svc',
        provider: 'services',
        aud: 'app',
        groups: ['staff'],
        acr: 'urn:sallyport:acr:none',
        amr: [],
      });
    }
  });

  it.each(['bearer', 'BEARER', 'bEaReR'])('the scheme is a word in any case: %s (RFC 9110 11.1)', async (scheme) => {
    expect((await send('/', `Authorization: ${scheme} ${await good()}`)).status).toBe(200);
  });

  it('counts before a cookie', async () => {
    expect((await send('/', `Cookie: sallyport=${cookie}`, bearer(await good()))).status).toBe(200);
    expect(seen(upstream.newest().rawHeaders, 'x-forwarded-user')).toBe('services:svc');
  });

  it('is told by userinfo, and on a public route too', async () => {
    const token = await good({ jti: 'j' });
    const told = JSON.parse((await send('/.sallyport/userinfo', bearer(token))).body);
    expect(told).toMatchObject({ authenticated: true, user: 'services:svc', assurance: 'none', amr: [] });
    expect(told.session).toBe(undefined);
    expect((await send('/open', bearer(token))).status).toBe(200);
    expect(seen(upstream.newest().rawHeaders, 'x-forwarded-user')).toBe('services:svc');
  });

  it('is judged by the policies like everybody', async () => {
    const answer = await send('/', bearer(await good({ groups: ['guests'] })));
    expect(answer.status).toBe(403);
    expect(upstream.hits).toHaveLength(0);
  });

  it('other schemes are the application’s own business', async () => {
    expect((await send('/', `Cookie: sallyport=${cookie}`, 'Authorization: Basic YTpi')).status).toBe(200);
    expect(seen(upstream.newest().rawHeaders, 'authorization')).toBe('Basic YTpi');
  });
});

const ATTACKS: readonly (readonly [name: string, make: () => string | Promise<string>])[] = [
  // RFC 8725 2.1, 3.1: the algorithm is ours to choose
  ['alg none, without a signature', () => `${part({ alg: 'none' })}.${part(claims())}.`],
  [
    'alg none, with the signature of another',
    async () => `${part({ alg: 'none' })}.${(await good()).split('.').slice(1).join('.')}`,
  ],
  ...['None', 'NONE', 'nOnE', ''].map((alg) => [`alg ${alg}`, () => signRaw(ec, header({ alg }), claims())] as const),
  ['HS256 over the PEM of the EC key', async () => hmac(await exportSPKI(ec.publicKey), 'ec')],
  ['HS256 over the PEM of the RSA key', async () => hmac(await exportSPKI(rsa.publicKey), 'rsa')],
  ['HS256 over the JWK of the EC key', () => hmac(JSON.stringify(ec.jwk), 'ec')],
  ['HS256 over the JWK of the RSA key', () => hmac(JSON.stringify(rsa.jwk), 'rsa')],
  ['HS256 over the modulus', () => hmac(rsa.jwk.n as string, 'rsa')],
  ['HS256 with the shared key that the set holds', () => hmac('secret', 'shared')],
  ['HS256 with an empty key', () => hmac('', 'ec')],
  ['RS256 said of an EC key', () => signRaw(ec, header({ alg: 'RS256' }), claims())],
  ['ES256 said of an RSA key', () => signRaw(rsa, header({ kid: 'rsa' }), claims())],
  ['ES384 said of a P-256 key', () => signRaw(ec, header({ alg: 'ES384' }), claims())],
  ['RS512, which is not in the list', () => signRaw(rsa, { alg: 'RS512', kid: 'rsa' }, claims())],
  // kid is a name and nothing else
  ...[
    '../../../../dev/null',
    '/proc/self/environ',
    'http://127.0.0.1:1/key',
    "ec' OR '1'='1",
    'ec\u0000',
    '__proto__',
    'EC',
    ' ec',
  ].map((kid) => [`kid ${JSON.stringify(kid)}`, () => signRaw(ec, header({ kid }), claims())] as const),
  ['kid a number', () => signRaw(ec, header({ kid: 0 }), claims())],
  ['kid a list', () => signRaw(ec, header({ kid: ['ec'] }), claims())],
  ['kid null', () => signRaw(ec, header({ kid: null }), claims())],
  ['no kid, and several keys that fit', () => signRaw(ec, { alg: 'ES256' }, claims())],
  ['kid of two keys, the first', () => signRaw(twins[0], header({ kid: 'twin' }), claims())],
  ['kid of two keys, the second', () => signRaw(twins[1], header({ kid: 'twin' }), claims())],
  ['kid of another key', () => signRaw(ec, header({ kid: 'rsa' }), claims())],
  // keys that come with the token
  ['jku', () => signRaw(stranger, header({ jku: evil.url }), claims())],
  ['x5u', () => signRaw(stranger, header({ x5u: evil.url }), claims())],
  ['jwk', () => signRaw(stranger, header({ jwk: stranger.jwk }), claims())],
  ['x5c', () => signRaw(stranger, header({ x5c: ['AAAA'] }), claims())],
  ['jku beside a good signature', () => signRaw(ec, header({ jku: keys.url }), claims())],
  // another reading of the bytes
  ['crit', () => signRaw(ec, header({ crit: ['exp'] }), claims())],
  ['crit, empty', () => signRaw(ec, header({ crit: [] }), claims())],
  ['crit of a name that is not there', () => signRaw(ec, header({ crit: ['x'], x: 1 }), claims())],
  ['b64 false', () => signRaw(ec, header({ b64: false, crit: ['b64'] }), claims())],
  ['b64 false, not critical', () => signRaw(ec, header({ b64: false }), claims())],
  ['zip', () => signRaw(ec, header({ zip: 'DEF' }), claims())],
  ['a list as payload', () => signRaw(ec, header(), [claims()])],
  ['a text as payload', () => signRaw(ec, header(), JSON.stringify('svc'))],
  ['null as payload', () => signRaw(ec, header(), 'null')],
  ['no JSON as payload', () => signRaw(ec, header(), 'svc')],
  ['a list as header', () => signRaw(ec, [header()], claims())],
  ['another typ', () => signRaw(ec, header({ typ: 'logout+jwt' }), claims())],
  ['a name twice in the header', () => signRaw(ec, '{"alg":"ES256","kid":"ec","kid":"ec"}', claims())],
  ['sub twice', () => signRaw(ec, header(), written('"sub":"root"'))],
  ['sub twice, once escaped', () => signRaw(ec, header(), written('"\\u0073ub":"root"'))],
  ['a nested token', async () => signRaw(ec, header({ cty: 'JWT' }), await good())],
  ['a nested token that does not say so', async () => signRaw(ec, header(), JSON.stringify(await good()))],
  [
    'encrypted to the public key',
    async () =>
      new CompactEncrypt(Buffer.from(await good()))
        .setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM', kid: 'rsa', cty: 'JWT' })
        .encrypt({ kty: 'RSA', n: rsa.jwk.n as string, e: rsa.jwk.e as string, alg: 'RSA-OAEP-256' }),
  ],
  // times
  ...[
    '1e400',
    '-1',
    '-1e400',
    '"9999999999"',
    'null',
    'true',
    '[9999999999]',
    '{}',
    '0',
    'NaN',
    '1e20',
    '253402300800',
  ].map((exp) => [`exp ${exp}`, () => signRaw(ec, header(), written(`"exp":${exp}`, ['exp']))] as const),
  ...['1e400', '"1"', 'null', '-1', '[]'].map(
    (iat) => [`iat ${iat}`, () => signRaw(ec, header(), written(`"iat":${iat}`, ['iat']))] as const,
  ),
  ...['1e400', '"0"', 'null'].map(
    (nbf) => [`nbf ${nbf}`, () => signRaw(ec, header(), written(`"nbf":${nbf}`))] as const,
  ),
  ...['exp', 'iat', 'sub', 'iss', 'aud'].map((name) => [`no ${name}`, () => good({ [name]: undefined })] as const),
  ['expired', () => good({ iat: seconds() - 600, exp: seconds() - 11 })],
  ['iat in the future', () => good({ iat: seconds() + 60 })],
  ['nbf in the future', () => good({ nbf: seconds() + 60 })],
  ['exp before iat', () => good({ iat: seconds() - 1, exp: seconds() - 2 })],
  ['older than max_age, for all that exp says', () => good({ iat: seconds() - 3611, exp: seconds() + 300 })],
  // who, from whom, for whom
  ['another issuer', () => good({ iss: 'https://issuer.example' })],
  ['the issuer with a slash', () => good({ iss: `${ISSUER}/` })],
  ['the issuer in capitals', () => good({ iss: ISSUER.toUpperCase() })],
  ['the issuer in a list', () => good({ iss: [ISSUER] })],
  ['another audience', () => good({ aud: 'apis' })],
  ['other audiences', () => good({ aud: ['x', 'y'] })],
  ['no audience at all', () => good({ aud: [] })],
  ['the audience as an object', () => good({ aud: { api: true } })],
  ['the audience in a list in a list', () => good({ aud: [['api']] })],
  ['sub empty', () => good({ sub: '' })],
  ['sub a number', () => good({ sub: 0 })],
  ['sub of two lines', () => good({ sub: 'svc\r\nX-Forwarded-Groups: root' })],
  ['sub long', () => good({ sub: 's'.repeat(257) })],
  ['groups that are no list', () => good({ groups: { staff: true } })],
  // signatures
  ['the key of a stranger under a known name', () => signRaw(stranger, header(), claims())],
  ['another payload', async () => (await good()).replace(/\.[^.]+\./, `.${part(claims({ sub: 'root' }))}.`)],
  ['a signature of nothing (CVE-2022-21449)', async () => (await good()).replace(/[^.]+$/, 'A'.repeat(86))],
  ['cut short', async () => (await good()).slice(0, -1)],
  ['without its signature', async () => (await good()).replace(/[^.]+$/, '')],
  ['of two parts', async () => (await good()).replace(/\.[^.]+$/, '')],
  ['with one part too many', async () => `${await good()}.x`],
  ['in DER', async () => `${(await good()).split('.').slice(0, 2).join('.')}.MEUCIQDx`],
  // spellings of the same bytes
  ['padded', async () => `${await good()}==`],
  ['with padded parts', async () => (await good()).replaceAll('.', '=.')],
  ['in base64 of the other alphabet', () => `${Buffer.from('{"a":"???>>>"}').toString('base64')}.e30.QQ`],
  ['with white space inside', async () => (await good()).replace('.', ' .')],
  ['with a tab inside', async () => (await good()).replace('.', '\t.')],
  ['in quotes', async () => `"${await good()}"`],
  ['percent-encoded', async () => (await good()).replaceAll('.', '%2E')],
  ['as bytes beyond ASCII', () => 'ab\u00e9.\u00e9.\u00e9'],
  ['two tokens', async () => `${await good()} ${await good({ sub: 'root' })}`],
  ['two tokens with a comma', async () => `${await good()}, Bearer ${await good()}`],
  ['the scheme twice', async () => `Bearer ${await good()}`],
  ['with a parameter', async () => `${await good()}, realm="x"`],
  ['nothing', () => ''],
  ['a token of ours', () => 'spt_0123456789'],
  ['over 8 KiB', () => good({ pad: 'x'.repeat(7000) })],
];

describe('a token that is not valid is nobody, and never anybody else (RFC 8725)', () => {
  it.each(ATTACKS)('%s', async (_name, make) => {
    const asked = evil.asked;
    const token = await make();
    // a good session beside it changes nothing: the credential that was presented is the one that counts
    for (const extra of [[], [`Cookie: sallyport=${cookie}`]]) {
      const answer = await send('/', bearer(token), ...extra);
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
      expect(JSON.parse(answer.body)).toMatchObject({ reason: 'invalid_token' });
      expect(answer.setCookies).toEqual([]);
    }
    expect(upstream.hits).toHaveLength(0);
    expect(evil.asked).toBe(asked);
  });

  it('on a public route it is dropped, and the request is nobody’s', async () => {
    expect((await send('/open', bearer(await signRaw(stranger, header(), claims())))).status).toBe(200);
    const { rawHeaders } = upstream.newest();
    expect(seen(rawHeaders, 'authorization')).toBe(undefined);
    expect(seen(rawHeaders, 'x-forwarded-user')).toBe('');
  });

  it('a browser is told the same, and keeps its cookie', async () => {
    const answer = await send('/', bearer('x.y.z'), `Cookie: sallyport=${cookie}`, 'Sec-Fetch-Mode: navigate');
    expect([answer.status, answer.setCookies]).toEqual([401, []]);
  });

  it('userinfo refuses it too', async () => {
    expect((await send('/.sallyport/userinfo', bearer('x.y.z'))).status).toBe(401);
    expect((await send('/.sallyport/login', bearer('x.y.z'))).status).toBe(200);
  });

  it.each<[string, (token: string) => readonly string[]]>([
    ['behind a comma', (token) => [`Authorization: Basic YTpi, Bearer ${token}`]],
    ['after a tab', (token) => [`Authorization: Bearer\t${token}`]],
    ['behind another word', (token) => [`Authorization: Token bearer ${token}`]],
  ])('%s it is a token all the same, and not one', async (_name, headers) => {
    expect((await send('/', `Cookie: sallyport=${cookie}`, ...headers(await good()))).status).toBe(401);
    expect(upstream.hits).toHaveLength(0);
  });

  it('two Authorization headers are two readings', async () => {
    const token = await good();
    expect((await send('/', bearer(token), bearer(token))).status).toBe(400);
    expect(upstream.hits).toHaveLength(0);
  });

  it('in the query, a form or another header it is no credential (RFC 6750 2.2, 2.3)', async () => {
    const token = await good();
    for (const headers of [[], [`X-Authorization: Bearer ${token}`], [`Proxy-Authorization: Bearer ${token}`]]) {
      expect((await send(`/?access_token=${token}`, ...headers)).status).toBe(401);
    }
    expect(upstream.hits).toHaveLength(0);
  });

  it('of 5 MB it is refused unread', async () => {
    const answer = await send('/', bearer('x'.repeat(5_000_000)));
    expect([431, 400]).toContain(answer.status);
    expect(upstream.hits).toHaveLength(0);
  });
});

describe('after all of that', () => {
  it('the gateway lives, and a good token is good', async () => {
    expect((await send('/', bearer(await good()))).status).toBe(200);
    expect(gate.logged.filter((line) => /a request failed inside/.test(line))).toEqual([]);
  });

  it('refusals were counted, and recorded with the check that failed and without the token', async () => {
    const answer = await send('/', bearer(await good({ aud: 'elsewhere' })));
    const id = answer.headers.get('x-request-id') ?? '';
    await gate.gateway.services.audit.recordDurably({ time: 0, type: 'system', action: 'mark', result: 'success' });
    const line = readFileSync(`${gate.directory}/data/audit.ndjson`, 'utf8')
      .split('\n')
      .find((text) => text.includes(id));
    expect(JSON.parse(line ?? '{}')).toMatchObject({
      reason: 'invalid_token',
      status: 401,
      detail: 'token unknown: claim aud does not hold',
    });
    expect(line).not.toContain('eyJ');
    const metrics = await (await fetch(`http://127.0.0.1:${gate.adminPort}/metrics`)).text();
    const count = /sallyport_authentications_total\{method="bearer",result="invalid_token"\} (\d+)/.exec(metrics)?.[1];
    expect(Number(count)).toBeGreaterThan(100);
  });
});
