import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Log } from '../../src/core/ports.ts';
import { type KeyReader, readKeyFile, readUrl } from '../../src/identity/authenticators/key-reading.ts';
import { parseKeySet } from '../../src/identity/authenticators/key-set.ts';
import { openKeySource } from '../../src/identity/authenticators/key-source.ts';
import { type KeyServer, openKeyServer, type SigningPair, signingPair } from '../support/issuer.ts';

let one: SigningPair;
let two: SigningPair;
let edwards: SigningPair;
let rsa: SigningPair;
beforeAll(async () => {
  [one, two, edwards, rsa] = await Promise.all([
    signingPair('ES256', 'one'),
    signingPair('ES256', 'two'),
    signingPair('EdDSA', 'ed'),
    signingPair('RS256', 'rsa'),
  ]);
});

const setOf = (...keys: readonly unknown[]) => parseKeySet(JSON.stringify({ keys }));

describe('a key set', () => {
  it('gives a key for its own algorithm alone', async () => {
    const set = setOf(one.jwk, edwards.jwk, rsa.jwk);
    expect(set.size).toBe(3);
    expect(await set.find('one', 'ES256')?.forAlgorithm('ES256')).toMatchObject({ type: 'public' });
    for (const [kid, alg] of [
      ['one', 'ES384'],
      ['one', 'RS256'],
      ['rsa', 'PS256'],
      ['ed', 'ES256'],
      ['none', 'ES256'],
      ['', 'ES256'],
    ] as const) {
      expect(set.find(kid, alg), `${kid} ${alg}`).toBe(undefined);
    }
  });

  it('without a key id only where there is no choice', () => {
    expect(setOf(one.jwk, edwards.jwk).find(undefined, 'ES256')?.id).toBe(setOf(one.jwk).find('one', 'ES256')?.id);
    expect(setOf(one.jwk, two.jwk).find(undefined, 'ES256')).toBe(undefined);
  });

  it('two keys of one name are none, unless their kinds differ', () => {
    expect(setOf(one.jwk, { ...two.jwk, kid: 'one' }).find('one', 'ES256')).toBe(undefined);
    expect(setOf(one.jwk, { ...rsa.jwk, kid: 'one' }).find('one', 'ES256')).toBeDefined();
  });

  it.each<[string, () => object]>([
    ['symmetric', () => ({ kty: 'oct', k: 'c2VjcmV0', kid: 'one', alg: 'HS256' })],
    ['with its private half', () => ({ ...one.jwk, d: 'AAAA' })],
    ['for encryption', () => ({ ...one.jwk, use: 'enc' })],
    ['for signing, not verifying', () => ({ ...one.jwk, key_ops: ['sign'] })],
    ['with a name that is no text', () => ({ ...one.jwk, kid: 1 })],
    ['without a point', () => ({ ...one.jwk, y: undefined })],
    ['RSA of 1024 bits', () => generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })],
    ['RSA of a huge number', () => ({ ...rsa.jwk, n: 'A'.repeat(1400) })],
    ['RSA with a huge exponent', () => ({ ...rsa.jwk, e: 'A'.repeat(64) })],
    ['of no kind', () => ({ ...one.jwk, kty: ['EC'] })],
  ])('leaves out a key that is %s', (_name, make) => {
    expect(setOf(make()).size).toBe(0);
  });

  it('a point that is not on its curve is no key', async () => {
    const key = setOf({ ...one.jwk, y: one.jwk.x }).find('one', 'ES256');
    expect(await key?.forAlgorithm('ES256')).toBe(undefined);
  });

  it.each(['', '[]', '{}', '{"keys":{}}', 'null', `{"keys":[${Array(101).fill('{}').join(',')}]}`])(
    'is not %.30j',
    (text) => {
      expect(() => parseKeySet(text)).toThrow(TypeError);
    },
  );
});

/** Time that a test moves. */
function testClock() {
  let at = 1_000_000;
  return {
    now: () => at,
    monotonic: () => at,
    pass(ms: number): void {
      at += ms;
    },
  };
}

function silentLog() {
  const warned: string[] = [];
  const log: Log = { debug() {}, info() {}, error() {}, warn: (message) => void warned.push(message) };
  return { log, warned };
}

const DAY = 24 * 3_600_000;

function sourceOf(read: KeyReader) {
  const clock = testClock();
  const { log, warned } = silentLog();
  const pace = { refreshMs: 600_000, missMs: 30_000, keepMs: DAY };
  const source = openKeySource({ clock, log }, { provider: 'p', read, ...pace });
  onTestFinished(source.close);
  const find = async (kid: string | undefined) => {
    const found = await source.find(kid, 'ES256');
    return typeof found === 'string' ? found : 'key';
  };
  return { clock, warned, source, find };
}

async function served(...keys: readonly object[]): Promise<KeyServer> {
  const server = await openKeyServer(keys);
  onTestFinished(server.close);
  return server;
}

describe('keys from an issuer', () => {
  it('are read once, however many ask at the same time', async () => {
    const server = await served(one.jwk);
    const { find } = sourceOf(readUrl(server.url));
    expect(new Set(await Promise.all(Array.from({ length: 20 }, () => find('one'))))).toEqual(new Set(['key']));
    expect(server.asked).toBe(1);
  });

  it('rotate: a new name is asked for at once, by one request for all, and then not again for 30 s', async () => {
    const server = await served(one.jwk);
    const { find, clock, source } = sourceOf(readUrl(server.url));
    await find('one');
    const { key } = (await source.find('one', 'ES256')) as { key: { id: string } };
    server.publish([two.jwk]);
    expect(await Promise.all([find('two'), find('two'), find('two')])).toEqual(['key', 'key', 'key']);
    expect(server.asked).toBe(2);
    expect(source.version()).toBe(2);
    expect(source.holds(key.id)).toBe(false);
    for (let i = 0; i < 20; i++) expect(await find(`guess-${i}`)).toBe('none');
    expect(server.asked).toBe(2);
    clock.pass(30_000);
    expect(await find('guess')).toBe('none');
    expect(server.asked).toBe(3);
    expect(source.version()).toBe(2);
  });

  it.each<[string, (server: KeyServer, aside: KeyServer) => void]>([
    ['an error', (server) => server.misbehave((response) => void response.writeHead(500).end())],
    ['no content', (server) => server.misbehave((response) => void response.writeHead(204).end())],
    ['a page', (server) => server.misbehave((response) => void response.end('<html>'))],
    [
      'a redirect, also to good keys',
      (server, aside) => server.misbehave((response) => void response.writeHead(302, { location: aside.url }).end()),
    ],
    [
      'a huge body',
      (server) =>
        server.misbehave((response) => void response.end(JSON.stringify({ keys: [], x: 'x'.repeat(300_000) }))),
    ],
    [
      'a body without an end',
      (server) =>
        server.misbehave((response) => {
          const more = (): void => {
            if (response.destroyed) return;
            response.write('x'.repeat(65_536));
            setImmediate(more);
          };
          more();
        }),
    ],
    ['no answer', (server) => server.misbehave(() => {})],
    ['a body that stops', (server) => server.misbehave((response) => void response.write('{"keys":['))],
    ['a cut connection', (server) => server.misbehave((response) => void response.destroy())],
  ])('that answers with %s: the last good ones for a day, then nobody can say', async (_name, misbehave) => {
    const [server, aside] = [await served(one.jwk), await served(two.jwk)];
    const { find, clock, warned } = sourceOf(readUrl(server.url, 300));
    expect(await find('one')).toBe('key');
    misbehave(server, aside);
    expect(await find('two')).toBe('none');
    expect(warned).toEqual(['keys of an issuer cannot be read; the last good ones stay in force']);
    expect(aside.asked).toBe(0);
    clock.pass(DAY - 1);
    expect(await find('one')).toBe('key');
    clock.pass(1);
    expect(await find('one')).toBe('unavailable');
    server.misbehave(undefined);
    clock.pass(1000);
    expect(await find('one')).toBe('key');
  });

  it('that was never there: nobody can say, and it is asked once a second at most', async () => {
    const server = await served();
    server.misbehave((response) => void response.destroy());
    const { find, clock, warned } = sourceOf(readUrl(server.url));
    expect(await find('one')).toBe('unavailable');
    for (let i = 0; i < 10; i++) expect(await find('one')).toBe('unavailable');
    expect(server.asked).toBe(1);
    expect(warned).toEqual(['keys of an issuer cannot be read; tokens cannot be verified']);
    clock.pass(1000);
    server.misbehave(undefined);
    server.publish([one.jwk]);
    expect(await find('one')).toBe('key');
  });

  it('that publishes none any more has none', async () => {
    const server = await served(one.jwk);
    const { find } = sourceOf(readUrl(server.url));
    expect(await find('one')).toBe('key');
    server.publish([]);
    await find('other');
    expect(await find('one')).toBe('none');
  });
});

describe('keys from a file', () => {
  it('are read again when the file is another, and kept when it is broken', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'sallyport-keys-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const file = join(directory, 'jwks.json');
    const write = (...keys: object[]): void => writeFileSync(file, JSON.stringify({ keys }));
    const { find, clock } = sourceOf(readKeyFile(file));
    expect(await find('one')).toBe('unavailable');
    clock.pass(1000);
    write(one.jwk);
    expect(await find('one')).toBe('key');
    write(one.jwk, two.jwk);
    expect(await find('two')).toBe('key');
    clock.pass(30_000);
    writeFileSync(file, '{');
    expect(await find('three')).toBe('none');
    expect(await find('two')).toBe('key');
    clock.pass(30_000);
    write(two.jwk, { ...one.jwk, kid: 'three' });
    expect(await find('three')).toBe('key');
    expect(await find('one')).toBe('none');
  });

  it('are bounded', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'sallyport-keys-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    writeFileSync(join(directory, 'big'), ' '.repeat(300_000));
    await expect(readKeyFile(join(directory, 'big'))(undefined)).rejects.toThrow('more than');
  });
});
