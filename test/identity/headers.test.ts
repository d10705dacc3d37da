import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Subject } from '../../src/core/subject.ts';
import { identityHeaders, listMember } from '../../src/identity/headers.ts';

const ann: Subject = {
  user: 'staff:ann',
  provider: 'staff',
  sub: 'ann',
  kind: 'person',
  email: 'ann@example.com',
  emailVerified: undefined,
  name: undefined,
  groups: ['finance', 'audit'],
  roles: [],
  acr: undefined,
  claims: new Map([['preferred_username', 'ann']]),
};
const NAMES = ['X-Forwarded-User', 'X-Forwarded-Email', 'X-Forwarded-Groups', 'X-Forwarded-Preferred-Username'];
const values = (over: Partial<Subject>) => identityHeaders({ ...ann, ...over }).map(([, value]) => value);
const asText = (bytes: string) => Buffer.from(bytes, 'latin1').toString('utf8');

test('sets all four, empty ones for nobody', () => {
  expect(identityHeaders(ann)).toEqual([
    ['X-Forwarded-User', 'ann'],
    ['X-Forwarded-Email', 'ann@example.com'],
    ['X-Forwarded-Groups', 'finance,audit'],
    ['X-Forwarded-Preferred-Username', 'ann'],
  ]);
  expect(identityHeaders(undefined)).toEqual(NAMES.map((name) => [name, '']));
  expect(identityHeaders(undefined, true)).toEqual(NAMES.map((name) => [name, '']));
  // with its provider in front, whatever colons the name itself has
  const prefixed = (sub: string) => identityHeaders({ ...ann, user: `staff:${sub}`, sub }, true)[0];
  expect(prefixed('ann')).toEqual(['X-Forwarded-User', 'staff:ann']);
  expect(prefixed('guests:ann')).toEqual(['X-Forwarded-User', 'staff:guests:ann']);
  expect(prefixed('a\nb')).toEqual(['X-Forwarded-User', '']);
});

test.each<[string, Partial<Subject>, number, string]>([
  ['no e-mail', { email: undefined }, 1, ''],
  ['an e-mail known not to be theirs', { emailVerified: false }, 1, ''],
  ['no groups', { groups: [] }, 2, ''],
  ['an empty group', { groups: ['', 'a'] }, 2, 'a'],
  ['no preferred name: the display name', { claims: new Map(), name: 'Ann' }, 3, 'Ann'],
  ['neither', { claims: new Map() }, 3, ''],
  ['a preferred name that is no text', { claims: new Map([['preferred_username', ['a']]]) }, 3, ''],
  ['a sub with a line end', { sub: 'ann\r\nX-Evil: 1' }, 0, ''],
  ['a sub that trimming would turn into ann', { sub: ' ann' }, 0, ''],
  ['a sub with NUL', { sub: 'ann\u0000' }, 0, ''],
  ['a sub with a C1 control', { sub: 'ann\u0085x' }, 0, ''],
  ['a sub of broken Unicode', { sub: 'ann\ud800' }, 0, ''],
  ['a sub that looks escaped', { sub: 'ann%0A' }, 0, 'ann%0A'],
])('%s', (_, over, at, expected) => {
  expect(values(over)[at]).toBe(expected);
});

test.each([
  ['a,b', 'a%2Cb'],
  ['100%', '100%25'],
  ['a\r\nb', 'a%0D%0Ab'],
  [' a ', '%20a%20'],
  ['a b', 'a b'],
  ['\u0085', '%C2%85'],
  ['a\u2028b', 'a%E2%80%A8b'],
])('list member %j is written %j', (text, written) => {
  expect(asText(listMember(text))).toBe(written);
});

describe('whatever a group is called', () => {
  test('it reads back as itself, and nothing leaves the header', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme', minLength: 1 }), { maxLength: 5 }), (groups) => {
        const written = values({ groups })[2] as string;
        // biome-ignore lint/suspicious/noControlCharactersInRegex: that none is there is the point
        expect(written).toMatch(/^[^\u0000-\u001f\u007f\u0100-\uffff]*$/);
        const read = asText(written);
        expect(read === '' ? [] : read.split(',').map((member) => decodeURIComponent(member.trim()))).toEqual(groups);
      }),
      { numRuns: 300 },
    );
  });
  test('two people never share a spelling', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        const [first, second] = [values({ sub: a })[0], values({ sub: b })[0]];
        expect(a === b || first === '' || first !== second).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

test('over a real socket the application gets bytes of UTF-8', async () => {
  const server = http.createServer((request, response) => response.end(JSON.stringify(request.headers))).listen(0);
  await once(server, 'listening');
  const headers = Object.fromEntries(identityHeaders({ ...ann, sub: 'jürgen-日本', groups: ['Köln', 'a,b'] }));
  const { port } = server.address() as AddressInfo;
  const request = http.request({ port, headers, agent: false });
  request.end();
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const seen = JSON.parse((await response.toArray()).join('')) as Record<string, string>;
  expect(asText(seen['x-forwarded-user'] ?? '')).toBe('jürgen-日本');
  expect(asText(seen['x-forwarded-groups'] ?? '')).toBe('Köln,a%2Cb');
  server.close();
});
