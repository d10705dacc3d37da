import { argon2Sync, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openPasswordHasher } from '../../src/identity/passwords.ts';
import { formatPhc, LIMITS, parsePhc } from '../../src/identity/phc.ts';

const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)), id: () => 'unused' };
const hasher = openPasswordHasher({ random });
const hashed = async (password: string): Promise<string> => {
  const outcome = await hasher.hash(password);
  if (!outcome.ok) throw new Error(outcome.reason);
  return outcome.phc;
};
const PASSWORD = 'correct horse battery';
const phc = await hashed(PASSWORD);

describe('hash and verify', () => {
  test('the right password matches, any other does not', async () => {
    expect(phc).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(await hasher.verify(phc, PASSWORD)).toBe('match');
    expect(await hasher.verify(phc, `${PASSWORD} `)).toBe('mismatch');
    expect(await hasher.verify(phc, '')).toBe('mismatch');
  });
  test('the same password never gives the same hash', async () => {
    expect(await hashed(PASSWORD)).not.toBe(phc);
  });
  test('composed and decomposed letters are one password (NFC)', async () => {
    expect(await hasher.verify(await hashed('caf\u00e9 cr\u00e8me'), 'cafe\u0301 cre\u0300me')).toBe('match');
  });
  test('nobody and unreadable hashes match nothing', async () => {
    for (const stored of [
      undefined,
      '',
      'plain text',
      phc.replace('argon2id', 'argon2i'),
      phc.replace('19456', '99999999'),
    ]) {
      expect(await hasher.verify(stored, PASSWORD)).toBe('mismatch');
    }
  });
  test('a hash of other parameters within the limits still verifies', async () => {
    const weaker = { memory: 64, passes: 1, parallelism: 2, salt: random.bytes(8) };
    const tag = argon2Sync('argon2id', { ...weaker, message: PASSWORD, nonce: weaker.salt, tagLength: 16 });
    expect(await hasher.verify(formatPhc({ ...weaker, tag }), PASSWORD)).toBe('match');
    expect(await hasher.verify(formatPhc({ ...weaker, tag }), `${PASSWORD}!`)).toBe('mismatch');
  });
  test.each([
    ['seven characters', '1234567', 'too_short'],
    ['four characters of two bytes each', '\u00e4\u00f6\u00fc\u00df', 'too_short'],
    ['1,025 bytes', 'x'.repeat(1025), 'too_long'],
    ['1,026 bytes in 513 characters', '\u00e4'.repeat(513), 'too_long'],
  ])('refuses to set %s', async (_, password, reason) => {
    expect(await hasher.hash(password)).toEqual({ ok: false, reason });
  });
  test('a password beyond the limit does not match the one that it begins with', async () => {
    const longest = 'x'.repeat(1024);
    expect(await hasher.verify(await hashed(longest), `${longest}y`)).toBe('mismatch');
  });
});

test('beyond the queue: busy, and the queue recovers', async () => {
  const small = openPasswordHasher({ random }, { maxQueue: 2 });
  const outcomes = await Promise.all([1, 2, 3, 4].map(() => small.verify(phc, PASSWORD)));
  expect(outcomes).toEqual(['match', 'match', 'busy', 'busy']);
  expect(await small.verify(phc, PASSWORD)).toBe('match');
  const full = openPasswordHasher({ random }, { maxQueue: 0 });
  expect(await full.hash(PASSWORD)).toEqual({ ok: false, reason: 'busy' });
});

test('who is refused waits as the queue does, so that trying again at once gains nothing', async () => {
  const small = openPasswordHasher({ random }, { maxQueue: 2 });
  const order: string[] = [];
  await Promise.all(
    [1, 2, 3, 4, 5].map(async (number) => {
      order.push(`${number} ${await small.verify(phc, PASSWORD)}`);
    }),
  );
  // two with the first hash that ends, the last with the second
  expect(order.filter((entry) => entry.endsWith('busy'))).toEqual(['3 busy', '4 busy', '5 busy']);
  expect(order.indexOf('1 match')).toBeLessThan(order.indexOf('5 busy'));
  expect(order).toHaveLength(5);
});

describe('PHC strings', () => {
  test('what is written is read back', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: LIMITS.parallelism }),
        fc.integer({ min: 32, max: LIMITS.memory }),
        fc.integer({ min: 1, max: LIMITS.passes }),
        fc.uint8Array({ minLength: 8, maxLength: 64 }),
        fc.uint8Array({ minLength: 16, maxLength: 64 }),
        (parallelism, memory, passes, salt, tag) => {
          const read = parsePhc(formatPhc({ memory, passes, parallelism, salt, tag }));
          expect(read).toMatchObject({ memory, passes, parallelism });
          expect(Buffer.from(read?.salt ?? [])).toEqual(Buffer.from(salt));
          expect(Buffer.from(read?.tag ?? [])).toEqual(Buffer.from(tag));
        },
      ),
      { numRuns: 200 },
    );
  });
  const [salt, tag] = phc.split('$').slice(4) as [string, string];
  test.each([
    ['another function', phc.replace('argon2id', 'argon2d')],
    ['another version', phc.replace('v=19', 'v=16')],
    ['no version', phc.replace('$v=19', '')],
    ['another order', `$argon2id$v=19$t=2,m=19456,p=1$${salt}$${tag}`],
    ['too much memory', phc.replace('m=19456', 'm=65537')],
    ['too many passes', phc.replace('t=2', 't=11')],
    ['too many lanes', phc.replace('p=1', 'p=5')],
    ['too little memory', phc.replace('m=19456', 'm=7')],
    ['zero passes', phc.replace('t=2', 't=0')],
    ['leading zero', phc.replace('t=2', 't=02')],
    ['a short salt', phc.replace(salt, 'AAAA')],
    ['a short tag', phc.replace(tag, 'AAAA')],
    ['base64 with loose bits', phc.replace(tag, `${tag.slice(0, -1)}${tag.endsWith('B') ? 'C' : 'B'}`)],
    ['padding', `${phc}=`],
    ['a line after it', `${phc}\n`],
    ['something endless', `${phc}${'A'.repeat(10_000)}`],
  ])('refuses %s', (_, text) => {
    expect(parsePhc(text)).toBeUndefined();
  });
});
