import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { signInOver } from '../support/gateway.ts';
import { type ApiWorld, openApiWorld } from './api-world.ts';

let world: ApiWorld;
beforeEach(async () => {
  world = await openApiWorld();
});
afterEach(() => world.close());

const LET_IN = { status: 200, reached: true };
const REFUSED = { status: 401, reached: false };
const signIn = async (name: string): Promise<string> => world.gate.signIn(name);
const sessionsOf = async (user: string) => (await world.call('GET', `/sessions?user=${user}`)).body.sessions;
/** What the audit log says at this very moment of the request that was just answered. */
const recorded = (answer: { headers: Headers }) => {
  const id = answer.headers.get('x-request-id');
  expect(id).toMatch(/^[a-z2-7]{26}$/);
  return world.audited().filter((event) => event.id === id);
};

describe('sessions', () => {
  it('are listed, all or of a user, in the words of the command line', async () => {
    for (const name of ['ann', 'bob']) await world.gate.addUser(name);
    await signIn('ann');
    await signIn('bob');
    const { body } = await world.call('GET', '/sessions');
    expect(body.next_cursor).toBeNull();
    expect(body.sessions.map(({ user }: { user: string }) => user).sort()).toEqual(['staff:ann', 'staff:bob']);
    const [ann] = await sessionsOf('ann');
    expect(Object.keys(ann)).toEqual([
      'id',
      'user',
      'created',
      'last_activity',
      'expires',
      'address',
      'user_agent',
      'device',
    ]);
    expect(await sessionsOf('staff:ann')).toEqual([ann]);
    expect((await world.call('GET', `/sessions/${ann.id}`)).body).toEqual(ann);
  });

  it('never show a secret', async () => {
    await world.gate.addUser('ann');
    const cookie = await signIn('ann');
    const { text } = await world.call('GET', '/sessions');
    expect(text).not.toContain(cookie);
    expect(text).not.toContain(cookie.split('.')[1]);
  });

  it('end: the next request with it is refused and never reaches the application', async () => {
    await world.gate.addUser('ann');
    const [first, second] = [await signIn('ann'), await signIn('ann')];
    const [newest] = await sessionsOf('ann');
    expect([await world.visit(first), await world.visit(second)]).toEqual([LET_IN, LET_IN]);
    const done = await world.call('DELETE', `/sessions/${newest.id}`);
    expect([done.status, done.text]).toEqual([204, '']);
    const after = [await world.visit(first), await world.visit(second)];
    expect(after).toContainEqual(REFUSED);
    expect(after).toContainEqual(LET_IN);
    expect(recorded(done)).toEqual([
      expect.objectContaining({
        type: 'administration',
        action: 'session_revoke',
        result: 'success',
        by: 'admin:token',
        user: 'staff:ann',
        session: newest.id,
        address: '127.0.0.1',
        method: 'DELETE',
        path: `/api/v1/sessions/${newest.id}`,
      }),
    ]);
    expect((await world.call('GET', `/sessions/${newest.id}`)).body.reason).toBe('unknown_session');
    const again = await world.call('DELETE', `/sessions/${newest.id}`);
    expect([again.status, again.body.reason]).toEqual([404, 'unknown_session']);
    expect(recorded(again)).toEqual([expect.objectContaining({ result: 'failure', reason: 'unknown_session' })]);
  });

  it('end for a user, all at once, and for nobody else', async () => {
    for (const name of ['ann', 'bob']) await world.gate.addUser(name);
    const [one, two, bob] = [await signIn('ann'), await signIn('ann'), await signIn('bob')];
    const done = await world.call('DELETE', '/sessions?user=ann');
    expect(done.body).toEqual({ revoked: 2, user: 'staff:ann' });
    expect([await world.visit(one), await world.visit(two), await world.visit(bob)]).toEqual([
      REFUSED,
      REFUSED,
      LET_IN,
    ]);
    expect(recorded(done)).toEqual([expect.objectContaining({ user: 'staff:ann', detail: '2 session(s) ended' })]);
    expect((await world.call('DELETE', '/sessions?user=ann')).body.revoked).toBe(0);
  });

  it('of nobody are not found, and without a user not all of them end', async () => {
    await world.gate.addUser('ann');
    const ann = await signIn('ann');
    expect((await world.call('DELETE', '/sessions?user=staff:zoe')).body.reason).toBe('unknown_user');
    expect((await world.call('DELETE', '/sessions')).status).toBe(400);
    expect((await world.call('DELETE', '/sessions?user=')).status).toBe(400);
    expect((await world.call('GET', '/sessions?user=zoe')).body.reason).toBe('unknown_user');
    expect(await world.visit(ann)).toEqual(LET_IN);
  });

  it.each(['ses_unknown', 'ses_', 'nonsense', '%2e%2e', 'ses_%00', '__proto__', `ses_${'a'.repeat(65)}`])(
    '%s is not one',
    async (id) => {
      expect((await world.call('GET', `/sessions/${id}`)).status).toBe(404);
      expect((await world.call('DELETE', `/sessions/${id}`)).status).toBe(404);
    },
  );

  it('come in pages that hold each of them once', async () => {
    for (const name of ['ann', 'bob', 'cid']) await world.gate.addUser(name);
    for (const name of ['ann', 'bob', 'cid', 'ann', 'bob']) await signIn(name);
    const seen: string[] = [];
    let path = '/sessions?limit=2';
    for (let pages = 0; pages < 10; pages++) {
      const { body } = await world.call('GET', path);
      seen.push(...body.sessions.map(({ id }: { id: string }) => id));
      if (body.next_cursor === null) break;
      expect(body.sessions).toHaveLength(2);
      path = `/sessions?limit=2&cursor=${body.next_cursor}`;
    }
    expect(new Set(seen).size).toBe(5);
    expect(seen).toEqual(seen.toSorted());
    // of a user, too; and the place of another list is none of this one
    const first = (await world.call('GET', '/sessions?limit=1&user=ann')).body;
    const second = (await world.call('GET', `/sessions?limit=1&user=ann&cursor=${first.next_cursor}`)).body;
    expect([...first.sessions, ...second.sessions].map(({ user }) => user)).toEqual(['staff:ann', 'staff:ann']);
    expect(second.next_cursor).toBeNull();
    expect((await world.call('GET', `/users?cursor=${first.next_cursor}`)).body.errors[0].pointer).toBe('?cursor');
  });
});

describe('users', () => {
  it('are listed in pages and shown, without their passwords', async () => {
    for (const name of ['cid', 'ann', 'bob']) await world.gate.addUser(name);
    const first = (await world.call('GET', '/users?limit=2')).body;
    const second = (await world.call('GET', `/users?limit=2&cursor=${first.next_cursor}`)).body;
    expect([first.users.length, second.users.length, second.next_cursor]).toEqual([2, 1, null]);
    const users = [...first.users, ...second.users];
    expect(users.map(({ name }) => name).sort()).toEqual(['ann', 'bob', 'cid']);
    expect((await world.call('GET', `/sessions?cursor=${first.next_cursor}`)).body.errors[0].pointer).toBe('?cursor');
    const { body, text } = await world.call('GET', '/users/staff:ann');
    expect(body).toEqual(users.find(({ name }) => name === 'ann'));
    expect(body).toMatchObject({ user: 'staff:ann', email: 'ann@example.com', groups: ['staff'], disabled: false });
    expect(text).not.toContain('argon2');
    expect((await world.call('GET', '/users/ann')).body).toEqual(body);
    expect((await world.call('GET', '/users/staff%3Aann')).body).toEqual(body);
  });

  it('are disabled: out at once, and not in again until they are enabled', async () => {
    await world.gate.addUser('ann');
    const cookie = await signIn('ann');
    const off = await world.call('POST', '/users/ann/disable');
    expect(off.body).toEqual({ user: 'staff:ann', action: 'user_disable', sessions_ended: 1 });
    expect(await world.visit(cookie)).toEqual(REFUSED);
    expect(recorded(off)).toEqual([
      expect.objectContaining({ action: 'user_disable', result: 'success', by: 'admin:token', user: 'staff:ann' }),
    ]);
    expect((await world.call('GET', '/users/ann')).body.disabled).toBe(true);
    await expect(signIn('ann')).rejects.toThrow('not signed in');
    const on = await world.call('POST', '/users/ann/enable', {});
    expect(on.body).toEqual({ user: 'staff:ann', action: 'user_enable', sessions_ended: 0 });
    expect(recorded(on)).toEqual([expect.objectContaining({ action: 'user_enable', result: 'success' })]);
    expect(await world.visit(cookie)).toEqual(REFUSED);
    expect(await world.visit(await signIn('ann'))).toEqual(LET_IN);
  });

  it('that are enabled already keep their sessions', async () => {
    await world.gate.addUser('ann');
    const cookie = await signIn('ann');
    expect((await world.call('POST', '/users/ann/enable')).body.sessions_ended).toBe(0);
    expect(await world.visit(cookie)).toEqual(LET_IN);
  });

  it('that guessing locked out are let in again when they are unlocked', async () => {
    for (const name of ['ann', 'bob']) await world.gate.addUser(name);
    const attempt = async (name: string) => (await signInOver(world.gate.send, name, 'wrong')).answer.status;
    for (const name of ['ann', 'bob']) for (let i = 0; i < 10; i++) expect(await attempt(name)).toBe(401);
    expect(await attempt('ann')).toBe(429);
    const done = await world.call('POST', '/users/ann/unlock');
    // of the network, and of all together
    expect(done.body).toEqual({ user: 'staff:ann', action: 'user_unlock', counters_cleared: 2 });
    expect(recorded(done)).toEqual([expect.objectContaining({ action: 'user_unlock', result: 'success' })]);
    expect(await world.visit(await signIn('ann'))).toEqual(LET_IN);
    // nobody asked for him
    expect(await attempt('bob')).toBe(429);
  });

  it.each(['disable', 'enable', 'unlock'])('%s of nobody is 404, and recorded', async (verb) => {
    const answer = await world.call('POST', `/users/zoe/${verb}`);
    expect([answer.status, answer.body.reason]).toEqual([404, 'unknown_user']);
    expect(recorded(answer)).toEqual([
      expect.objectContaining({ action: `user_${verb}`, result: 'failure', user: 'zoe' }),
    ]);
  });
});

describe('a name that two providers have', () => {
  it('is ambiguous, and nobody is meant by it', async () => {
    await world.close();
    world = await openApiWorld('identity: { providers: [{ id: staff, type: local }, { id: guests, type: local }] }\n');
    await world.gate.addUser('ann');
    await world.gate.gateway.services.accounts.get('guests')?.add('ann', {});
    for (const [method, path] of [
      ['GET', '/users/ann'],
      ['POST', '/users/ann/disable'],
      ['GET', '/sessions?user=ann'],
      ['DELETE', '/sessions?user=ann'],
    ] as const) {
      const { status, body } = await world.call(method, path);
      expect([status, body.reason]).toEqual([409, 'ambiguous_user']);
      expect([...body.candidates].sort()).toEqual(['guests:ann', 'staff:ann']);
    }
    expect((await world.call('POST', '/users/guests:ann/disable')).status).toBe(200);
    expect((await world.call('GET', '/users/staff:ann')).body.disabled).toBe(false);
  });
});

describe('policies', () => {
  const GOOD = `
version: 1
policy: one
rules:
  - { allow: staff, when: { identity.groups: { any_of: [staff] } } }
tests:
  - { name: right, given: { identity: { sub: a, groups: [staff] } }, expect: { effect: allow } }
  - { name: wrong, given: {}, expect: { effect: allow } }
`;
  it('are checked and tested, and come into force nowhere', async () => {
    const { body } = await world.call('POST', '/policies/check', { files: [{ file: 'one.yaml', text: GOOD }] });
    expect(body.summary).toEqual({ errors: 0, warnings: 0, passed: 1, failed: 1 });
    expect(body.tests[1]).toMatchObject({ file: 'one.yaml', policy: 'one', name: 'wrong', passed: false });
    const bad = await world.call('POST', '/policies/check', {
      files: [
        { file: 'two.yaml', text: 'version: 1\npolicy: two\nrules: [{ allow: x, when: { identity.group: a } }]\n' },
      ],
    });
    expect(bad.body.findings).toContainEqual(expect.objectContaining({ file: 'two.yaml', line: 3, severity: 'error' }));
    expect(world.audited()).toEqual([]);
  });

  it('explain what is in force: an account, a bare name, nobody', async () => {
    await world.gate.addUser('ann');
    const explain = (more: object) =>
      world.call('POST', '/policies/explain', { method: 'get', url: 'http://app.test/x', ...more });
    const ann = (await explain({ as: 'ann' })).body;
    expect(ann).toMatchObject({
      request: { method: 'GET', host: 'app.test', path: '/x', route: 'app', as: 'staff:ann' },
      decision: { effect: 'allow', rule: { policy: 'staff', rule: 'staff' } },
    });
    expect(ann.rules[0]).toMatchObject({ result: 'true', fires: true });
    expect((await explain({ as: 'zoe' })).body.decision.effect).toBe('deny');
    expect((await explain({})).body.decision.effect).toBe('login');
    expect((await explain({ as: 'zoe', set: { 'identity.groups': ['staff'] } })).body.decision.effect).toBe('allow');
    expect((await explain({ as: 'ann', unknown: ['identity.groups'] })).body.rules[0].result).toBe('unknown');
    expect((await explain({ as: 'ann', absent: ['identity.groups'] })).body.decision.effect).toBe('deny');
    // judged, not sent
    expect(world.upstream.hits).toEqual([]);
  });

  it('check reads roles beside the policies', async () => {
    const roles = { file: 'roles.yaml', text: 'version: 1\nroles: { editor: { inherits: [nobody] } }\n' };
    const { body } = await world.call('POST', '/policies/check', { files: [{ file: 'one.yaml', text: GOOD }, roles] });
    expect(body.findings).toContainEqual(expect.objectContaining({ file: 'roles.yaml', severity: 'error' }));
  });

  it('explain follows a reload', async () => {
    world.gate.write(
      'policies/staff.yaml',
      'version: 1\npolicy: staff\nrules: [{ allow: nobody, when: { identity.groups: { any_of: [nobody] } } }]\n',
    );
    expect(world.gate.gateway.reload().ok).toBe(true);
    const { body } = await world.call('POST', '/policies/explain', {
      method: 'GET',
      url: 'http://app.test/x',
      as: 'zoe',
      set: { 'identity.groups': ['staff'] },
    });
    expect(body.decision.effect).toBe('deny');
  });

  it.each<[string, object, RegExp]>([
    ['no address', { url: 'ftp://x/y' }, /no address/],
    ['a client that has no address', { from: 'here' }, /no IP address/],
    ['no header', { headers: ['nonsense'] }, /not a header/],
    ['an attribute that there is not', { set: { 'identity.groupz': [] } }, /identity\.groupz/],
    ['a value of another type', { set: { 'identity.groups': { a: 1 } } }, /groups/],
  ])('explain refuses %s, and says why', async (_name, more, why) => {
    const answer = await world.call('POST', '/policies/explain', { method: 'GET', url: '/', ...more });
    expect([answer.status, answer.body.reason]).toEqual([400, 'invalid_request']);
    expect(answer.body.detail).toMatch(why);
  });

  it('explain tells what is refused before any policy, and what is ours', async () => {
    const ask = async (url: string) => (await world.call('POST', '/policies/explain', { method: 'GET', url })).body;
    expect((await ask('http://app.test/a%2e%2e/b')).refused).toMatchObject({
      status: 400,
      reason: 'ambiguous_request',
    });
    expect((await ask('http://other.test/')).refused).toMatchObject({ status: 404, reason: 'no_route' });
    expect(await ask('http://app.test/.sallyport/login')).toMatchObject({ own: true });
  });
});

describe('health and the description', () => {
  it('health is 200 whatever it says', async () => {
    expect((await world.call('GET', '/health')).body).toEqual({ status: 'ready', reasons: [], version: 'test' });
  });

  it('the description is the committed one', async () => {
    const { body } = await world.call('GET', '/openapi.json');
    const { default: committed } = await import('../../config/schema/openapi.json', { with: { type: 'json' } });
    expect(body).toEqual(committed);
  });
});
