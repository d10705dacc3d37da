import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { CredentialEntry, CredentialLookup, SessionEntry } from '../../src/core/credential.ts';
import type { Proof } from '../../src/core/decision.ts';
import { openSessions, type SessionEnd, type Sessions } from '../../src/sessions/sessions.ts';
import { type EmbeddedStore, openEmbeddedStore } from '../../src/stores/embedded.ts';
import { temporaryDirectory } from '../stores/directory.ts';
import { handClock, systemClock, systemRandom } from '../stores/ports.ts';
import { HOST, keepingLog, person, start } from './people.ts';

const MINUTE = 60_000;
const LIMITS = { idleMs: 30 * MINUTE, floorMs: 5 * MINUTE, absoluteMs: 8 * 60 * MINUTE };
const directory = temporaryDirectory();
const clock = handClock(systemClock.now());
let stores: readonly EmbeddedStore[];
/** two gateways on one store */
let sessions: Sessions;
let neighbour: Sessions;

beforeAll(async () => {
  const open = () => openEmbeddedStore({ clock, random: systemRandom }, { path: directory.path });
  stores = [open(), open()];
  for (const store of stores) await store.start();
  [sessions, neighbour] = stores.map((store) =>
    openSessions({ store, clock, random: systemRandom, log: keepingLog() }, LIMITS),
  ) as [Sessions, Sessions];
  await sessions.start();
  await neighbour.start();
});
afterAll(async () => {
  await sessions.close(1000);
  await neighbour.close(1000);
  for (const store of stores) await store.close(1000);
  directory.remove();
});

const totp = (): Proof => ({ method: 'totp', level: 'medium', at: clock.now() });
const create = () => sessions.create(person('ann'), start(clock.now()));
const look = async (cookie: string, where = sessions, host = HOST): Promise<CredentialLookup> =>
  where.lookup(cookie, host, clock.now());
const elevate = (id: Parameters<Sessions['elevate']>[0], proofs = [totp()]) =>
  sessions.elevate(id, proofs, { host: HOST });

describe('elevate', () => {
  test('adds the proof, gives a new secret and refuses the old one, here and in another gateway', async () => {
    const { session, cookie } = await create();
    for (const where of [sessions, neighbour]) expect((await look(cookie, where)).state).toBe('valid');
    const raised = await elevate(session.id);
    expect(raised?.session).toEqual({ ...session, proofs: [...session.proofs, totp()] });
    expect(raised?.cookie).not.toBe(cookie);
    for (const where of [sessions, neighbour]) {
      expect((await look(cookie, where)).state).toBe('replaced');
      const entry = (await look(raised?.cookie ?? '', where)) as CredentialEntry;
      expect(entry.session).toEqual(raised?.session);
      expect((await look(raised?.cookie ?? '', where, 'other.example.com')).state).toBe('unknown');
    }
  });

  test('what was remembered for the credential is forgotten', async () => {
    const { session, cookie } = await create();
    ((await look(cookie)) as CredentialEntry).memo = { decision: 'step_up' };
    const raised = await elevate(session.id);
    expect(((await look(raised?.cookie ?? '')) as CredentialEntry).memo).toBeUndefined();
  });

  test('a newer proof takes the place of one of its method', async () => {
    const { session } = await create();
    await elevate(session.id);
    clock.advance(MINUTE);
    const again = await elevate(session.id);
    expect(again?.session.proofs).toEqual([...session.proofs, totp()]);
  });

  test('a second host keeps its own secret', async () => {
    const { session, cookie } = await create();
    const other = await sessions.elevate(session.id, [totp()], { host: 'shop.example.com' });
    expect((await look(cookie)).state).toBe('valid');
    expect((await look(other?.cookie ?? '', sessions, 'shop.example.com')).state).toBe('valid');
  });

  test('activity that was noted before is kept, and writing it behind takes no proof away', async () => {
    const { session, cookie } = await create();
    clock.advance(MINUTE);
    sessions.touch((await look(cookie)) as CredentialEntry, clock.now());
    const raised = await elevate(session.id);
    await sessions.flush();
    const entry = (await look(raised?.cookie ?? '', neighbour)) as SessionEntry;
    expect(entry.session.proofs).toContainEqual(totp());
    expect(entry.lastActivityAt).toBe(clock.now());
  });

  test('of many at once every one counts and one secret is left', async () => {
    const { session } = await create();
    const raised = await Promise.all(Array.from({ length: 10 }, () => elevate(session.id)));
    const states = await Promise.all(raised.map(async (each) => (await look(each?.cookie ?? '')).state));
    expect(states.filter((state) => state === 'valid')).toHaveLength(1);
  });

  test.each([
    ['ended', async (id: string) => void (await sessions.revoke(id, 'test', 'test'))],
    ['idle', async () => clock.advance(LIMITS.idleMs + 1)],
    ['over', async () => clock.advance(LIMITS.absoluteMs)],
  ] as const)('a session that is %s stays so', async (_, finish) => {
    const { session, cookie } = await create();
    await finish(session.id);
    expect(await elevate(session.id)).toBeUndefined();
    expect((await look(cookie)).state).not.toBe('valid');
  });

  test('an unknown one, or what is no id, is nothing', async () => {
    expect(await elevate('ses_00aaaaaaaaaaaaaaaaaaaaaaaaaa')).toBeUndefined();
    expect(await elevate('ses_../../etc')).toBeUndefined();
  });

  test('an elevation is not an end: nobody who waits for ends hears of it', async () => {
    const heard: SessionEnd[] = [];
    onTestFinished(sessions.onEnd((end) => void heard.push(end)));
    const { session } = await create();
    await elevate(session.id);
    await sessions.revoke(session.id, 'test', 'test');
    expect(heard).toEqual([{ session: session.id, ended: expect.objectContaining({ reason: 'test' }) }]);
  });

  test('after a while the old secret is forgotten', async () => {
    const { session, cookie } = await create();
    await elevate(session.id);
    clock.advance(10 * MINUTE);
    expect((await look(cookie)).state).toBe('unknown');
  });

  test('another process sees it at once', async () => {
    const child = fork(fileURLToPath(new URL('./revoke-process.ts', import.meta.url)), [directory.path]);
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child, 'message');
    clock.set(systemClock.now());
    const { session, cookie } = await create();
    const ask = async (asked: string) => {
      const answer = once(child, 'message');
      child.send({ lookup: asked, host: HOST });
      return ((await answer)[0] as { value: string }).value;
    };
    expect(await ask(cookie)).toBe('valid');
    const raised = await elevate(session.id);
    expect([await ask(cookie), await ask(raised?.cookie ?? '')]).toEqual(['replaced', 'valid']);
  });
});
