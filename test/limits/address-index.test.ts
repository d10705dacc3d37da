import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AddressIndex } from '../../src/limits/address-index.ts';
import { readAddress, words } from '../../src/limits/address-words.ts';
import { includes, includesLoopback, readNetwork } from '../../src/limits/network.ts';

const NEVER = Number.POSITIVE_INFINITY;
/** Few different bits, so that networks overlap and addresses are found in them. */
const octet = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(0, 1, 127, 128, 255) }, fc.nat({ max: 255 }));
const v4 = fc.array(octet, { minLength: 4, maxLength: 4 }).map((bytes) => bytes.join('.'));
const group = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(0, 1, 0x8000, 0xffff) }, fc.nat({ max: 0xffff }));
const v6 = fc
  .array(group, { minLength: 8, maxLength: 8 })
  // mapped ones are IPv4, and tested as that
  .filter((groups) => groups.slice(0, 5).some((each) => each !== 0))
  .map((groups) => groups.map((each) => each.toString(16)).join(':'));
const network = fc.oneof(
  fc.record({ family: fc.constant('ipv4' as const), address: v4, bits: fc.integer({ min: 1, max: 32 }) }),
  fc.record({ family: fc.constant('ipv6' as const), address: v6, bits: fc.integer({ min: 1, max: 128 }) }),
);
type Network = typeof network extends fc.Arbitrary<infer T> ? T : never;

const spelled = ({ address, bits }: Network): string => {
  const read = readNetwork(`${address}/${bits}`);
  if (!read.ok) throw new Error(read.detail);
  return read.network;
};
/** What Node's own list says of each address, and which network of ours is the smallest that has it. */
function oracle(networks: readonly Network[], address: string, family: 'ipv4' | 'ipv6'): string | undefined {
  return [...networks]
    .filter((each) => each.family === family)
    .sort((a, b) => b.bits - a.bits)
    .filter((each) => {
      const list = new BlockList();
      list.addSubnet(each.address, each.bits, each.family);
      return list.check(address, family);
    })
    .map(spelled)[0];
}

const asked = fc.oneof(
  fc.record({ family: fc.constant('ipv4' as const), address: v4 }),
  fc.record({ family: fc.constant('ipv6' as const), address: v6 }),
);

describe('the index of addresses', () => {
  it('finds what Node’s BlockList finds, the smallest network of several, whatever was taken out again', () => {
    fc.assert(
      fc.property(
        fc.array(network, { maxLength: 60 }),
        fc.array(fc.nat({ max: 59 }), { maxLength: 40 }),
        fc.array(asked, { minLength: 1, maxLength: 20 }),
        (networks, removed, addresses) => {
          const index = new AddressIndex();
          for (const each of networks) index.put(spelled(each), NEVER);
          const gone = new Set(removed.flatMap((at) => (networks[at] === undefined ? [] : spelled(networks[at]))));
          for (const each of gone) index.remove(each);
          const left = networks.filter((each) => !gone.has(spelled(each)));
          expect(index.size).toBe(new Set(left.map(spelled)).size);
          // addresses of the networks themselves too, or few would be found
          const all = [...addresses, ...networks.slice(0, 20)];
          for (const { address, family } of all)
            expect(index.find(address, 0), address).toBe(oracle(left, address, family));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('stays right while it grows and shrinks: ten thousand of one length, half of them taken out', () => {
    const index = new AddressIndex();
    const name = (i: number): string => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;
    for (let i = 0; i < 10_000; i++) index.put(`${name(i)}/32`, NEVER);
    for (let i = 0; i < 10_000; i += 2) index.remove(`${name(i)}/32`);
    for (let i = 0; i < 10_000; i++) expect(index.find(name(i), 0)).toBe(i % 2 === 0 ? undefined : `${name(i)}/32`);
    expect(index.size).toBe(5000);
  });

  it('a network counts until its end; a larger one that goes on counts instead', () => {
    const index = new AddressIndex();
    index.put('192.0.2.0/24', 1000);
    index.put('192.0.0.0/16', NEVER);
    expect(index.find('192.0.2.1', 999)).toBe('192.0.2.0/24');
    expect(index.find('192.0.2.1', 1000)).toBe('192.0.0.0/16');
    index.purge(999);
    expect(index.size).toBe(2);
    index.purge(1000);
    expect(index.size).toBe(1);
    index.put('192.0.0.0/16', 2000);
    expect([index.size, index.find('192.0.2.1', 2000)]).toEqual([1, undefined]);
  });

  it('a mapped address is its IPv4 address, however it is written', () => {
    const index = new AddressIndex();
    index.put('192.0.2.0/24', NEVER);
    for (const address of ['192.0.2.7', '::ffff:192.0.2.7', '::ffff:c000:207', '0:0:0:0:0:ffff:c000:0207'])
      expect(index.find(address, 0)).toBe('192.0.2.0/24');
  });

  it('what is no address is in no network, and no network is kept for it', () => {
    const index = new AddressIndex();
    index.put('128.0.0.0/1', NEVER);
    index.put('0.0.0.0/1', NEVER);
    for (const none of [
      '',
      'x',
      '1.2.3',
      '1.2.3.4.5',
      '01.2.3.4',
      '1.2.3.256',
      '1.2.3.',
      '::1%lo',
      ':',
      '1::2::3',
      '1:2',
    ])
      expect(index.find(none, 0), none).toBe(undefined);
    for (const none of ['', '1.2.3.4', 'x/8', '1.2.3.4/33', '::/129', '1.2.3.4/x']) index.put(none, NEVER);
    expect(index.size).toBe(2);
  });
});

it('an address is read as its bytes, in every spelling that parsers agree on', () => {
  fc.assert(
    // `::1.2.3.4`, which RFC 4291 2.5.5.1 gave up, is read in two ways
    fc.property(
      fc.ipV6().filter((text) => !/^::\d+\./.test(text)),
      (text) => {
        const kind = readAddress(text);
        const read = Array.from(words, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
        const url = new URL(`http://[${text}]/`).hostname.slice(1, -1);
        expect(readAddress(url)).toBe(kind);
        expect(Array.from(words, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('')).toBe(read);
        expect(kind).not.toBe(0);
      },
    ),
  );
});

describe('a network', () => {
  it.each([
    ['203.0.113.0/24', '203.0.113.0/24'],
    ['203.0.113.7/24', '203.0.113.0/24'],
    ['203.0.113.7', '203.0.113.7/32'],
    ['2001:DB8:0::/32', '2001:db8::/32'],
    ['2001:db8::1', '2001:db8::1/128'],
    ['::ffff:203.0.113.7', '203.0.113.7/32'],
    ['::ffff:203.0.113.0/120', '203.0.113.0/24'],
  ])('%s is spelled %s', (text, spelling) => {
    expect(readNetwork(text)).toEqual({ ok: true, network: spelling });
  });

  it.each<[string, RegExp]>([
    ['0.0.0.0/0', /every address/],
    ['::/0', /every address/],
    ['203.0.113.0/0', /every address/],
    ['::ffff:0:0/96', /every address/],
    ['fe80::1%eth0', /zone/],
    ['fe80::%eth0/64', /zone/],
    ['203.0.113.0/33', /no network/],
    ['203.0.113.0/024', /no network/],
    ['203.0.113', /no network/],
    ['example.com', /no network/],
    ['', /no network/],
  ])('%s is refused', (text, says) => {
    expect(readNetwork(text)).toEqual({ ok: false, detail: expect.stringMatching(says) });
  });

  it.each([
    ['127.0.0.0/8', true],
    ['127.9.9.9/32', true],
    ['64.0.0.0/2', true],
    ['::/1', true],
    ['::1/128', true],
    ['128.0.0.0/1', false],
    ['2001:db8::/32', false],
  ])('%s has loopback in it: %s', (network, has) => {
    expect(includesLoopback(network)).toBe(has);
  });

  it('has an address in it whatever its spelling', () => {
    expect(includes('192.0.2.0/24', '::ffff:192.0.2.9')).toBe(true);
    expect(includes('192.0.2.0/24', '192.0.3.1')).toBe(false);
    expect(includes('::/1', '192.0.2.1')).toBe(false);
    expect(includes('192.0.2.0/24', 'x')).toBe(false);
  });
});
