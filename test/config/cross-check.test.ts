import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfiguration } from '../../src/config/load.ts';
import { directoryWith } from './directory.ts';

const HEAD = 'version: 1\n';
const route = (name: string, rest: string): string =>
  `  - { route: ${name}, upstream: "http://a", public: true${rest === '' ? '' : `, ${rest}`} }\n`;
const one = (rest: string, more = ''): string => `${routes(route('a', rest))}${more}`;
const routes = (...list: string[]): string => `${HEAD}routes:\n${list.join('')}`;

function told(text: string): string[] {
  const directory = directoryWith({ 'sallyport.yaml': text, 'p/x.yaml': 'version: 1\npolicy: x\n' });
  return loadConfiguration(join(directory, 'sallyport.yaml'), {}).findings.map(
    (f) => `${f.line} ${f.severity} ${f.code}`,
  );
}

describe('ties between routes', () => {
  it.each<[string, string, string, boolean]>([
    ['the same host and path', 'match: { host: a.b, path: /x }', 'match: { host: A.b, path: /x }', true],
    ['no host twice', '', 'match: { path: / }', true],
    ['parameters of other names', 'match: { path: "/u/:a" }', 'match: { path: "/u/:b" }', true],
    ['apart from case', 'match: { path: /x }', 'match: { path: /X }', true],
    ['apart from case, one exact about it', 'case_sensitive: true, match: { path: /x }', 'match: { path: /X }', true],
    [
      'apart from case, both exact about it',
      'case_sensitive: true, match: { path: /x }',
      'case_sensitive: true, match: { path: /X }',
      false,
    ],
    ['prefix and exact', 'match: { path: /x }', 'match: { path: /x, exact: true }', false],
    ['another host', 'match: { host: a.b }', 'match: { host: "*.b" }', false],
    ['a longer path', 'match: { path: /x }', 'match: { path: /x/y }', false],
    ['a parameter and a word', 'match: { path: "/:u" }', 'match: { path: /u }', false],
  ])('%s', (_name, first, second, tie) => {
    expect(told(routes(route('a', first), route('b', second)))).toEqual(tie ? ['4 error route-tie'] : []);
  });

  it('names both lines', () => {
    const directory = directoryWith({ 'c.yaml': routes(route('a', ''), route('b', '')) });
    const { findings } = loadConfiguration(join(directory, 'c.yaml'), {});
    expect(findings[0]?.message).toBe('Route "b" (line 4) matches exactly what route "a" (line 3) does.');
  });
});

describe('between values', () => {
  const guarded = (rest: string): string =>
    `${HEAD}routes:\n  - { route: a, upstream: "http://a", policy: x }\npolicies: p\n${rest}`;
  const LOCAL = 'identity: { providers: [{ id: s, type: local }] }\n';
  const TWO = LOCAL.replace('}] }', '}, { id: t, type: local }] }');
  it.each<[string, string, string[]]>([
    [
      'neither policy nor public',
      `${one('').replace(', public: true', '')}${LOCAL}listen: { http: "127.0.0.1:80" }\n`,
      ['2 warning no-portal', '3 error route-without-policy'],
    ],
    ['a policy without a directory of policies', one('policy: x'), ['3 error policies-missing']],
    ["the gateway's own paths", one('match: { path: /.Sallyport/x }'), ['3 error reserved-path']],
    ['a parameter twice', one('match: { path: "/:a/:a" }'), ['3 error duplicate-parameter']],
    [
      'an identity header that frames',
      one('identity_headers: { X-Forwarded-User: Content-Length }'),
      ['3 error reserved-header'],
    ],
    [
      'an identity header of another name',
      one('identity_headers: { X-Forwarded-User: Remote-User, X-Sallyport-Assertion: false }'),
      [],
    ],
    ['a bad range', one('', 'trusted_proxies: ["::g/8"]\n'), ['4 error bad-value']],
    ['a range that looks like one', one('', 'trusted_proxies: ["1::2::3/8"]\n'), ['4 error bad-value']],
    ['everybody trusted', one('', 'trusted_proxies: [0.0.0.0/0]\n'), ['4 warning trusts-everybody']],
    ['everybody exempt', one('', 'limits: { connections_exempt: ["::/0"] }\n'), ['4 warning exempts-everybody']],
    ['a bad range that is exempt', one('', 'limits: { connections_exempt: ["1::2::3"] }\n'), ['4 error bad-value']],
    ['a rate that nobody keeps', one('', 'limits: { min_rate: 2MiB }\n'), ['4 error out-of-range']],
    ['no least rate', one('', 'limits: { min_rate: 0B }\n'), []],
    ['a grace shorter than a look', one('', 'timeouts: { slow_reader: 500ms }\n'), ['4 error out-of-range']],
    ['an address out of range', one('', 'listen: { http: "999.0.0.1:80" }\n'), ['4 error bad-value']],
    ['one port for two', one('', 'listen: { http: "0.0.0.0:9900" }\n'), ['4 error same-address']],
    ['a floor above idle', one('', 'session: { floor: 1h }\n'), ['4 error out-of-range']],
    ['idle above absolute', one('', 'session: { idle: 9h }\n'), ['4 error out-of-range']],
    [
      'a timeout of nothing',
      one('', 'timeouts: { request: 0s, headers: 0s }\n'),
      ['4 error out-of-range', '4 error out-of-range'],
    ],
    ['a target larger than the head', one('', 'limits: { target: 32KiB }\n'), ['4 error out-of-range']],
    [
      'providers of one id',
      one('', 'identity: { providers: [{ id: s, type: local }, { id: s, type: local }] }\n'),
      ['4 error duplicate-provider'],
    ],
    [
      'several local providers',
      one('', 'identity: { providers: [{ id: s, type: local }, { id: t, type: local }] }\n'),
      [],
    ],
    ['sign-in on the network without TLS', guarded(LOCAL), ['1 warning plain-http', '2 warning no-portal']],
    [
      'the same on loopback: pages that share an origin',
      guarded(`${LOCAL}listen: { http: "127.0.0.1:80" }\n`),
      ['2 warning no-portal'],
    ],
    ['the same behind a trusted proxy', guarded(`${LOCAL}trusted_proxies: [10.0.0.0/8]\n`), ['2 warning no-portal']],
    [
      'a portal, of a later version',
      guarded(`${LOCAL}portal: { host: x.y }\n`),
      ['1 warning plain-http', '6 error not-available-yet'],
    ],
    ['nobody can sign in', guarded('listen: { http: "[::1]:80" }\n'), ['1 warning no-provider']],
    [
      'several hosts that sign in, told once',
      guarded(`${LOCAL}listen: { http: "127.0.0.1:80" }\n`).replace(
        'policies: p',
        '  - { route: b, upstream: "http://a", policy: x, match: { host: b.c } }\npolicies: p',
      ),
      ['2 warning no-portal'],
    ],
    [
      'two providers and the bare name',
      guarded(`${TWO}trusted_proxies: [::1]\n`),
      ['2 warning no-portal', '3 error ambiguous-user'],
    ],
    [
      'two providers and their name in front',
      guarded(`${TWO}trusted_proxies: [::1]\n`).replace('policy: x', 'policy: x, user_prefix: true'),
      ['2 warning no-portal'],
    ],
  ])('%s', (_name, text, expected) => {
    expect(told(text)).toEqual(expected);
  });
});

describe('a store on Redis', () => {
  const SECRET = 'secrets: { cookie: "0123456789abcdef0123456789abcdef" }\n';
  const store = (text: string, more = SECRET): string => one('', `store: { ${text} }\n${more}`);
  it.each<[string, string, string[]]>([
    ['on this machine', store('redis: "redis://127.0.0.1:6379"'), []],
    ['with TLS, user, password and database', store('redis: "rediss://u:p%40ss@redis.example.com:6380/3"'), []],
    ['with a certificate of its own', store('redis: "rediss://redis.example.com", ca: ca.pem'), []],
    ['beside the directory of this machine', store('redis: "redis://localhost", path: here'), []],
    ['over the network without TLS', store('redis: "redis://redis.example.com"'), ['4 warning plain-redis']],
    ['without a root secret', store('redis: "redis://[::1]"', ''), ['4 error no-root-secret']],
    ['no address', store('redis: "http://localhost"'), ['4 error bad-value']],
    ['no host', store('redis: "redis://"'), ['4 error bad-value']],
    ['a path that is no database', store('redis: "redis://localhost/sessions"'), ['4 error bad-value']],
    ['settings behind the address', store('redis: "redis://localhost?db=1"'), ['4 error bad-value']],
    ['a password that is not encoded', store('redis: "redis://u:100%@localhost"'), ['4 error bad-value']],
    ['authorities without TLS', store('redis: "redis://localhost", ca: ca.pem'), ['4 error bad-value']],
    ['authorities without Redis', store('ca: ca.pem'), ['4 error bad-value']],
    ['a time limit of nothing', store('redis: "redis://localhost", timeout: 0s'), ['4 error out-of-range']],
    ['a time limit that is none', store('redis: "redis://localhost", timeout: 1m'), ['4 error out-of-range']],
    ['a prefix that would be a hash tag', store('redis: "redis://localhost", prefix: "a}b"'), ['4 error bad-value']],
  ])('%s', (_name, text, expected) => {
    expect(told(text)).toEqual(expected);
  });

  it('never repeats the address: a password may be in it', () => {
    const directory = directoryWith({ 'c.yaml': store('redis: "redis://u:hunter2@localhost/x"', '') });
    const { findings } = loadConfiguration(join(directory, 'c.yaml'), {});
    expect(findings.length).toBeGreaterThan(0);
    expect(JSON.stringify(findings)).not.toContain('hunter2');
  });
});

describe('one mistake hides no other, and is told once', () => {
  const rest = `identity: { providers: [{ id: s, type: local }, { id: s, type: local }] }
policies: p
routes:
  - { route: a, upstream: UPSTREAM, policy: [x, y] }
  - { route: a, upstream: "http://a", match: { path: /b }, public: true }
  - { route: c, upstream: "http://a", match: { path: /c } }
`;
  const others = [
    '3 error duplicate-provider',
    '5 warning no-portal',
    '6 error unknown-policy',
    '7 error duplicate-route',
    '8 error route-without-policy',
  ];
  const bad = (upstream: string, second: string): string =>
    `version: 1\n${second}\n${rest.replace('UPSTREAM', upstream)}`;
  it.each<[string, string, string[]]>([
    ['a bad value that is needed', bad('127.0.0.1:3000', 'trusted_proxies: [::1]'), ['6 error bad-value']],
    ['a key that is missing', bad('x', 'trusted_proxies: [::1]').replace(' upstream: x,', ''), ['6 error missing-key']],
    ['a bad item of a list', bad('"http://a"', 'trusted_proxies: [foo, ::1]'), ['2 error bad-value']],
    [
      'nothing but bad items',
      bad('"http://a"', 'trusted_proxies: [foo, bar]'),
      ['2 error bad-value', '2 error bad-value'],
    ],
    [
      'a good item behind a bad one keeps its place',
      bad('"http://a"', 'trusted_proxies: [ foo,\n  "::g", ::1]').replace('identity', '#\nidentity'),
      [],
    ],
  ])('%s', (_name, text, mistakes) => {
    if (mistakes.length > 0) {
      expect(told(text).toSorted()).toEqual([...others, ...mistakes].toSorted());
    } else {
      expect(told(text).filter((each) => each.endsWith('bad-value'))).toEqual([
        '2 error bad-value',
        '3 error bad-value',
      ]);
    }
  });

  it.each<[string, string, string[]]>([
    [
      'the name of the key that names the policy',
      routes('  - { route: a, upstream: "http://a", polcy: x }\n'),
      ['1 warning no-provider', '1 warning plain-http', '3 error unknown-key'],
    ],
    ['a default beside a bad value', one('', 'session: { idle: 1x, floor: 1h }\n'), ['4 error bad-value']],
    [
      'a bad path is the same as no other',
      routes(route('a', 'match: { path: x }'), route('b', '')),
      ['3 error bad-value'],
    ],
    [
      'a name that is none is taken by nobody',
      routes(route('A', ''), route('wiki', 'match: { path: /a }')),
      ['3 error bad-value'],
    ],
    [
      'an item that is no map',
      routes('  - nothing\n', route('a', 'match: { path: x }')),
      ['3 error wrong-type', '4 error bad-value'],
    ],
    [
      'a policy named twice, and one that is not there',
      `${one('policy: [x, x, y]')}policies: p\n`,
      ['3 error bad-value', '3 error unknown-policy'],
    ],
    [
      'no route at all',
      'version: 1\nroutes: [1]\nlimits: { target: 1MiB }\n',
      ['2 error wrong-type', '3 error out-of-range'],
    ],
    [
      'a directory that a variable should name',
      `${one('policy: x')}policies: "\${NOPE}/x"\n`,
      ['4 error missing-variable'],
    ],
  ])('no follow-up: %s', (_name, text, expected) => {
    expect(told(text)).toEqual(expected);
  });
});
