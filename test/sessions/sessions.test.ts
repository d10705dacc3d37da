import { fork } from 'node:child_process';
import { hash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CredentialEntry, CredentialLookup } from '../../src/core/credential.ts';
import type { Session, SessionId } from '../../src/core/session.ts';
import { type Store, StoreUnavailable } from '../../src/core/store.ts';
import { openSessions, type SessionEnd, SessionRefused, type Sessions } from '../../src/sessions/sessions.ts';
import { type EmbeddedStore, openEmbeddedStore } from '../../src/stores/embedded.ts';
import { temporaryDirectory } from '../stores/directory.ts';
import { type HandClock, handClock, systemClock, systemRandom } from '../stores/ports.ts';
import { HOST, keepingLog, person, start } from './people.ts';

const MINUTE = 60_000;
const LIMITS = { idleMs: 30 * MINUTE, floorMs: 5 * MINUTE, absoluteMs: 8 * 60 * MINUTE };

let directory: ReturnType<typeof temporaryDirectory>;
let path: string;
let clock: HandClock;
let store: EmbeddedStore;
let sessions: Sessions;
let closing: (() => Promise<void>)[];

/** Another gateway on the same store. */
async function another(limits = LIMITS, maxCached?: number): Promise<{ store: EmbeddedStore; sessions: Sessions }> {
  const itsStore = openEmbeddedStore({ clock, random: systemRandom }, { path });
  await itsStore.start();
  const more = maxCached === undefined ? {} : { maxCached };
  const deps = { store: itsStore, clock, random: systemRandom, log: keepingLog() };
  const its = openSessions(deps, { ...limits, ...more });
  await its.start();
  closing.unshift(async () => {
    await its.close(5000);
    await itsStore.close(5000);
  });
  return { store: itsStore, sessions: its };
}

beforeEach(async () => {
  directory = temporaryDirectory();
  path = join(directory.path, 'data');
  // near the true time, which the other processes of these tests live in
  clock = handClock(systemClock.now());
  closing = [];
  ({ store, sessions } = await another());
});
afterEach(async () => {
  for (const close of closing) await close();
  directory.remove();
});

/** The embedded store's answer is there at once: a promise on the warm path would be a bug. */
function look(cookie: string, host = HOST, which = sessions): CredentialLookup {
  const found = which.lookup(cookie, host, clock.now());
  expect(found).not.toBeInstanceOf(Promise);
  return found as CredentialLookup;
}

function valid(cookie: string, which = sessions): CredentialEntry {
  const found = look(cookie, HOST, which);
  expect(found.state).toBe('valid');
  return found as CredentialEntry;
}

async function all(items: AsyncIterable<Session>): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of items) ids.push(id);
  return ids.sort();
}

describe('create', () => {
  test('gives a secret of 256 bits whose SHA-256 alone is stored', async () => {
    const { session, cookie } = await sessions.create(person('ann'), start(clock.now()));
    expect(cookie).toMatch(/^[0-3][0-9a-f]\.[A-Za-z0-9_-]{43}$/);
    expect(session.id).toMatch(/^ses_[a-z0-9]{28}$/);
    expect(cookie.slice(0, 2)).toBe(session.partition);
    const secret = cookie.slice(3);
    for await (const partition of store.partitions()) {
      for await (const { name, entry } of store.list(partition, '')) {
        expect(name + JSON.stringify(entry.value)).not.toContain(secret);
      }
    }
  });

  test('a subject comes back as it was, whatever its claims are called', async () => {
    const subject = person('añn "x"/😀', {
      name: 'Ann',
      emailVerified: true,
      acr: 'urn:x',
      claims: new Map<string, string | number | boolean | readonly string[]>([
        ['__proto__', 'p'],
        ['constructor', ['a', 'b']],
        ['toString', 7],
        ['flag', false],
      ]),
    });
    const { session, cookie } = await sessions.create(subject, start(clock.now()));
    expect(valid(cookie).session).toEqual(session);
    expect(valid(cookie).session.subject).toEqual(subject);
    expect((await sessions.get(session.id))?.subject).toEqual(subject);
    expect(({} as { p?: string }).p).toBeUndefined();
  });

  test('a record that was tampered with is nobody', async () => {
    const { session, cookie } = await sessions.create(person('ann'), start(clock.now()));
    const name = `session/${session.id}`;
    const good = store.get({ partition: session.partition, name })?.value as { subject: object };
    for (const bad of [
      { ...good, subject: { ...good.subject, sub: 'root' } },
      { ...good, createdAt: '0' },
      { ...good, proofs: [{ method: 'magic', level: 'high', at: 1 }] },
      { ...good, proofs: {} },
      { ...good, ended: 7 },
      { ...good, id: 'ses_' },
      null,
      [],
    ]) {
      await store.commit({
        partition: session.partition,
        put: [{ name, value: bad as never }],
        changes: [{ kind: 'session', subject: session.id }],
      });
      expect(look(cookie).state).toBe('unknown');
    }
  });
});

describe('lookup', () => {
  test('answers the same entry while nothing changes, and keeps what was remembered in it', async () => {
    const { cookie } = await sessions.create(person('ann'), start(clock.now()));
    const first = valid(cookie);
    first.memo = { remembered: true };
    expect(valid(cookie)).toBe(first);
    await sessions.create(person('bob'), start(clock.now()));
    expect(valid(cookie)).toBe(first);
    expect(sessions.cacheFigures()).toEqual({ hits: 2, misses: 1 });
  });

  test('a secret is good for its own host only', async () => {
    const { cookie } = await sessions.create(person('ann'), start(clock.now()));
    expect(look(cookie, 'other.example.com').state).toBe('unknown');
    expect(valid(cookie).host).toBe(HOST);
    expect(look(cookie, 'other.example.com').state).toBe('unknown');
  });

  test('text that is no cookie of ours is unknown', async () => {
    const { cookie } = await sessions.create(person('ann'), start(clock.now()));
    const flipped = `${cookie.slice(0, -1)}${cookie.endsWith('A') ? 'Q' : 'A'}`;
    const moved = `${cookie.startsWith('00') ? '01' : '00'}${cookie.slice(2)}`;
    const bad = [
      '',
      'x',
      `${cookie}A`,
      cookie.slice(1),
      flipped,
      moved,
      cookie.replace('.', ' '),
      'é'.repeat(46),
      `4${cookie.slice(1)}`,
    ];
    for (const text of bad) expect(look(text).state).toBe('unknown');
  });

  test.each([
    { name: 'idle until the limit', wait: LIMITS.idleMs, state: 'valid' },
    { name: 'idle for longer', wait: LIMITS.idleMs + 1, state: 'expired' },
    { name: 'absolute limit', wait: LIMITS.absoluteMs, state: 'expired' },
    { name: 'forgotten', wait: LIMITS.absoluteMs + 10 * MINUTE, state: 'unknown' },
  ])('$name: $state', async ({ wait, state }) => {
    const cached = await sessions.create(person('ann'), start(clock.now()));
    const fresh = await sessions.create(person('ann'), start(clock.now()));
    valid(cached.cookie);
    clock.advance(wait);
    expect(look(fresh.cookie).state).toBe(state);
    // one that is remembered is never better than one that is not
    expect(look(cached.cookie).state).toBe(state);
  });

  test('activity keeps a session alive until the absolute limit and no longer', async () => {
    const { session, cookie } = await sessions.create(person('ann'), start(clock.now()));
    while (clock.now() + 20 * MINUTE < session.absoluteExpiryAt) {
      clock.advance(20 * MINUTE);
      sessions.touch(valid(cookie), clock.now());
    }
    clock.set(session.absoluteExpiryAt);
    expect(look(cookie).state).toBe('expired');
  });

  test('an instant that is no number denies', async () => {
    const { cookie } = await sessions.create(person('ann'), start(clock.now()));
    valid(cookie);
    expect((sessions.lookup(cookie, HOST, Number.NaN) as CredentialLookup).state).toBe('expired');
  });

  test('limits change at a reload; the floor holds; a lower absolute limit holds for older sessions', async () => {
    const { cookie } = await sessions.create(person('ann'), start(clock.now()));
    valid(cookie);
    sessions.configure({ idleMs: MINUTE, floorMs: 5 * MINUTE, absoluteMs: LIMITS.absoluteMs });
    clock.advance(5 * MINUTE);
    const entry = valid(cookie);
    sessions.touch(entry, clock.now());
    sessions.configure({ ...LIMITS, absoluteMs: 5 * MINUTE });
    expect(look(cookie).state).toBe('expired');
    for (const bad of [Number.NaN, 0, -1, Infinity]) {
      expect(() => sessions.configure({ ...LIMITS, idleMs: bad })).toThrow(TypeError);
    }
  });

  test('fails closed when the store is gone, remembered or not', async () => {
    const { cookie } = await sessions.create(person('ann'), start(clock.now()));
    valid(cookie);
    await store.close(5000);
    expect(() => sessions.lookup(cookie, HOST, clock.now())).toThrow(StoreUnavailable);
  });

  test('a small cache forgets and still answers right', async () => {
    const small = await another(LIMITS, 3);
    const made = await Promise.all(
      ['a', 'b', 'c', 'd', 'e'].map((sub) => sessions.create(person(sub), start(clock.now()))),
    );
    for (let round = 0; round < 3; round += 1) {
      for (const { cookie, session } of made) expect(valid(cookie, small.sessions).session.id).toBe(session.id);
    }
    await sessions.revoke(made[0]?.session.id as string, 'x', 'y');
    for (const { cookie } of made.slice(0, 1)) expect(look(cookie, HOST, small.sessions).state).toBe('ended');
  });
});

describe('touch', () => {
  test('is written once per interval however often it happens, and on closing', async () => {
    const { session, cookie } = await sessions.create(person('ann'), start(clock.now()));
    const stored = () => store.get({ partition: session.partition, name: `session/${session.id}` });
    const version = stored()?.version;
    for (let second = 0; second < 20; second += 1) {
      clock.advance(1000);
      sessions.touch(valid(cookie), clock.now());
    }
    expect(stored()?.version).toBe(version);
    // what is not written yet is shown all the same
    expect((await sessions.get(session.id))?.lastActivityAt).toBe(clock.now());
    await sessions.close(5000);
    expect(stored()?.value).toMatchObject({ lastActivityAt: clock.now() });
  });

  test('of two processes the newest activity stays, whoever writes last', async () => {
    const other = await another();
    const { session, cookie } = await sessions.create(person('ann'), start(clock.now()));
    const [here, there] = [valid(cookie), valid(cookie, other.sessions)];
    clock.advance(MINUTE);
    sessions.touch(here, clock.now() - 10);
    other.sessions.touch(there, clock.now());
    await other.sessions.flush();
    await sessions.flush();
    expect((await sessions.get(session.id))?.lastActivityAt).toBe(clock.now());
    // a session that is idle only as this process sees it is not expired
    clock.advance(LIMITS.idleMs);
    expect(look(cookie).state).toBe('valid');
  });

  test('all hosts of a session share its activity', async () => {
    const { session, cookie } = await sessions.create(person('ann'), start(clock.now()));
    const elsewhere = `${session.partition}.${'A'.repeat(43)}`;
    const name = `secret/${hash('sha256', elsewhere, 'base64url')}`;
    await store.commit({
      partition: session.partition,
      put: [{ name, value: { session: session.id, host: 'b.example.com' } }],
    });
    const [here, there] = [valid(cookie), look(elsewhere, 'b.example.com') as CredentialEntry];
    sessions.touch(there, clock.now() + 5);
    expect(here.lastActivityAt).toBe(clock.now() + 5);
    for (const bad of [clock.now() - 5, Number.NaN, Infinity]) sessions.touch(here, bad);
    expect(there.lastActivityAt).toBe(clock.now() + 5);
    await sessions.revoke(session.id, 'x', 'y');
    expect([look(cookie).state, look(elsewhere, 'b.example.com').state]).toEqual(['ended', 'ended']);
  });

  test('never brings back a session that was ended, here or elsewhere', async () => {
    const other = await another();
    for (const ender of [sessions, other.sessions]) {
      const { session, cookie } = await sessions.create(person('ann'), start(clock.now()));
      const entry = valid(cookie);
      clock.advance(1000);
      sessions.touch(entry, clock.now());
      const [, ended] = await Promise.all([sessions.flush(), ender.revoke(session.id, 'x', 'y')]);
      expect(ended).toBe(true);
      clock.advance(1000);
      sessions.touch(entry, clock.now());
      await sessions.flush();
      expect(look(cookie).state).toBe('ended');
      expect((await sessions.get(session.id))?.ended).toMatchObject({ by: 'x', reason: 'y' });
    }
  });
});

describe('revoke', () => {
  test('is true once; the next look-up here and elsewhere says ended, until the session would have expired', async () => {
    const other = await another();
    const { session, cookie } = await sessions.create(person('ann'), start(clock.now()));
    valid(cookie);
    valid(cookie, other.sessions);
    expect(await other.sessions.revoke(session.id, 'cli:root', 'lost laptop')).toBe(true);
    expect(look(cookie).state).toBe('ended');
    expect(look(cookie, HOST, other.sessions).state).toBe('ended');
    expect(await sessions.revoke(session.id, 'cli:root', 'again')).toBe(false);
    clock.set(session.absoluteExpiryAt - 1);
    expect(look(cookie).state).toBe('ended');
  });

  test.each(['', 'ses_', 'ses_zz', 'x', `ses_00${'a'.repeat(26)}`, 'ses_../../account/root'])(
    '%j is not there',
    async (id) => {
      expect(await sessions.revoke(id, 'x', 'y')).toBe(false);
      expect(await sessions.get(id)).toBeUndefined();
    },
  );

  test('of 20 at once exactly one ends it', async () => {
    const other = await another();
    const { session } = await sessions.create(person('ann'), start(clock.now()));
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        (index % 2 === 0 ? sessions : other.sessions).revoke(session.id, `by${index}`, 'r'),
      ),
    );
    expect(outcomes.filter(Boolean)).toHaveLength(1);
    expect((await sessions.get(session.id))?.ended?.by).toBe(`by${outcomes.indexOf(true)}`);
  });

  test('a change of the user drops what was remembered for all of their sessions', async () => {
    const { session, cookie } = await sessions.create(person('ann'), start(clock.now()));
    const other = await sessions.create(person('bob'), start(clock.now()));
    const [ann, bob] = [valid(cookie), valid(other.cookie)];
    await store.commit({ partition: session.partition, changes: [{ kind: 'user', subject: 'staff:ann' }] });
    expect(valid(cookie)).not.toBe(ann);
    expect(valid(other.cookie)).toBe(bob);
  });
});

describe('revokeUser', () => {
  test("ends all of a user's sessions but the one to keep, and nobody else's", async () => {
    const ann = await Promise.all([1, 2, 3].map(() => sessions.create(person('ann'), start(clock.now()))));
    const bob = await sessions.create(person('bob'), start(clock.now()));
    const keep = ann[1]?.session.id as SessionId;
    for (const { cookie } of ann) valid(cookie);
    expect(await sessions.revokeUser('staff:ann', 'staff:ann', 'everywhere', { except: keep })).toBe(2);
    expect(ann.map(({ cookie }) => look(cookie).state)).toEqual(['ended', 'valid', 'ended']);
    valid(bob.cookie);
    expect(await sessions.revokeUser('staff:ann', 'x', 'y')).toBe(1);
    expect(await sessions.revokeUser('staff:ann', 'x', 'y')).toBe(0);
    expect(await sessions.listUser('staff:ann')).toEqual([]);
    valid((await sessions.create(person('ann'), start(clock.now()))).cookie);
  });

  test('no session slips through that is being created meanwhile', async () => {
    for (let round = 0; round < 15; round += 1) {
      const creating = Array.from({ length: 10 }, () =>
        sessions.create(person('ann'), start(clock.now())).catch((error: unknown) => {
          expect(error).toBeInstanceOf(SessionRefused);
        }),
      );
      const ended = await sessions.revokeUser('staff:ann', 'x', 'y');
      // all of them began before the revocation was over, so none may be left
      const made = (await Promise.all(creating)).filter((each) => each !== undefined);
      expect(made.map(({ cookie }) => look(cookie).state)).toEqual(made.map(() => 'ended'));
      expect(ended).toBe(made.length);
    }
  });

  test('a session whose creation was overtaken by the revocation is refused', async () => {
    // the real store, whose writes wait: what a slow disk or a busy machine does
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let reached = (): void => {};
    const waiting = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const slow: Store = {
      ...store,
      async commit(commit) {
        reached();
        await held;
        return store.commit(commit);
      },
    };
    const late = openSessions({ store: slow, clock, random: systemRandom, log: keepingLog() }, LIMITS);
    const creating = late.create(person('ann'), start(clock.now()));
    await waiting;
    expect(await sessions.revokeUser('staff:ann', 'x', 'y')).toBe(0);
    release();
    await expect(creating).rejects.toThrow(SessionRefused);
    expect(await sessions.listUser('staff:ann')).toEqual([]);
  });

  test('a sign-in that was checked before the revocation is refused after it', async () => {
    const checkedAt = clock.now();
    await sessions.revokeUser('staff:ann', 'x', 'y');
    await expect(sessions.create(person('ann'), { ...start(checkedAt), checkedAt })).rejects.toThrow(SessionRefused);
    clock.advance(1);
    const { cookie } = await sessions.create(person('ann'), { ...start(clock.now()), checkedAt: clock.now() });
    valid(cookie);
  });
});

describe('list', () => {
  test('shows live sessions only', async () => {
    const old = await sessions.create(person('ann'), start(clock.now()));
    clock.advance(LIMITS.idleMs);
    const ended = await sessions.create(person('ann'), start(clock.now()));
    const live = await sessions.create(person('ann'), start(clock.now()));
    const bob = await sessions.create(person('bob'), start(clock.now()));
    clock.advance(1);
    await sessions.revoke(ended.session.id, 'x', 'y');
    expect((await sessions.listUser('staff:ann')).map((session) => session.id)).toEqual([live.session.id]);
    expect(await all(sessions.listAll())).toEqual([live.session.id, bob.session.id].sort());
    expect(await sessions.activeCount()).toBe(2);
    expect((await sessions.get(old.session.id))?.id).toBe(old.session.id);
    await sessions.revoke(bob.session.id, 'x', 'y');
    expect(await sessions.activeCount()).toBe(2);
    clock.advance(15_000);
    expect(await sessions.activeCount()).toBe(1);
  });
});

describe('onEnd', () => {
  test('tells of ends in this and in another process, and not of other changes', async () => {
    const other = await another();
    const heard: SessionEnd[] = [];
    const [first, second] = await Promise.all([1, 2].map(() => sessions.create(person('ann'), start(clock.now()))));
    const remove = sessions.onEnd(async (end) => void heard.push(end));
    await sessions.revoke(first?.session.id as string, 'x', 'y');
    expect(heard).toMatchObject([{ session: first?.session.id, ended: { by: 'x', reason: 'y' } }]);
    const told = new Promise<SessionEnd>((resolve) => sessions.onEnd((end) => resolve(end)));
    await store.commit({
      partition: '00',
      changes: [
        { kind: 'session', subject: 'ses_nonsense' },
        { kind: 'block', subject: 'x' },
      ],
    });
    await other.sessions.revoke(second?.session.id as string, 'x', 'y');
    expect(await told).toMatchObject({ session: second?.session.id });
    expect(heard).toHaveLength(2);
    remove();
  });
});

describe('endedCount', () => {
  test('counts every end once, here and elsewhere, from the start of the process on', async () => {
    const other = await another();
    const made = await Promise.all(
      ['ann', 'ann', 'ann', 'bob', 'eve'].map((sub) => sessions.create(person(sub), start(clock.now()))),
    );
    const [first, , , bob, eve] = made.map(({ session }) => session.id) as SessionId[];
    expect(await sessions.endedCount()).toBe(0);
    await sessions.revoke(first as SessionId, 'x', 'y');
    await sessions.revoke(first as SessionId, 'x', 'again');
    expect(await sessions.endedCount()).toBe(1);
    expect(await other.sessions.revokeUser('staff:ann', 'cli:root', 'y')).toBe(2);
    await Promise.all([sessions.revoke(bob as SessionId, 'x', 'y'), other.sessions.revoke(bob as SessionId, 'x', 'y')]);
    expect(await sessions.endedCount()).toBe(4);
    expect(await other.sessions.endedCount()).toBe(4);
    const late = await another();
    expect(await late.sessions.endedCount()).toBe(0);
    await late.sessions.revoke(eve as SessionId, 'x', 'y');
    expect(await Promise.all([sessions, late.sessions].map((each) => each.endedCount()))).toEqual([5, 1]);
  });

  test('not what had expired, and not a change that ends nothing', async () => {
    const old = await sessions.create(person('ann'), start(clock.now()));
    clock.advance(LIMITS.idleMs + 1);
    const live = await sessions.create(person('ann'), start(clock.now()));
    const { partition, id } = live.session;
    await store.commit({ partition, changes: [{ kind: 'session', subject: id }] });
    expect(await sessions.revoke(old.session.id, 'x', 'y')).toBe(true);
    expect(await sessions.endedCount()).toBe(0);
    expect(await sessions.revokeUser('staff:ann', 'x', 'y')).toBe(1);
    expect(await sessions.endedCount()).toBe(1);
  });

  test('a thousand ends at once are all counted, and the look-up that learns of them reads none', async () => {
    const other = await another();
    const made = await Promise.all(
      Array.from({ length: 1001 }, () => sessions.create(person('ann'), start(clock.now()))),
    );
    const [watched] = made;
    valid(watched?.cookie as string, other.sessions);
    await sessions.revokeUser('staff:ann', 'x', 'y');
    const { get } = other.store;
    let reads = 0;
    other.store.get = (key) => {
      reads += 1;
      return get(key);
    };
    expect(look(watched?.cookie as string, HOST, other.sessions).state).toBe('ended');
    // its secret and itself
    expect(reads).toBe(2);
    expect(await other.sessions.endedCount()).toBe(1001);
  });

  test('without the store it says what is known', async () => {
    const { session } = await sessions.create(person('ann'), start(clock.now()));
    await sessions.revoke(session.id, 'x', 'y');
    expect(await sessions.endedCount()).toBe(1);
    await store.close(5000);
    expect(await sessions.endedCount()).toBe(1);
  });
});

describe('a store that was rolled back', () => {
  test('revives neither a session that was ended since nor any other; new ones are good', async () => {
    const ended = await sessions.create(person('ann'), start(clock.now()));
    const live = await sessions.create(person('bob'), start(clock.now()));
    valid(live.cookie);
    for (const close of closing.splice(0)) await close();
    cpSync(join(path, 'store'), join(directory.path, 'backup'), { recursive: true });
    const before = await another();
    await before.sessions.revoke(ended.session.id, 'x', 'y');
    for (const close of closing.splice(0)) await close();
    rmSync(join(path, 'store'), { recursive: true });
    renameSync(join(directory.path, 'backup'), join(path, 'store'));
    clock.advance(1);
    const after = await another();
    expect(look(ended.cookie, HOST, after.sessions).state).toBe('ended');
    expect(look(live.cookie, HOST, after.sessions).state).toBe('ended');
    expect(await all(after.sessions.listAll())).toEqual([]);
    valid((await after.sessions.create(person('bob'), start(clock.now()))).cookie, after.sessions);
  });
});

describe('another process', () => {
  async function gateway(): Promise<(order: object) => Promise<unknown>> {
    const script = fileURLToPath(new URL('./revoke-process.ts', import.meta.url));
    const child = fork(script, [path], { stdio: 'inherit' });
    closing.unshift(async () => {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    });
    await once(child, 'message');
    return async (order) => {
      const answer = once(child, 'message');
      child.send(order);
      return ((await answer) as [{ value: unknown }])[0].value;
    };
  }

  test('what it ends is refused by the next look-up here', async () => {
    const other = await gateway();
    for (let round = 0; round < 10; round += 1) {
      const { session, cookie } = await sessions.create(person('ann'), start(clock.now()));
      valid(cookie);
      expect(await other({ lookup: cookie, host: HOST })).toBe('valid');
      expect(await other({ revoke: session.id })).toBe(true);
      expect(look(cookie).state).toBe('ended');
    }
    const { cookie } = await sessions.create(person('ann'), start(clock.now()));
    valid(cookie);
    expect(await other({ revokeUser: 'staff:ann' })).toBe(1);
    expect(look(cookie).state).toBe('ended');
    const mine = await sessions.create(person('bob'), start(clock.now()));
    expect(await other({ lookup: mine.cookie, host: HOST })).toBe('valid');
    await sessions.revoke(mine.session.id, 'x', 'y');
    expect(await other({ lookup: mine.cookie, host: HOST })).toBe('ended');
  });

  test('activity that it wrote counts here', async () => {
    const other = await gateway();
    const { session, cookie } = await sessions.create(person('ann'), start(clock.now()));
    valid(cookie);
    const touchAt = clock.now() + LIMITS.idleMs;
    expect(await other({ lookup: cookie, host: HOST, touchAt })).toBe('valid');
    clock.set(touchAt + LIMITS.idleMs);
    expect(look(cookie).state).toBe('valid');
    expect((await sessions.get(session.id))?.lastActivityAt).toBe(touchAt);
  });
});
