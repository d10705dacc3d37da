import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfiguration } from '../../src/config/load.ts';
import { directoryWith } from './directory.ts';

const HEAD = 'version: 1\n';
const route = (name: string, rest: string): string =>
  `  - { route: ${name}, upstream: "http://a", public: true${rest === '' ? '' : `, ${rest}`} }\n`;
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
  const one = (rest: string, more = ''): string => `${routes(route('a', rest))}${more}`;
  const guarded = (rest: string): string =>
    `${HEAD}routes:\n  - { route: a, upstream: "http://a", policy: x }\npolicies: p\n${rest}`;
  const LOCAL = 'identity: { providers: [{ id: s, type: local }] }\n';
  it.each<[string, string, string[]]>([
    [
      'neither policy nor public',
      `${one('').replace(', public: true', '')}${LOCAL}listen: { http: "127.0.0.1:80" }\n`,
      ['3 error route-without-policy'],
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
    ['sign-in on the network without TLS', guarded(LOCAL), ['1 warning plain-http']],
    ['the same on loopback', guarded(`${LOCAL}listen: { http: "127.0.0.1:80" }\n`), []],
    ['the same behind a trusted proxy', guarded(`${LOCAL}trusted_proxies: [10.0.0.0/8]\n`), []],
    ['nobody can sign in', guarded('listen: { http: "[::1]:80" }\n'), ['1 warning no-provider']],
    [
      'several hosts that sign in',
      guarded(`${LOCAL}listen: { http: "127.0.0.1:80" }\n`).replace(
        'policies: p',
        '  - { route: b, upstream: "http://a", policy: x, match: { host: b.c } }\npolicies: p',
      ),
      ['2 warning no-portal'],
    ],
  ])('%s', (_name, text, expected) => {
    expect(told(text)).toEqual(expected);
  });
});
