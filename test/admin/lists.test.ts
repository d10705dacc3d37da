import { afterEach, beforeEach, expect, it } from 'vitest';
import { pageOf, type Resumable } from '../../src/admin/paging.ts';
import { usersNamed } from '../../src/admin/who.ts';
import type { Session, SessionId } from '../../src/core/session.ts';
import type { Store } from '../../src/core/store.ts';
import type { UserId } from '../../src/core/subject.ts';
import { type Account, type Accounts, isAccountUser, openAccounts, walkAccounts } from '../../src/identity/accounts.ts';
import { openPasswordHasher } from '../../src/identity/passwords.ts';
import { isSessionId } from '../../src/sessions/record.ts';
import { openSessions, type Sessions } from '../../src/sessions/sessions.ts';
import { openEmbeddedStore } from '../../src/stores/embedded.ts';
import { keepingLog, person, start } from '../sessions/people.ts';
import { temporaryDirectory } from '../stores/directory.ts';
import { type HandClock, handClock, systemRandom } from '../stores/ports.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let clock: HandClock;
/** the real store, which counts what is read of it */
let store: Store;
let reads = 0;
let sessions: Sessions;
let staff: Accounts;
let partners: Accounts;
beforeEach(async () => {
  directory = temporaryDirectory();
  clock = handClock();
  const opened = openEmbeddedStore({ clock, random: systemRandom }, { path: directory.path });
  store = {
    ...opened,
    get(key) {
      reads += 1;
      return opened.get(key);
    },
    async *list(...asked) {
      for await (const each of opened.list(...asked)) {
        reads += 1;
        yield each;
      }
    },
  };
  await store.start();
  const limits = { idleMs: 1_800_000, floorMs: 300_000, absoluteMs: 28_800_000 };
  sessions = openSessions({ store, clock, random: systemRandom, log: keepingLog() }, limits);
  const hasher = openPasswordHasher({ random: systemRandom });
  staff = openAccounts({ store, clock, hasher }, 'staff');
  partners = openAccounts({ store, clock, hasher }, 'partners');
});
afterEach(async () => {
  await sessions.close(1000);
  await store.close(1000);
  directory.remove();
});

const read = async (work: () => Promise<unknown>): Promise<number> => {
  const before = reads;
  await work();
  return reads - before;
};

/** All pages, put together; none may read more than `costs` entries. */
async function pages<Item, Id extends string>(
  list: Resumable<Item, Id>,
  limit: number,
  costs: number,
): Promise<Item[]> {
  const all: Item[] = [];
  let cursor: string | undefined;
  do {
    const before = reads;
    const page = await pageOf(list, cursor === undefined ? { limit } : { limit, cursor });
    expect(reads - before).toBeLessThanOrEqual(costs);
    all.push(...(page?.items ?? []));
    cursor = page?.next;
  } while (cursor !== undefined);
  return all;
}

const sessionsOf = (after: Resumable<Session, SessionId>['after']): Resumable<Session, SessionId> => ({
  after,
  idOf: ({ id }) => id,
  isId: isSessionId,
});

it('a page of sessions reads the page, however many there are before and after it', async () => {
  const ids: string[] = [];
  for (let i = 0; i < 200; i += 1)
    ids.push((await sessions.create(person(`user${i % 40}`), start(clock.now()))).session.id);
  const all = sessionsOf(sessions.listAll);
  for (const limit of [1, 10, 199, 200, 201])
    expect((await pages(all, limit, limit + 1)).map(({ id }) => id)).toEqual(ids.toSorted());
});

it('a page of one user’s sessions too, and those of others are not touched', async () => {
  const ids: string[] = [];
  for (let i = 0; i < 30; i += 1) {
    ids.push((await sessions.create(person('ann'), start(clock.now()))).session.id);
    await sessions.create(person(`user${i}`), start(clock.now()));
  }
  const ann = sessionsOf((id) => sessions.walkUser('staff:ann', id));
  // one name and one session each
  for (const limit of [1, 7, 30])
    expect((await pages(ann, limit, 2 * (limit + 1))).map(({ id }) => id)).toEqual(ids.toSorted());
});

it('sessions that are over are on no page; one that ended is as good a place to go on from', async () => {
  const created: Session[] = [];
  for (let i = 0; i < 6; i += 1) created.push((await sessions.create(person(`user${i}`), start(clock.now()))).session);
  const [, second, third, fourth] = created.toSorted((a, b) => (a.id < b.id ? -1 : 1)) as Session[];
  const all = sessionsOf(sessions.listAll);
  const first = await pageOf(all, { limit: 2 });
  expect(first?.items.at(-1)?.id).toBe(second?.id);
  for (const ended of [second, third]) await sessions.revoke(ended?.id as string, 'x', 'y');
  const next = await pageOf(all, { limit: 2, cursor: first?.next as string });
  expect(next?.items[0]?.id).toBe(fourth?.id);
});

it('a page of accounts reads the page; those of no provider in force are passed over', async () => {
  const users: string[] = [];
  for (let i = 0; i < 60; i += 1) {
    for (const provider of [staff, partners]) await provider.add(`user${i}`, {});
    users.push(`staff:user${i}`, `partners:user${i}`);
  }
  const list = (...ids: string[]): Resumable<Account, UserId> => ({
    after: (user) => walkAccounts(store, new Set(ids), user),
    idOf: ({ user }) => user,
    isId: isAccountUser,
  });
  for (const limit of [1, 7, 120]) {
    const both = await pages(list('staff', 'partners'), limit, limit + 1);
    expect(both.map(({ user }) => user).toSorted()).toEqual(users.toSorted());
    const one = await pages(list('staff'), limit, 4 * (limit + 1));
    expect(one.map(({ user }) => user).toSorted()).toEqual(users.filter((user) => user.startsWith('staff')).toSorted());
  }
});

it('whom a name means costs a look at each provider, and not at everybody', async () => {
  for (let i = 0; i < 50; i += 1) await sessions.create(person(`user${i}`), start(clock.now()));
  await sessions.create(person('zoe', { user: 'corp:zoe', provider: 'corp' }), start(clock.now()));
  await staff.add('zoe', {});
  const people = { providers: ['staff', 'corp', 'partners'], accounts: [staff, partners], sessions };
  let found: readonly string[] = [];
  const ask = (name: string) =>
    read(async () => {
      found = await usersNamed(people, name);
    });
  expect(await ask('zoe')).toBeLessThan(10);
  expect(found).toEqual(['staff:zoe', 'corp:zoe']);
  for (const [name, users] of [
    ['corp:zoe', ['corp:zoe']],
    ['partners:zoe', []],
    ['user7', ['staff:user7']],
    ['Zoe', []],
    ['nobody', []],
  ] as const) {
    expect(await ask(name)).toBeLessThan(10);
    expect(found, name).toEqual(users);
  }
});

it.each([
  ['staff:ann', true],
  ['staff:a.b_c-1', true],
  ['ann', false],
  ['staff:', false],
  [':ann', false],
  ['staff:ann/x', false],
  ['staff:ann b', false],
  ['Staff:ann', false],
  ['staff:ann\n', false],
  [`staff:${'a'.repeat(65)}`, false],
  [`ses_00${'a'.repeat(26)}`, false],
])('%j as the user of an account: %s', (text, is) => {
  expect(isAccountUser(text)).toBe(is);
});
