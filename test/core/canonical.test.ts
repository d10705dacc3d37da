import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cidrSet } from '../../src/core/address.ts';
import { type CanonicalOptions, canonicalise } from '../../src/core/canonical.ts';
import type { RequestHead } from '../../src/core/facts.ts';
import { ODD_DOUBLE_SLASH, ODD_ENCODED_SLASH, ODD_SEMICOLON } from '../../src/core/facts.ts';
import { headerTable } from '../../src/core/header-names.ts';

const options: CanonicalOptions = {
  maxHeadBytes: 16384,
  maxHeaders: 100,
  maxTargetBytes: 8192,
  headerTable: headerTable(['X-Our-Own_Name']),
  isTrustedProxy: cidrSet(['10.0.0.0/8', '2001:db8::/32']),
  plainCookies: true,
  bearerTokens: false,
};

function head(more: Partial<RequestHead> & { headers?: readonly [string, string][] } = {}): RequestHead {
  const { headers = [], ...rest } = more;
  return {
    method: 'GET',
    target: '/',
    httpVersion: '1.1',
    peerAddress: '192.0.2.1',
    secure: false,
    rawHeaders: (headers.some(([name]) => name.toLowerCase() === 'host')
      ? headers
      : [['Host', 'a.example'] as const, ...headers]
    ).flat(),
    ...rest,
  };
}
const read = (more: Parameters<typeof head>[0] = {}) => canonicalise(head(more), 'id', 1, options);
function facts(more: Parameters<typeof head>[0] = {}) {
  const result = read(more);
  if (result.kind !== 'facts') throw new Error(`refused: ${result.detail}`);
  return result;
}
const refusal = (more: Parameters<typeof head>[0]) => {
  const result = read(more);
  return result.kind === 'refusal' ? result.reason : `accepted ${result.path}`;
};

describe('the path is read in one way or refused (rule 3)', () => {
  it.each([
    ['', 'empty'],
    ['*', 'asterisk-form'],
    ['http://a.example/', 'absolute-form'],
    ['a.example:80', 'authority-form'],
    ['/a\\b', 'backslash'],
    ['/\\evil', 'backslash authority'],
    ['/a%5Cb', 'encoded backslash'],
    ['/a%00', 'encoded NUL'],
    ['/a%0d%0ab', 'encoded CRLF'],
    ['/a%7f', 'encoded DEL'],
    ['/a\x01', 'raw control'],
    ['/a b', 'space'],
    ['/a\tb', 'tab'],
    ['/\xe9', 'raw non-ASCII'],
    ['/a#b', 'raw fragment'],
    ['/a?b#c', 'raw fragment in the query'],
    ['/a?b\x00', 'control in the query'],
    ['/a?b c', 'space in the query'],
    ['/%2e', 'encoded dot'],
    ['/%2E%2e/a', 'encoded dot segment'],
    ['/a%2ehtml', 'encoded dot inside a name'],
    ['/.', 'dot segment'],
    ['/..', 'double dot segment'],
    ['/a/./b', 'inner dot segment'],
    ['/a/../b', 'inner double dot'],
    ['/a/..', 'last double dot'],
    ['/..;/a', 'dot segment with a parameter'],
    ['/a/..;x=y/b', 'dot segment with a parameter inside'],
    ['/a%2F..%2Fb', 'dot segment between encoded slashes'],
    ['/a%2f.', 'dot segment after an encoded slash'],
    ['/%', 'lone percent'],
    ['/%4', 'short escape'],
    ['/%zz', 'no hex'],
    ['/%u002e', 'IIS escape'],
    ['/%ff', 'invalid UTF-8'],
    ['/%c0%ae', 'overlong UTF-8 dot'],
    ['/%c0%af', 'overlong UTF-8 slash'],
    ['/%ed%a0%80', 'UTF-8 surrogate'],
    ['/%252e%252e/', 'doubly encoded dots'],
    ['/%252f', 'doubly encoded slash'],
    ['/%25%32%66', 'doubly encoded slash, digits encoded'],
    ['/%25252e', 'triply encoded dot'],
    ['/%255c', 'doubly encoded backslash'],
    ['/%2500', 'doubly encoded NUL'],
  ])('%j (%s) is refused', (target) => {
    expect(refusal({ target })).toBe('ambiguous_request');
  });

  it.each([
    ['/', '/', '/'],
    ['/a/b.html', '/a/b.html', '/a/b.html'],
    ['/.well-known/x', '/.well-known/x', '/.well-known/x'],
    ['/...', '/...', '/...'],
    ['/%41%7e%5f', '/A~_', '/A~_'],
    ['/%c3%a9', '/%C3%A9', '/é'],
    ['/a%20b', '/a%20b', '/a b'],
    ['/a%3fb%23c', '/a%3Fb%23c', '/a?b#c'],
    ['/100%25', '/100%25', '/100%'],
    ["/a:b@c!$&'()*+,=", "/a:b@c!$&'()*+,=", "/a:b@c!$&'()*+,="],
  ])('%j goes upstream as %j and policies see %j', (target, path, decodedPath) => {
    expect(facts({ target })).toMatchObject({ path, decodedPath, oddities: 0, query: '' });
  });

  it.each([
    ['/a%2fb', ODD_ENCODED_SLASH, '/a%2Fb', '/a%2Fb'],
    ['/a;b', ODD_SEMICOLON, '/a;b', '/a;b'],
    ['/a//b', ODD_DOUBLE_SLASH, '/a//b', '/a//b'],
    ['//evil.example/x', ODD_DOUBLE_SLASH, '//evil.example/x', '//evil.example/x'],
    ['//a;b%2Fc', ODD_DOUBLE_SLASH | ODD_ENCODED_SLASH | ODD_SEMICOLON, '//a;b%2Fc', '//a;b%2Fc'],
  ])('%j is reported as odd and left for the route to allow', (target, oddities, path, decodedPath) => {
    expect(facts({ target })).toMatchObject({ oddities, path, decodedPath });
  });

  it('keeps the query byte for byte', () => {
    expect(facts({ target: '/a?x=%2e%2e/&y=%zz&z=\xff' }).query).toBe('?x=%2e%2e/&y=%zz&z=\xff');
  });

  it('is idempotent, and what it accepts holds no dot segment, control or backslash once decoded', () => {
    const piece = fc.constantFrom(
      '/',
      '.',
      '%',
      '2',
      'e',
      'f',
      'F',
      'E',
      '5',
      'c',
      ';',
      'a',
      '%2e',
      '%2F',
      '%25',
      '%c3',
      '%a9',
      '\\',
      '//',
      '..',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const first = read({ target: `/${pieces.join('')}` });
        if (first.kind !== 'facts') return;
        const again = facts({ target: first.path });
        expect(again.path).toBe(first.path);
        expect(again.decodedPath).toBe(first.decodedPath);
        for (const reading of [first.path, first.decodedPath, decodeURIComponent(first.path)]) {
          expect(reading.split(/[/]/).map((segment) => segment.replace(/;.*/, ''))).not.toContain('..');
          expect(reading).not.toMatch(/[\\\0]/);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe('what the parser lets through is refused (rule 4)', () => {
  const body = (headers: [string, string][]) => ({ method: 'POST', headers });
  it.each<[string, Parameters<typeof head>[0]]>([
    ['HTTP/0.9', { httpVersion: '0.9' }],
    ['HTTP/2.0 as text', { httpVersion: '2.0' }],
    ['TRACE', { method: 'TRACE' }],
    ['CONNECT', { method: 'CONNECT' }],
    ['a lower-case method', { method: 'get' }],
    ['no Host', { rawHeaders: [] }],
    [
      'two Hosts',
      {
        headers: [
          ['Host', 'a.example'],
          ['Host', 'a.example'],
        ],
      },
    ],
    [
      'a Host alias',
      {
        headers: [
          ['Host', 'a.example'],
          ['HOST', 'b.example'],
        ],
      },
    ],
    ['an empty Host', { headers: [['Host', '']] }],
    ['a list in Host', { headers: [['Host', 'a.example, b.example']] }],
    ['userinfo in Host', { headers: [['Host', 'x@a.example']] }],
    ['a trailing dot', { headers: [['Host', 'a.example.']] }],
    ['an empty port', { headers: [['Host', 'a.example:']] }],
    ['port 0', { headers: [['Host', 'a.example:0']] }],
    ['a port over 65535', { headers: [['Host', 'a.example:65536']] }],
    ['a path in Host', { headers: [['Host', 'a.example/x']] }],
    ['an escape in Host', { headers: [['Host', 'a%2eexample']] }],
    ['an IPv4 address in brackets', { headers: [['Host', '[1.2.3.4]']] }],
    ['a mapped address in brackets', { headers: [['Host', '[::ffff:1.2.3.4]']] }],
    ['the method of ICE', { method: 'SOURCE' }],
    ['Connection naming what we judge by', { headers: [['Connection', 'Sec-Fetch-Site']] }],
    ['Connection naming Cookie', { headers: [['Connection', 'cookie']] }],
    ['Content-Length with something behind it', { method: 'POST', headers: [['Content-Length_', '1']] }],
    ['a bad IPv6 Host', { headers: [['Host', '[::zz]']] }],
    ['an empty label', { headers: [['Host', 'a..example']] }],
    ['Transfer-Encoding: gzip, chunked', body([['Transfer-Encoding', 'gzip, chunked']])],
    ['Transfer-Encoding: ,chunked', body([['Transfer-Encoding', ',chunked']])],
    ['an empty Transfer-Encoding', body([['Transfer-Encoding', '']])],
    ['Transfer-Encoding: identity', body([['Transfer-Encoding', 'identity']])],
    [
      'two Transfer-Encodings',
      body([
        ['Transfer-Encoding', 'chunked'],
        ['Transfer-Encoding', 'chunked'],
      ]),
    ],
    ['Transfer-Encoding on HTTP/1.0', { ...body([['Transfer-Encoding', 'chunked']]), httpVersion: '1.0' }],
    [
      'both framings',
      body([
        ['Transfer-Encoding', 'chunked'],
        ['Content-Length', '3'],
      ]),
    ],
    ['Content-Length: 010', body([['Content-Length', '010']])],
    ['Content-Length: +1', body([['Content-Length', '+1']])],
    ['Content-Length: 0x1', body([['Content-Length', '0x1']])],
    ['Content-Length: 1,1', body([['Content-Length', '1,1']])],
    ['Content-Length: 1e3', body([['Content-Length', '1e3']])],
    ['an empty Content-Length', body([['Content-Length', '']])],
    ['a Content-Length beyond safe integers', body([['Content-Length', '9999999999999999']])],
    [
      'two Content-Lengths',
      body([
        ['Content-Length', '1'],
        ['Content-Length', '1'],
      ]),
    ],
    ['Content_Length', body([['Content_Length', '1']])],
    ['Transfer_Encoding', body([['Transfer.Encoding', 'chunked']])],
    ['an unknown expectation', body([['Expect', 'y 100-continue']])],
    [
      'two Authorizations',
      {
        headers: [
          ['Authorization', 'Basic a'],
          ['authorization', 'Basic b'],
        ],
      },
    ],
    [
      'two Content-Types',
      body([
        ['Content-Type', 'a/b'],
        ['content_type', 'c/d'],
      ]),
    ],
    [
      'Connection naming Host',
      {
        headers: [
          ['Connection', 'host'],
          ['Host', 'a.example'],
        ],
      },
    ],
    [
      'Connection naming Content-Length',
      body([
        ['Content-Length', '1'],
        ['Connection', 'Content_Length'],
      ]),
    ],
    [
      'a body on an upgrade',
      body([
        ['Upgrade', 'websocket'],
        ['Connection', 'upgrade'],
        ['Content-Length', '1'],
      ]),
    ],
    ['a control in a value', { headers: [['X-A', 'a\x01b']] }],
    ['a bad header name', { headers: [['X A', 'b']] }],
    ['no peer address', { peerAddress: '' }],
  ])('%s', (_name, request) => {
    expect(refusal(request)).toBe('ambiguous_request');
  });

  it('counts headers and bytes itself (rule 5)', () => {
    const many = Array.from({ length: 101 }, (_, i): [string, string] => [`x-${i}`, '']);
    expect(refusal({ headers: many })).toBe('headers_too_large');
    expect(refusal({ headers: [['X-Big', 'a'.repeat(16384)]] })).toBe('headers_too_large');
    expect(refusal({ target: `/${'a'.repeat(8192)}` })).toBe('uri_too_long');
  });

  it('reads lengths and hosts', () => {
    expect(facts(body([['Content-Length', '12']]))).toMatchObject({ body: 'length', contentLength: 12 });
    expect(facts(body([['Content-Length', '0']]))).toMatchObject({ body: 'none', contentLength: 0 });
    expect(facts(body([['Transfer-Encoding', 'chunked']]))).toMatchObject({
      body: 'chunked',
      contentLength: undefined,
    });
    expect(facts({ headers: [['Host', 'A.Example:8080']] })).toMatchObject({
      host: 'a.example',
      authority: 'a.example:8080',
    });
    expect(facts({ headers: [['Host', '[::1]:80']] })).toMatchObject({ host: '[::1]' });
  });
});

describe('identity, forwarding and hop-by-hop headers never pass (rules 8–11)', () => {
  const families = [
    'X-Forwarded-User',
    'X-Forwarded-For',
    'X-Forwarded-Anything',
    'X-Sallyport-Assertion',
    'Remote-User',
    'X-WEBAUTH-USER',
    'X-authentik-username',
    'X-Auth-Request-User',
    'Forwarded',
    'X-Real-IP',
    'X-Original-URL',
    'X-Rewrite-URL',
    'X-HTTP-Method-Override',
    'Proxy',
    'X-Our-Own-Name',
    'Keep-Alive',
    'Proxy-Authorization',
    'TE',
    'Trailer',
    'X-Request-Id',
    'traceparent',
  ];

  it('in any spelling a server could fold', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...families),
        fc.array(fc.tuple(fc.boolean(), fc.constantFrom('-', '_', '.', '~', '!', '|')), {
          minLength: 30,
          maxLength: 30,
        }),
        (name, choices) => {
          const spelled = [...name].map((char, i) => {
            const [upper, dash] = choices[i % 30] as [boolean, string];
            return char === '-' ? dash : upper ? char.toUpperCase() : char.toLowerCase();
          });
          expect(
            facts({
              headers: [
                [spelled.join(''), 'forged'],
                ['X-Ok', '1'],
              ],
            }).headers,
          ).toEqual(['X-Ok', '1']);
        },
      ),
    );
  });

  it('a name that we set on some route is dropped whatever it usually means', () => {
    const own = { ...options, headerTable: headerTable(['Authorization', 'If-Modified-Since']) };
    const request = head({
      headers: [
        ['Authorization', 'root'],
        ['If_Modified_Since', 'root'],
        ['X-Ok', '1'],
      ],
    });
    expect(canonicalise(request, 'id', 1, own)).toMatchObject({ headers: ['X-Ok', '1'], bearerToken: undefined });
  });

  it.each<[value: string, bearerTokens: boolean, token: string | undefined]>([
    ['Bearer a.b.c', true, 'a.b.c'],
    ['bEaReR   a.b.c==', true, 'a.b.c=='],
    ['Bearer', true, ''],
    ['Bearer a b', true, ''],
    ['Bearer a, Basic b', true, ''],
    ['Basic b, bearer a', true, ''],
    ['DPoP a', true, ''],
    ['Bearer a.b.c', false, undefined],
    ['DPoP a', false, undefined],
    ['Bearer spt_a', false, 'spt_a'],
    ['Bearer spr_a', true, 'spr_a'],
    ['Token sps_a', false, ''],
    ['spt_a', false, ''],
    ['Basic YTpi', true, undefined],
    ['Basic YTpi', false, undefined],
    ['Bearers a', true, undefined],
    ['', true, undefined],
    // other schemes, whatever letters their credentials hold
    ['Negotiate YII/dpop+bearer/Gg==', true, undefined],
    ['Digest username="dpop", realm="a"', true, undefined],
    ['AWS4-HMAC-SHA256 Credential=AKIA/20261124/eu/bearer-svc/aws4_request, Signature=ab', true, undefined],
    ['Basic YQ==, Bearer abc', true, ''],
    ['Basic YQ==,bearer:abc', true, ''],
    ['DPoP abc', true, ''],
  ])('Authorization: %j, where bearer tokens are taken: %s', (value, bearerTokens, token) => {
    const request = head({
      headers: [
        ['X-A', '1'],
        ['authorization', value],
        ['X-B', '2'],
      ],
    });
    const read = canonicalise(request, 'id', 1, { ...options, bearerTokens });
    const own = token === undefined ? ['authorization', value] : [];
    const ownNames = token === undefined ? ['authorization'] : [];
    expect(read).toMatchObject({
      bearerToken: token,
      headers: ['X-A', '1', ...own, 'X-B', '2'],
      headerNames: ['x-a', ...ownNames, 'x-b'],
    });
  });

  it('two Authorizations are two readings where bearer tokens are taken, too', () => {
    const headers: [string, string][] = [
      ['Authorization', 'Bearer a'],
      ['Authorization', 'Bearer a'],
    ];
    const read = canonicalise(head({ headers }), 'id', 1, { ...options, bearerTokens: true });
    expect(read).toMatchObject({ kind: 'refusal', reason: 'ambiguous_request' });
  });

  it('plain cookies count on loopback alone', () => {
    const request = head({ headers: [['Cookie', 'sallyport=x; sallyport-login=y; sallyport-device=z']] });
    const read = canonicalise(request, 'id', 1, { ...options, plainCookies: false });
    expect(read).toMatchObject({
      sessionCookie: undefined,
      loginCookie: undefined,
      deviceCookie: undefined,
      headers: [],
    });
  });

  it('drops what Connection names, in any case, and policy does not see it either', () => {
    const read = facts({
      headers: [
        ['X-Team', 'a'],
        ['Connection', 'close, X_TEAM'],
        ['X-Other', 'b'],
      ],
    });
    expect(read.headers).toEqual(['X-Other', 'b']);
    expect(read.headerNames).toEqual(['x-other']);
  });

  it.each([
    ['sallyport=abc; a=b', 'a=b', 'abc'],
    ['a=b; sallyport=abc', 'a=b', 'abc'],
    ['a=b; sallyport=1; c=d; sallyport=2', 'a=b; c=d', null],
    ['__Host-sallyport=x; a=1', 'a=1', undefined],
    ['SALLYPORT=x; a=1', 'a=1', undefined],
    ['sallyport-login=x; sallyport=y', undefined, 'y'],
    ['xsallyport=x', 'xsallyport=x', undefined],
    [' sallyport = q ;a=1', 'a=1', 'q'],
    ['a=1,sallyport=SECRET; b=2', 'b=2', undefined],
    ['=sallyport=SECRET; b=2', 'b=2', undefined],
    ['sallyport%3dSECRET; b=2', 'b=2', undefined],
    ['"sallyport"=SECRET; b=2', 'b=2', undefined],
  ])('cookies %j', (line, rest, session) => {
    const read = facts({ headers: [['Cookie', line]] });
    expect(read.sessionCookie).toBe(session);
    expect(read.headers).toEqual(rest === undefined ? [] : ['Cookie', rest]);
  });

  it.each([
    ['sallyport-device=abc; a=b', 'a=b', 'abc'],
    ['a=b; sallyport-device=1; c=d; sallyport-device=2', 'a=b; c=d', null],
    ['a=b; sallyport-device; c=d', 'a=b; c=d', null],
    ['__Host-sallyport-device=x; a=1', 'a=1', undefined],
    ['SALLYPORT-Device=x; a=1', 'a=1', undefined],
    ['sallyport-device=x; sallyport=y', undefined, 'x'],
    ['sallyport-devices=x', 'sallyport-devices=x', undefined],
    [' sallyport-device = q ;a=1', 'a=1', 'q'],
    ['a=1,sallyport-device=SECRET; b=2', 'b=2', undefined],
    ['=sallyport-device=SECRET; b=2', 'b=2', undefined],
    ['sallyport-device%3dSECRET; b=2', 'b=2', undefined],
    ['"sallyport-device"=SECRET; b=2', 'b=2', undefined],
  ])('cookies of a device %j', (line, rest, device) => {
    const read = facts({ headers: [['Cookie', line]] });
    expect(read.deviceCookie).toBe(device);
    expect(read.headers).toEqual(rest === undefined ? [] : ['Cookie', rest]);
  });

  it('over https the cookies of that name count, and no others', () => {
    const line = '__Host-sallyport-device=good; sallyport-device=plain; a=b';
    const read = facts({ secure: true, headers: [['Cookie', line]] });
    expect(read).toMatchObject({ deviceCookie: 'good', headers: ['Cookie', 'a=b'] });
  });

  it('joins several Cookie lines to one and finds a session cookie in each', () => {
    const read = facts({
      headers: [
        ['Cookie', 'a=b'],
        ['cookie', 'sallyport=x'],
        ['Cookie', 'sallyport=y'],
      ],
    });
    expect(read.headers).toEqual(['Cookie', 'a=b']);
    expect(read.sessionCookie).toBeNull();
  });
});

describe('who the client is (rule 10)', () => {
  const behind = { peerAddress: '10.0.0.1' };
  it.each<[string, Parameters<typeof head>[0], object]>([
    [
      'believes nobody by default',
      {
        headers: [
          ['X-Forwarded-For', '1.2.3.4'],
          ['X-Forwarded-Proto', 'https'],
        ],
      },
      { clientAddress: '192.0.2.1', forwardedFor: '192.0.2.1', scheme: 'http' },
    ],
    [
      'takes the first untrusted from the right',
      { ...behind, headers: [['X-Forwarded-For', '6.6.6.6, 1.2.3.4, 10.0.0.9']] },
      { clientAddress: '1.2.3.4', forwardedFor: '1.2.3.4, 10.0.0.9, 10.0.0.1' },
    ],
    [
      'reads several lines in order',
      {
        ...behind,
        headers: [
          ['X-Forwarded-For', '1.2.3.4'],
          ['X-Forwarded-For', '10.0.0.9'],
        ],
      },
      { clientAddress: '1.2.3.4' },
    ],
    [
      'reads Forwarded',
      { ...behind, headers: [['Forwarded', 'for="[2001:db8:9::1]:1234";proto=https, for=10.0.0.2']] },
      { clientAddress: '2001:db8:9::1', scheme: 'https' },
    ],
    [
      'takes proto',
      { ...behind, headers: [['X-Forwarded-Proto', 'https']] },
      { scheme: 'https', clientAddress: '10.0.0.1' },
    ],
    [
      'folds IPv4-mapped peers',
      { peerAddress: '::ffff:10.0.0.1', headers: [['X-Forwarded-For', '1.2.3.4']] },
      { clientAddress: '1.2.3.4', peerAddress: '10.0.0.1' },
    ],
    ['takes a request id', { ...behind, headers: [['X-Request-Id', 'abcdefgh_1']] }, { id: 'abcdefgh_1' }],
    [
      'ignores what others wrote to the left',
      { ...behind, headers: [['Forwarded', 'for=6.6.6.6;proto=https, for=1.2.3.4']] },
      { clientAddress: '1.2.3.4', scheme: 'http' },
    ],
    [
      'walks over trusted elements',
      { ...behind, headers: [['Forwarded', 'for=6.6.6.6, for=1.2.3.4;proto=https, for=10.0.0.2;proto=http']] },
      { clientAddress: '1.2.3.4', scheme: 'https' },
    ],
    [
      'compares addresses, not texts',
      {
        ...behind,
        headers: [
          ['Forwarded', 'for="[2001:db9::1]:4711"'],
          ['X-Forwarded-For', '2001:DB9::1'],
        ],
      },
      { clientAddress: '2001:db9::1' },
    ],
    [
      'takes a scheme said twice alike',
      { ...behind, headers: [['X-Forwarded-Proto', 'https, https']] },
      { scheme: 'https' },
    ],
    ['forgets the zone of a link-local peer', { peerAddress: 'fe80::1%eth0' }, { clientAddress: 'fe80::1' }],
    ['but not a bad one', { ...behind, headers: [['X-Request-Id', 'a b']] }, { id: 'id' }],
    ['nor from a stranger', { headers: [['X-Request-Id', 'abcdefgh_1']] }, { id: 'id' }],
  ])('%s', (_name, request, expected) => {
    expect(facts(request)).toMatchObject(expected);
  });

  it.each<[string, [string, string][]]>([
    ['text that is no address', [['X-Forwarded-For', 'unknown']]],
    ['an obfuscated node', [['Forwarded', 'for=_hidden']]],
    ['octal', [['X-Forwarded-For', '010.1.1.1']]],
    ['an empty element', [['X-Forwarded-For', '']]],
    [
      'disagreement',
      [
        ['X-Forwarded-For', '1.2.3.4'],
        ['Forwarded', 'for=4.3.2.1'],
      ],
    ],
    ['an element without an address', [['Forwarded', 'for=6.6.6.6, proto=http']]],
    ['an element with two addresses', [['Forwarded', 'for=1.2.3.4;for=6.6.6.6']]],
    [
      'a scheme beside a list',
      [
        ['X-Forwarded-For', '1.2.3.4'],
        ['Forwarded', 'proto=https'],
      ],
    ],
    ['a port that is none', [['X-Forwarded-For', '1.2.3.4:99999']]],
    ['a zone', [['X-Forwarded-For', 'fe80::1%eth0']]],
    ['an odd scheme', [['X-Forwarded-Proto', 'https, http']]],
    ['broken Forwarded', [['Forwarded', 'for']]],
  ])('refuses %s from a trusted proxy', (_name, headers) => {
    expect(refusal({ ...behind, headers })).toBe('ambiguous_request');
  });
});
