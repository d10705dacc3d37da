import fc from 'fast-check';
import Type from 'typebox';
import { describe, expect, it } from 'vitest';
import { decode } from '../../src/schema/decode.ts';
import {
  Bytes,
  Cidr,
  Duration,
  FilePath,
  Host,
  HostPattern,
  Listen,
  Name,
  OneOrMany,
  optionalSection,
  Section,
  withDefault,
} from '../../src/schema/types.ts';
import {
  formatDuration,
  formatRate,
  parseBytes,
  parseDuration,
  parseListenAddress,
  parseRate,
} from '../../src/schema/units.ts';

const description = 'x';
const UNITS = [
  ['w', 604_800_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
] as const;

describe('durations', () => {
  it('are the sum of their parts', () => {
    const part = fc.option(fc.integer({ min: 0, max: 999_999_999 }), { nil: undefined });
    fc.assert(
      fc.property(fc.tuple(part, part, part, part, part, part), (amounts) => {
        fc.pre(amounts.some((amount) => amount !== undefined));
        const text = amounts.map((amount, i) => (amount === undefined ? '' : `${amount}${UNITS[i]?.[0]}`)).join('');
        const total = amounts.reduce<number>((sum, amount, i) => sum + (amount ?? 0) * (UNITS[i]?.[1] ?? 0), 0);
        expect(parseDuration(text)).toBe(total);
        expect(Number.isFinite(parseDuration(text))).toBe(true);
      }),
    );
  });
  it('come back from their shortest text', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999_999_999 }), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBe(ms);
      }),
    );
  });
  it.each(['', '5', 'm', '5 m', '-5m', '1.5h', '5M', '1m1h', '5m5m', '1e3s', '1234567890s', '５m', '5m\n'])(
    '%j is none',
    (text) => {
      expect(() => parseDuration(text)).toThrow(RangeError);
    },
  );
});

describe('rates', () => {
  it.each([
    ['600/1m', 600, 60_000],
    ['100/s', 100, 1000],
    ['1/m', 1, 60_000],
    ['5/h', 5, 3_600_000],
    ['5/d', 5, 86_400_000],
    ['1000000/24h', 1_000_000, 86_400_000],
    ['7/86400s', 7, 86_400_000],
    ['7/1440m', 7, 86_400_000],
  ])('%s', (text, requests, windowMs) => {
    expect(parseRate(text)).toEqual({ requests, windowMs });
    expect(parseRate(formatRate({ requests, windowMs }))).toEqual({ requests, windowMs });
  });
  it.each(['', '5', '5/', '/m', '0/1m', '1000001/1m', '05/1m', '5/0s', '5/86401s', '5/1441m', '5/25h', '5/2d', '5/1w'])(
    '%j is none',
    (text) => {
      expect(() => parseRate(text)).toThrow(RangeError);
    },
  );
  it.each(['5/500ms', '5/1m30s', '5 / 1m', '-5/1m', '1.5/1m', '5/01m', '5/1M', '1e3/1m', '５/1m', '5/1m\n'])(
    '%j is none',
    (text) => {
      expect(() => parseRate(text)).toThrow(RangeError);
    },
  );
});

describe('sizes', () => {
  it.each([
    ['0B', 0],
    ['16KiB', 16_384],
    ['1kB', 1000],
    ['100MiB', 104_857_600],
    ['2GB', 2e9],
  ])('%s', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });
  it.each(['', '16', '16 KiB', '16kib', '16K', '-1B', '1.5MiB', '16KB'])('%j is none', (text) => {
    expect(() => parseBytes(text)).toThrow(RangeError);
  });
});

describe('addresses to listen on', () => {
  it.each([
    ['127.0.0.1:8080', { host: '127.0.0.1', port: 8080 }],
    ['[::1]:0', { host: '::1', port: 0 }],
    ['localhost:65535', { host: 'localhost', port: 65_535 }],
  ])('%s', (text, expected) => {
    expect(parseListenAddress(text)).toEqual(expected);
  });
  it.each([
    '8080',
    ':8080',
    '127.0.0.1',
    '127.0.0.1:65536',
    '127.0.0.1:08080x',
    '::1:80',
    '[::1]',
    'example.com:80',
    'http://127.0.0.1:80',
  ])('%j is none', (text) => {
    expect(() => parseListenAddress(text)).toThrow(RangeError);
  });
});

describe('forms', () => {
  const matches = (schema: object, text: string): boolean =>
    new RegExp(String(Reflect.get(schema, 'pattern')), 'u').test(text);
  it.each([
    [Cidr, '10.0.0.0/8', true],
    [Cidr, '192.0.2.1', true],
    [Cidr, 'fd00::/8', true],
    [Cidr, '::1', true],
    [Cidr, '10.0.0.0/33', false],
    [Cidr, '256.0.0.1', false],
    [Cidr, 'abc', false],
    [Cidr, '10.0.0/8', false],
    [Cidr, 'fe80::1%eth0', false],
    [Host, 'a.example.com', true],
    [Host, 'localhost', true],
    [Host, '*.example.com', false],
    [Host, 'a.example.com.', false],
    [Host, 'a.example.com:80', false],
    [Host, 'a..b', false],
    [Host, '-a.b', false],
    [HostPattern, '*.example.com', true],
    [HostPattern, '*', false],
    [HostPattern, 'a.*.com', false],
    [HostPattern, '*.*.com', false],
    [HostPattern, '[::1]', true],
    [Name, 'wiki-2', true],
    [Name, 'Wiki', false],
    [Name, '2wiki', false],
    [Name, 'a_b', false],
    [Name, '', false],
  ] as const)('%# %s', (make, text, expected) => {
    expect(matches(make({ description }), text)).toBe(expected);
  });
});

describe('decoding', () => {
  const schema = Section(
    {
      wait: withDefault(Duration({ description }), '30s'),
      size: withDefault(Bytes({ description }), '1KiB'),
      at: Listen({ description }),
      file: withDefault(FilePath({ description }), '../data'),
      host: withDefault(Host({ description }), 'A.example'),
      layers: OneOrMany(Name({ description }), { description }),
      nested: optionalSection({ deep: withDefault(Duration({ description }), '1h') }, { description }),
      either: Type.Optional(
        Type.Union([Duration({ description }), Type.Literal(false), Type.Array(Bytes({ description }))]),
      ),
    },
    { description },
  );
  const context = { directory: '/etc/sallyport' };

  it('fills in defaults, turns units into numbers and freezes everything', () => {
    const value = decode(schema, { at: '[::1]:80', layers: 'one' }, context);
    expect(value).toMatchObject({
      wait: 30_000,
      size: 1024,
      at: { host: '::1', port: 80 },
      file: '/etc/data',
      host: 'a.example',
      layers: ['one'],
      nested: { deep: 3_600_000 },
    });
    expect(Object.hasOwn(value, 'either')).toBe(false);
    expect(frozen(value)).toBe(true);
    expect(Object.getPrototypeOf(value)).toBe(null);
  });
  it.each([
    ['5m', 300_000],
    [false, false],
    [
      ['1KiB', '2B'],
      [1024, 2],
    ],
  ])('chooses the branch of a union: %j', (given, expected) => {
    expect(decode(schema, { at: '[::1]:80', layers: ['a', 'b'], either: given }, context)).toMatchObject({
      either: expected,
      layers: ['a', 'b'],
    });
  });
  it('throws on what was not checked', () => {
    expect(() => decode(schema, { at: 'x', layers: 'a' }, context)).toThrow(RangeError);
    expect(() => decode(schema, { at: '[::1]:80', layers: 'a', either: {} }, context)).toThrow(TypeError);
  });
});

const frozen = (value: unknown): boolean =>
  typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(frozen));
