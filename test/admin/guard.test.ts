import { describe, expect, test } from 'vitest';
import { compileHostCheck, compileTokenCheck, isOwnOrigin } from '../../src/admin/guard.ts';

describe('Host', () => {
  const cases: [string, string, readonly string[], string, string[], boolean][] = [
    ['its own address', '127.0.0.1', [], '127.0.0.1', ['Host', '127.0.0.1:9900'], true],
    ['its own address without a port', '127.0.0.1', [], '127.0.0.1', ['Host', '127.0.0.1'], true],
    ['localhost on loopback', '127.0.0.1', [], '127.0.0.1', ['host', 'LocalHost:9900'], true],
    ['the IPv6 loopback', '::1', [], '::1', ['Host', '[::1]:9900'], true],
    ['localhost elsewhere', '10.0.0.5', [], '10.0.0.5', ['Host', 'localhost'], false],
    ['the address that was reached, bound to all', '0.0.0.0', [], '10.0.0.5', ['Host', '10.0.0.5:9900'], true],
    ['the same, mapped into IPv6', '::', [], '::ffff:10.0.0.5', ['Host', '10.0.0.5:9900'], true],
    ['an address that was not reached', '0.0.0.0', [], '10.0.0.5', ['Host', '10.0.0.6:9900'], false],
    ['a configured name', '0.0.0.0', ['Ops.example.com'], '10.0.0.5', ['Host', 'ops.EXAMPLE.com:443'], true],
    [
      'a configured name with its port',
      '0.0.0.0',
      ['ops.example.com:9900'],
      '10.0.0.5',
      ['Host', 'ops.example.com'],
      true,
    ],
    ['a name of a stranger', '127.0.0.1', ['ops.example.com'], '127.0.0.1', ['Host', 'evil.example'], false],
    ['a name that only starts like ours', '127.0.0.1', [], '127.0.0.1', ['Host', '127.0.0.1.evil.example'], false],
    ['a user part', '127.0.0.1', [], '127.0.0.1', ['Host', 'localhost@evil.example'], false],
    ['a trailing dot', '127.0.0.1', [], '127.0.0.1', ['Host', 'localhost.'], false],
    ['none', '127.0.0.1', [], '127.0.0.1', [], false],
    ['an empty one', '127.0.0.1', [], '127.0.0.1', ['Host', ''], false],
    ['two', '127.0.0.1', [], '127.0.0.1', ['Host', '127.0.0.1', 'Host', '127.0.0.1'], false],
    ['a list', '127.0.0.1', [], '127.0.0.1', ['Host', '127.0.0.1, evil.example'], false],
  ];
  test.each(cases)('%s', (_name, address, hosts, localAddress, rawHeaders, allowed) => {
    expect(compileHostCheck(address, hosts)({ rawHeaders, localAddress })).toBe(allowed);
  });
});

describe('the token', () => {
  const cases: [string, string | undefined, string[], string][] = [
    ['the right one', 'abc.DEF-123', ['Authorization', 'Bearer abc.DEF-123'], 'valid'],
    ['whatever the case of the scheme', 'abc', ['authorization', 'bearer abc'], 'valid'],
    ['a wrong one', 'abc', ['Authorization', 'Bearer abd'], 'invalid'],
    ['a beginning', 'abc', ['Authorization', 'Bearer ab'], 'invalid'],
    ['another scheme', 'abc', ['Authorization', 'Basic abc'], 'invalid'],
    ['an empty one', 'abc', ['Authorization', 'Bearer '], 'invalid'],
    ['none', 'abc', [], 'missing'],
    ['two', 'abc', ['Authorization', 'Bearer abc', 'Authorization', 'Bearer abc'], 'invalid'],
    ['any, when none is configured', undefined, ['Authorization', 'Bearer undefined'], 'invalid'],
    ['an empty one, when an empty one is configured', '', ['Authorization', 'Bearer '], 'invalid'],
  ];
  test.each(cases)('%s', (_name, token, rawHeaders, verdict) => {
    expect(compileTokenCheck(token)(rawHeaders)).toBe(verdict);
  });
});

describe('Origin', () => {
  const HOST = ['Host', 'ops.example.com:9900'];
  const cases: [string, string[], boolean][] = [
    ['a program', [], true],
    ['a page of ours', ['Origin', 'http://ops.example.com:9900'], true],
    ['a page of ours behind TLS', ['Origin', 'https://ops.example.com:9900', 'Sec-Fetch-Site', 'same-origin'], true],
    ['an address that somebody typed', ['Sec-Fetch-Site', 'none'], true],
    ['another host', ['Origin', 'https://evil.example'], false],
    ['another port', ['Origin', 'http://ops.example.com'], false],
    ['a host below ours', ['Origin', 'http://a.ops.example.com:9900'], false],
    ['a page without an origin', ['Origin', 'null'], false],
    ['an empty one', ['Origin', ''], false],
    ['a path', ['Origin', 'http://ops.example.com:9900/x'], false],
    ['another scheme', ['Origin', 'chrome-extension://ops.example.com:9900'], false],
    ['the right one twice', ['Origin', 'http://ops.example.com:9900', 'origin', 'http://ops.example.com:9900'], false],
    ['a list', ['Origin', 'http://ops.example.com:9900, http://evil.example'], false],
    ['a stranger by its browser’s word', ['Sec-Fetch-Site', 'cross-site'], false],
    ['a neighbour on the same host', ['sec-fetch-site', 'same-site'], false],
    ['a word that we do not know', ['Sec-Fetch-Site', 'other'], false],
    [
      'a page of ours that its browser calls foreign',
      ['Origin', 'http://ops.example.com:9900', 'Sec-Fetch-Site', 'cross-site'],
      false,
    ],
  ];
  test.each(cases)('%s', (_name, rawHeaders, own) => {
    expect(isOwnOrigin([...HOST, ...rawHeaders])).toBe(own);
  });
});
