import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandResult, sallyport } from '../support/command.ts';
import { openTestGateway, PASSWORD, signInOver, type TestGateway } from '../support/gateway.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';

// a gateway that runs in this process; every command is a process of its own on the same store
let upstream: RecordingUpstream;
let running: TestGateway;

beforeAll(async () => {
  upstream = await openUpstream();
  running = await openTestGateway({
    config: `routes:\n  - { route: app, match: { host: app.test }, upstream: "${upstream.origin}", policy: staff }\n`,
  });
});
afterAll(async () => {
  await running.close();
  await upstream.close();
});

const command = (args: readonly string[], input?: string): Promise<CommandResult> =>
  sallyport([...args, '--config', running.configFile], input === undefined ? {} : { input });

async function expectGood(result: Promise<CommandResult>): Promise<string> {
  const { code, stdout, stderr } = await result;
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return stdout;
}

async function expectRefusal(result: Promise<CommandResult>, exitCode: number, says: RegExp): Promise<void> {
  const { code, stdout, stderr } = await result;
  expect(stderr).toMatch(says);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(stdout).toBe('');
  expect(code).toBe(exitCode);
}

/** One request with a session's cookie: the status, and whether the application saw it. */
async function request(cookie: string): Promise<{ readonly status: number; readonly reached: boolean }> {
  const before = upstream.hits.length;
  const { status } = await running.send('GET /x HTTP/1.1', ['Host: app.test', `Cookie: sallyport=${cookie}`]);
  return { status, reached: upstream.hits.length > before };
}
const LET_IN = { status: 200, reached: true };
const REFUSED = { status: 401, reached: false };

const administered = (): readonly Record<string, unknown>[] =>
  readFileSync(join(running.directory, 'data', 'audit.ndjson'), 'utf8')
    .split('\n')
    .filter((line) => line.includes('"administration"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('accounts', () => {
  it('are added with what was said, and may sign in at once', async () => {
    const args = ['user', 'add', 'ann', '--email', 'ann@example.com', '--groups', 'staff, leads', '--roles', 'x'];
    const added = await expectGood(command([...args, '--password-stdin', '--json'], `${PASSWORD}\n`));
    const ann = {
      user: 'staff:ann',
      provider: 'staff',
      name: 'ann',
      email: 'ann@example.com',
      groups: ['staff', 'leads'],
      roles: ['x'],
      disabled: false,
      created: expect.stringMatching(/^\d{4}-.*Z$/),
    };
    expect(JSON.parse(added)).toEqual(ann);
    expect(JSON.parse(await expectGood(command(['user', 'list', '--json'])))).toEqual([ann]);
    expect(await request(await running.signIn('ann'))).toEqual(LET_IN);
    expect(administered().at(-1)).toMatchObject({
      action: 'user_add',
      result: 'success',
      user: 'staff:ann',
      by: expect.stringMatching(/^cli:./),
    });
    expect(JSON.stringify(administered())).not.toContain(PASSWORD);
  });

  it.each<[string, string[], string | undefined, number, RegExp]>([
    ['a name that is taken', ['add', 'Ann', '--password-stdin'], PASSWORD, 1, /taken/],
    ['a name that is none', ['add', '../x', '--password-stdin'], PASSWORD, 1, /no user name/],
    ['a password that is empty', ['add', 'bob', '--password-stdin'], '\n', 1, /password is empty/],
    ['a password that is short', ['add', 'bob', '--password-stdin'], 'short', 1, /8 characters/],
    ['no terminal and no --password-stdin', ['add', 'bob'], PASSWORD, 2, /--password-stdin/],
    [
      'a provider that there is not',
      ['add', 'guests:bob', '--password-stdin'],
      PASSWORD,
      2,
      /"guests"; there is staff/,
    ],
    ['nobody of that name', ['disable', 'nobody'], undefined, 1, /"nobody".*user list/],
  ])('are refused for %s, and nothing is changed', async (_, args, input, exitCode, says) => {
    await expectRefusal(command(['user', ...args], input), exitCode, says);
  });
});

describe('what a command does to a user is in force in a running gateway with the next request', () => {
  it('reset: the sessions end, the old password is void', async () => {
    const cookie = await running.signIn('ann');
    expect(await request(cookie)).toEqual(LET_IN);
    const done = await expectGood(command(['user', 'reset', 'ann', '--password-stdin', '--json'], 'a quite new one'));
    expect(JSON.parse(done)).toMatchObject({ user: 'staff:ann', action: 'user_reset' });
    expect(await request(cookie)).toEqual(REFUSED);
    expect((await signInOver(running.send, 'ann', PASSWORD)).answer.status).toBe(401);
    expect((await signInOver(running.send, 'ann', 'a quite new one')).answer.status).toBe(303);
  });

  it('session revoke: that one ends and no other', async () => {
    await running.addUser('cat');
    const [first, second] = [await running.signIn('cat'), await running.signIn('cat')];
    expect([await request(first), await request(second)]).toEqual([LET_IN, LET_IN]);
    const listed = JSON.parse(await expectGood(command(['session', 'list', '--user', 'cat', '--json'])));
    expect(listed).toEqual([1, 2].map(() => expect.objectContaining({ user: 'staff:cat', address: '127.0.0.1' })));
    const [{ id }] = listed;
    expect(await expectGood(command(['session', 'revoke', id]))).toBe(`ended ${id}\n`);
    expect(administered().at(-1)).toMatchObject({ action: 'session_revoke', session: id, user: 'staff:cat' });
    const after = [await request(first), await request(second)];
    expect(after).toContainEqual(LET_IN);
    expect(after).toContainEqual(REFUSED);

    await expectRefusal(command(['session', 'revoke', id]), 1, /no live session/);
    expect(await expectGood(command(['session', 'revoke', '--user', 'staff:cat']))).toBe(
      'ended 1 session(s) of staff:cat\n',
    );
    expect([await request(first), await request(second)]).toEqual([REFUSED, REFUSED]);
  });

  it.each<[string, string[], number, RegExp]>([
    ['what is no session id', ['cat'], 2, /"cat" is no session id/],
    ['a session that there is not', ['ses_0000'], 1, /no live session ses_0000/],
    ['nobody of that name', ['--user', 'nobody'], 1, /nobody is called "nobody"/],
  ])('session revoke refuses %s', async (_, args, exitCode, says) => {
    await expectRefusal(command(['session', 'revoke', ...args]), exitCode, says);
  });

  it('disable: the sessions end, and nobody signs in any more', async () => {
    await running.addUser('dan');
    const cookie = await running.signIn('dan');
    expect(await request(cookie)).toEqual(LET_IN);
    expect(await expectGood(command(['user', 'disable', 'dan']))).toBe('staff:dan is disabled; ended 1 session(s)\n');
    expect(await request(cookie)).toEqual(REFUSED);
    expect((await signInOver(running.send, 'dan', PASSWORD)).answer.status).toBe(401);
    expect(await expectGood(command(['user', 'list']))).toMatch(/^staff:dan +dan@example\.com +staff +disabled$/m);
  });

  it('a name that two providers have is refused until it is said which', async () => {
    running.write(
      'two.yaml',
      readFileSync(running.configFile, 'utf8')
        .replace('}] }', '}, { id: guests, type: local }] }')
        .replace('policy: staff', 'policy: staff, user_prefix: true'),
    );
    const two = (args: string[], input = '') =>
      sallyport([...args, '--config', join(running.directory, 'two.yaml')], { input });
    await expectGood(two(['user', 'add', 'guests:ann', '--password-stdin'], PASSWORD));
    const cookie = await running.signIn('cat');
    await expectRefusal(two(['user', 'disable', 'ann']), 2, /ambiguous; say one of staff:ann, guests:ann/);
    await expectRefusal(two(['session', 'revoke', '--user', 'ann']), 2, /ambiguous; say one of staff:ann, guests:ann/);
    expect(await request(cookie)).toEqual(LET_IN);
    expect(await expectGood(two(['user', 'disable', 'guests:ann']))).toMatch(/^guests:ann is disabled/);
  });
});
