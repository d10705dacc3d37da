import { describe, expect, it } from 'vitest';
import type { RequestFacts } from '../../src/core/facts.ts';
import { absent, type Reading, Repeated, unknown } from '../../src/core/signal.ts';
import { nobody, read, withHeaders } from './context.ts';

const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

describe('request attributes', () => {
  it.each<[string, Partial<RequestFacts>, Reading]>([
    ['request.method', { method: 'PATCH' }, 'PATCH'],
    ['request.host', {}, 'wiki.example.com'],
    ['request.path', {}, '/a b'],
    ['request.scheme', { scheme: 'http' }, 'http'],
    ['request.http_version', { httpVersion: '2' }, '2'],
    ['request.client_ip', { clientAddress: '2001:db8::1' }, '2001:db8::1'],
    ['request.client_ip', { clientAddress: '' }, unknown],
    ['request.size', {}, 0],
    ['request.size', { body: 'length', contentLength: 12 }, 12],
    ['request.size', { body: 'chunked', contentLength: undefined }, unknown],
    ['request.is_upgrade', { isUpgrade: true }, true],
    ['request.is_upgrade', {}, false],
  ])('%s of %j', (name, facts, expected) => {
    expect(read(name, nobody(facts))).toBe(expected);
  });

  it('request.params: what the route bound, absent otherwise', () => {
    const context = nobody({}, { params: new Map([['user', 'Ann']]) });
    expect(read('request.params.user', context)).toBe('Ann');
    expect(read('request.params.team', context)).toBe(absent);
    expect(read('request.params.__proto__', context)).toBe(absent);
  });
});

describe('request.header', () => {
  it.each<[string, string[], string, Reading]>([
    ['none', [], 'accept', absent],
    ['one', ['Accept', 'text/html'], 'accept', 'text/html'],
    ['empty', ['X-Empty', ''], 'x-empty', ''],
    ['the policy spells it in another way', ['X-Api-Key', 'k'], 'X_Api.Key', 'k'],
    ['the client spells it in another way', ['x_api_key', 'k'], 'x-api-key', 'k'],
    ['UTF-8', ['X-Name', latin1('Zoë')], 'x-name', 'Zoë'],
    ['octets that are not UTF-8', ['X-Name', 'Zo\xeb'], 'x-name', unknown],
    ['a name of the prototype', ['Accept', '*/*'], '__proto__', absent],
    ['cookies', ['Cookie', 'a=b'], 'cookie', 'a=b'],
  ])('%s', (_case, headers, name, expected) => {
    expect(read(`request.header.${name}`, nobody(withHeaders(...headers)))).toBe(expected);
  });

  it('several, their aliases included, are repeated in order', () => {
    const context = nobody(withHeaders('X-Tag', 'a', 'Accept', '*/*', 'x_tag', 'b', 'X.Tag', 'a'));
    expect(read('request.header.x-tag', context)).toEqual(new Repeated(['a', 'b', 'a']));
  });

  it('several are unknown when one of them is no text', () => {
    expect(read('request.header.x-tag', nobody(withHeaders('X-Tag', 'a', 'X-Tag', '\xff')))).toBe(unknown);
    expect(read('request.header.x-tag', nobody(withHeaders('X-Tag', '\xff', 'X-Tag', 'a')))).toBe(unknown);
  });

  it.each([
    'Host',
    'content_length',
    'transfer-encoding',
    'connection',
    'te',
    'x-forwarded-for',
    'x_forwarded_user',
    'remote-user',
    'x-sallyport-assertion',
  ])('%s is removed or rebuilt by the gateway: unknown and not absent', (name) => {
    expect(read(`request.header.${name}`, nobody())).toBe(unknown);
  });
});
