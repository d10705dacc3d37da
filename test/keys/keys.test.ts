import { fork } from 'node:child_process';
import { createPublicKey, type JsonWebKey, sign, verify } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Json, StoreUnavailable } from '../../src/core/store.ts';
import { deriveKey } from '../../src/keys/derive.ts';
import { type KeyRing, openKeyRing, RootSecretMismatch, type SigningKey } from '../../src/keys/key-ring.ts';
import { mac, verifyMac } from '../../src/keys/mac.ts';
import { loadRootSecrets } from '../../src/keys/root-secrets.ts';
import { type EmbeddedStore, openEmbeddedStore } from '../../src/stores/embedded.ts';
import { temporaryDirectory } from '../stores/directory.ts';
import { type HandClock, handClock, systemRandom } from '../stores/ports.ts';

const A = 'a'.repeat(32);
const B = 'b'.repeat(40);

let directory: ReturnType<typeof temporaryDirectory>;
let path: string;
beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory.path, 'data');
});
afterEach(() => directory.remove());

describe('derived keys', () => {
  test('are stable, apart by purpose and by root, and as long as asked', () => {
    const root = Buffer.from(A);
    expect(deriveKey(root, 'csrf')).toEqual(deriveKey(root, 'csrf'));
    expect(deriveKey(root, 'csrf')).not.toEqual(deriveKey(root, 'csrf2'));
    expect(deriveKey(root, 'csrf')).not.toEqual(deriveKey(Buffer.from(B), 'csrf'));
    expect(deriveKey(root, 'csrf')).toHaveLength(32);
    expect(deriveKey(root, 'x', 64)).toHaveLength(64);
    expect(() => deriveKey(root, '')).toThrow(TypeError);
    // a change of this value signs everybody out: it must never happen by accident
    expect(Buffer.from(deriveKey(root, 'csrf')).toString('hex')).toBe(PINNED);
  });
});

const PINNED = 'a45bc0cb830e2a1bde831ba3248bc2331b0dbb50672bd7428fb92638d4ba23fc';

describe('root secrets', () => {
  const load = (cookie?: string | readonly string[]) =>
    loadRootSecrets(cookie === undefined ? {} : { cookie }, { dataDir: path, random: systemRandom });

  test('come from the configuration, one or a ring, and nothing is written then', () => {
    expect(load(A)).toEqual({ secrets: [new Uint8Array(Buffer.from(A))], created: false });
    expect(load([B, A]).secrets.map((each) => Buffer.from(each).toString())).toEqual([B, A]);
    expect(readdirSync(directory.path)).toEqual([]);
  });

  test.each([['', 'short', 'a'.repeat(31), [A, 'short'], ` ${'a'.repeat(31)} `]].flat())('%j is refused', (cookie) => {
    expect(() => load(cookie)).toThrow(/at least 32 bytes/);
    expect(() => load([A, cookie as string].flat())).not.toThrow(/undefined/);
  });

  test('are made once, for their owner alone, and found again', () => {
    const first = load();
    expect(first.created).toBe(true);
    expect(statSync(join(path, 'secret')).mode & 0o777).toBe(0o600);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(readdirSync(path)).toEqual(['secret']);
    chmodSync(join(path, 'secret'), 0o644);
    expect(load()).toEqual({ secrets: first.secrets, created: false });
    expect(statSync(join(path, 'secret')).mode & 0o777).toBe(0o600);
    // the file's text in the configuration gives the same keys
    expect(load(readFileSync(join(path, 'secret'), 'utf8')).secrets).toEqual(first.secrets);
  });

  test('are never made where several machines share the store: each would have its own', () => {
    expect(() => loadRootSecrets({}, { dataDir: undefined, random: systemRandom })).toThrow(/needs `secrets\.cookie`/);
    const given = loadRootSecrets({ cookie: A }, { dataDir: undefined, random: systemRandom });
    expect(given).toEqual({ secrets: [new Uint8Array(Buffer.from(A))], created: false });
  });

  test('a damaged file is refused and left alone', () => {
    load();
    for (const text of ['', 'short\n']) {
      writeFileSync(join(path, 'secret'), text);
      expect(() => load()).toThrow(/at least 32 bytes/);
      expect(readFileSync(join(path, 'secret'), 'utf8')).toBe(text);
    }
  });
});

describe('macs', () => {
  const key = deriveKey(Buffer.from(A), 'csrf');
  const older = deriveKey(Buffer.from(B), 'csrf');

  test('hold for their purpose, parts and ring of keys only', () => {
    const token = mac(key, 'csrf', ['ann', '1']);
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(verifyMac(token, [key], 'csrf', ['ann', '1'])).toBe(true);
    expect(verifyMac(token, [older, key], 'csrf', ['ann', '1'])).toBe(true);
    for (const [keys, purpose, parts] of [
      [[older], 'csrf', ['ann', '1']],
      [[], 'csrf', ['ann', '1']],
      [[key], 'other', ['ann', '1']],
      [[key], 'csrf', ['ann1']],
      [[key], 'csrf', ['an', 'n1']],
      [[key], 'csrf', ['ann', '1', '']],
      [[key], 'csrfann', ['1']],
    ] as const) {
      expect(verifyMac(token, keys, purpose, parts)).toBe(false);
    }
    for (const bad of ['', `${token}A`, token.slice(1), token.toLowerCase(), 'é'.repeat(43)]) {
      expect(verifyMac(bad, [key], 'csrf', ['ann', '1'])).toBe(false);
    }
  });

  test('no two lists of parts share one', () => {
    const parts = fc.array(fc.string({ unit: 'binary' }), { maxLength: 4 });
    fc.assert(
      fc.property(parts, parts, (one, two) => {
        fc.pre(JSON.stringify(one) !== JSON.stringify(two));
        return mac(key, 'p', one) !== mac(key, 'p', two);
      }),
    );
  });
});

describe('key ring', () => {
  let clock: HandClock;
  let store: EmbeddedStore;
  const opened: EmbeddedStore[] = [];
  const openIt = async (): Promise<EmbeddedStore> => {
    const another = openEmbeddedStore({ clock, random: systemRandom }, { path });
    await another.start();
    opened.push(another);
    return another;
  };
  const ring = async (cookie: string | readonly string[] = A, on = store): Promise<KeyRing> => {
    const roots = loadRootSecrets({ cookie }, { dataDir: path, random: systemRandom });
    const made = openKeyRing({ store: on, clock, random: systemRandom }, roots);
    await made.start();
    return made;
  };
  const kids = (of: KeyRing): (string | undefined)[] => of.jwks().keys.map((key) => key.kid as string | undefined);
  const signed = (key: SigningKey): Buffer =>
    sign('sha256', Buffer.from('message'), { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
  const verifies = (signature: Buffer, key: JsonWebKey | undefined): boolean =>
    key !== undefined &&
    verify(
      'sha256',
      Buffer.from('message'),
      { key: createPublicKey({ key, format: 'jwk' }), dsaEncoding: 'ieee-p1363' },
      signature,
    );

  beforeEach(async () => {
    clock = handClock();
    store = await openIt();
  });
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close(5000);
  });

  test('makes a current and a next key, publishes public halves only, and finds them again', async () => {
    const first = await ring();
    const { keys } = first.jwks();
    expect(keys).toHaveLength(2);
    for (const key of keys) {
      expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
      expect(key).toMatchObject({ alg: 'ES256', kty: 'EC', crv: 'P-256', use: 'sig' });
    }
    const signing = first.signing();
    expect(signing.alg).toBe('ES256');
    expect(
      verifies(
        signed(signing),
        keys.find((key) => key.kid === signing.kid),
      ),
    ).toBe(true);
    const again = await ring(A, await openIt());
    expect(again.signing().kid).toBe(signing.kid);
    expect(again.jwks()).toEqual(first.jwks());
  });

  test('the store holds no private key in the open', async () => {
    const first = await ring();
    const { d } = first.signing().privateKey.export({ format: 'jwk' });
    const text = JSON.stringify(store.get({ partition: 'keys', name: 'signing/ring' })?.value);
    expect(text).not.toContain(d as string);
    expect(text).not.toContain('"d"');
  });

  test('rotation: the next key signs, the former one is still published for a day, and a new next one is there', async () => {
    const here = await ring();
    const there = await ring(A, await openIt());
    const [next, current] = kids(here);
    const before = signed(here.signing());
    await here.rotate();
    for (const each of [here, there]) {
      expect(each.signing().kid).toBe(next);
      expect(kids(each).slice(1)).toEqual([next, current]);
      expect(
        verifies(
          before,
          each.jwks().keys.find((key) => key.kid === current),
        ),
      ).toBe(true);
    }
    clock.advance(24 * 60 * 60_000);
    await there.rotate();
    expect(kids(here)).not.toContain(current);
    expect(kids(here)).toContain(next);
    for (let round = 0; round < 20; round += 1) await here.rotate();
    expect(kids(here)).toHaveLength(10);
  });

  test('rotating in two processes at once is one rotation', async () => {
    const here = await ring();
    const there = await ring(A, await openIt());
    const [next] = kids(here);
    await Promise.all([here.rotate(), there.rotate(), here.rotate()]);
    expect(here.signing().kid).toBe(next);
    expect(there.signing().kid).toBe(next);
    expect(kids(here)).toHaveLength(3);
  });

  test('another root secret refuses to start and changes nothing', async () => {
    await ring(A);
    const before = store.get({ partition: 'keys', name: 'signing/ring' });
    await expect(ring(B)).rejects.toThrow(RootSecretMismatch);
    expect(store.get({ partition: 'keys', name: 'signing/ring' })).toEqual(before);
  });

  test('a new secret before the former one takes over, and the former can go then', async () => {
    const first = await ring(A);
    const both = await ring([B, A]);
    expect(both.signing().kid).toBe(first.signing().kid);
    expect(both.deriveAll('csrf')).toEqual([both.derive('csrf'), first.derive('csrf')]);
    // a gateway that does not know the new secret yet goes on, until a key signs that it cannot open
    expect(first.jwks()).toEqual(both.jwks());
    await both.rotate();
    expect(first.signing().kid).toBe(both.signing().kid);
    expect(kids(first)).toEqual(kids(both).slice(1));
    await both.rotate();
    expect(() => first.signing()).toThrow(RootSecretMismatch);
    const alone = await ring(B, await openIt());
    expect(alone.jwks()).toEqual(both.jwks());
    await expect(ring(A)).rejects.toThrow(RootSecretMismatch);
  });

  /** What is published after all; a refusal publishes nothing. */
  const safely = <T>(read: () => T[]): T[] => {
    try {
      return read();
    } catch {
      return [];
    }
  };

  test('what was tampered with in the store is refused', async () => {
    const first = await ring();
    const good = store.get({ partition: 'keys', name: 'signing/ring' })?.value as {
      keys: { kid: string; sealed: string }[];
    };
    const [one, two] = good.keys as [{ kid: string; sealed: string }, { kid: string; sealed: string }];
    const flipped = `${one.sealed.slice(0, 40)}${one.sealed[40] === 'A' ? 'B' : 'A'}${one.sealed.slice(41)}`;
    const mine = kids(first);
    const bad: Json[] = [
      { keys: [{ ...one, sealed: flipped }, two] },
      { keys: [{ ...one, kid: two.kid }, two] },
      { keys: [{ ...one, sealed: two.sealed }, two] },
      { keys: [{ ...one, sealed: '' }, two] },
      { keys: [{ ...one, state: 'root' }, two] },
      { keys: {} },
      null,
    ];
    for (const value of bad) {
      await store.commit({
        partition: 'keys',
        put: [{ name: 'signing/ring', value }],
        changes: [{ kind: 'key', subject: 'signing' }],
      });
      expect(mine).toEqual(expect.arrayContaining(safely(() => kids(first))));
      await expect(ring()).rejects.toThrow();
    }
  });

  test('makes new keys when the store was emptied under it', async () => {
    const here = await ring();
    const before = kids(here);
    await store.commit({ partition: 'keys', remove: ['signing/ring'], changes: [{ kind: 'key', subject: 'signing' }] });
    expect(() => here.signing()).toThrow(StoreUnavailable);
    await here.close(1000);
    expect(before).not.toContain(here.signing().kid);
    expect(kids(here)).toHaveLength(2);
  });

  test('signs nothing before it is started and nothing when the store is gone', async () => {
    const roots = loadRootSecrets({ cookie: A }, { dataDir: path, random: systemRandom });
    const idle = openKeyRing({ store, clock, random: systemRandom }, roots);
    expect(idle.derive('csrf')).toHaveLength(32);
    expect(() => idle.signing()).toThrow(StoreUnavailable);
    await idle.start();
    idle.signing();
    await store.close(5000);
    expect(() => idle.signing()).toThrow(StoreUnavailable);
  });
});

test('processes that start at once agree on the secret and the signing keys, and follow a rotation', async () => {
  interface Said {
    readonly created: boolean;
    readonly csrf: string;
    readonly signing: string;
    readonly jwks: object;
  }
  const script = fileURLToPath(new URL('./start-process.ts', import.meta.url));
  const children = Array.from({ length: 4 }, () => fork(script, [path], { stdio: 'inherit' }));
  const hear = async (child: (typeof children)[number]): Promise<Said> => ((await once(child, 'message')) as [Said])[0];
  try {
    const said = await Promise.all(children.map(hear));
    expect(said.filter(({ created }) => created)).toHaveLength(1);
    for (const each of said) expect(each).toMatchObject({ ...said[0], created: each.created });
    const [first, ...others] = children as [(typeof children)[number], ...typeof children];
    const rotated = hear(first);
    first.send('rotate');
    const { signing, jwks } = await rotated;
    expect(signing).not.toBe(said[0]?.signing);
    for (const other of others) {
      const answer = hear(other);
      other.send('say');
      expect(await answer).toMatchObject({ signing, jwks });
    }
  } finally {
    await Promise.all(
      children.map(async (child) => {
        const gone = once(child, 'exit');
        child.kill('SIGKILL');
        await gone;
      }),
    );
  }
});
