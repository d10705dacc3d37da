import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandResult, sallyport } from '../support/command.ts';
import { openTestGateway, signInOver, type TestGateway } from '../support/gateway.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';

const TOKEN = 'a-token-of-the-administrator';
let upstream: RecordingUpstream;
let gate: TestGateway;
beforeAll(async () => {
  upstream = await openUpstream();
  gate = await openTestGateway({
    config: `routes:\n  - { route: app, match: { host: app.test }, upstream: "${upstream.origin}", policy: staff }\n`,
    adminToken: TOKEN,
  });
  for (const name of ['ann', 'bob']) await gate.addUser(name);
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

/** From a directory without any configuration or store, as on another machine. */
const there = (args: readonly string[], token: string | undefined = TOKEN): Promise<CommandResult> =>
  sallyport([...args, '--url', `http://127.0.0.1:${gate.adminPort}`], {
    env: { SALLYPORT_ADMIN_TOKEN: token },
    cwd: tmpdir(),
  });
/** Beside the running gateway, on the same store. */
const here = (args: readonly string[]): Promise<CommandResult> => sallyport([...args, '--config', gate.configFile]);
const json = ({ stdout, stderr, code }: CommandResult) => {
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
};
const visit = async (cookie: string): Promise<number> =>
  (await gate.send('GET /x HTTP/1.1', ['Host: app.test', `Cookie: sallyport=${cookie}`])).status;
const guess = async (name: string): Promise<number> => (await signInOver(gate.send, name, 'wrong')).answer.status;

describe('a gateway elsewhere', () => {
  it('tells the same as the store', async () => {
    await gate.signIn('ann');
    for (const args of [
      ['session', 'list'],
      ['session', 'list', '--user', 'ann'],
      ['user', 'list'],
    ]) {
      const [far, near] = await Promise.all([there([...args, '--json']), here([...args, '--json'])]);
      expect(json(far)).toEqual(json(near));
    }
    expect((await there(['session', 'list'])).stdout).toContain('staff:ann');
  });

  it('ends sessions, and the next request knows', async () => {
    const cookie = await gate.signIn('bob');
    const [{ id }] = json(await there(['session', 'list', '--user', 'staff:bob', '--json']));
    expect(json(await there(['session', 'revoke', id, '--json']))).toEqual({ revoked: 1, session: id });
    expect(await visit(cookie)).toBe(401);
    const again = await there(['session', 'revoke', id]);
    expect([again.code, again.stdout]).toEqual([1, '']);
    const second = await gate.signIn('bob');
    expect(json(await there(['session', 'revoke', '--user', 'bob', '--json']))).toEqual({
      revoked: 1,
      user: 'staff:bob',
    });
    expect(await visit(second)).toBe(401);
  });

  it('disables and enables, and says the same as here', async () => {
    expect(json(await there(['user', 'disable', 'bob', '--json']))).toEqual({
      user: 'staff:bob',
      action: 'user_disable',
      sessions_ended: 0,
    });
    await expect(gate.signIn('bob')).rejects.toThrow('not signed in');
    expect((await here(['user', 'enable', 'bob'])).stdout).toBe('staff:bob may sign in again; ended 0 session(s)\n');
    expect(await visit(await gate.signIn('bob'))).toBe(200);
  });

  it.each([
    ['here', here],
    ['there', there],
  ])('unlocks, %s', async (_name, command) => {
    while ((await guess('ann')) !== 429);
    expect((await command(['user', 'unlock', 'ann'])).stdout).toMatch(
      // that of the network, and, until ann has signed in from there, that of all networks
      /^staff:ann is unlocked; cleared [12] counter\(s\) of attempts\n$/,
    );
    expect(await visit(await gate.signIn('ann'))).toBe(200);
    const audited = readFileSync(join(gate.directory, 'data', 'audit.ndjson'), 'utf8')
      .trimEnd()
      .split('\n');
    expect(audited.filter((line) => line.includes('"user_unlock"')).length).toBeGreaterThan(0);
  });
});

describe('a gateway that cannot be asked', () => {
  it.each<[string, () => Promise<CommandResult>, number, RegExp]>([
    ['no token', () => there(['user', 'list'], ''), 2, /SALLYPORT_ADMIN_TOKEN/],
    ['a wrong token', () => there(['user', 'list'], 'a-token-of-somebody-else'), 1, /refuses with 401/],
    ['a user that there is not', () => there(['user', 'disable', 'zoe']), 1, /refuses with 404/],
    [
      'no address',
      () => sallyport(['user', 'list', '--url', 'here'], { env: { SALLYPORT_ADMIN_TOKEN: TOKEN } }),
      2,
      /no address/,
    ],
    ['both ways at once', () => there(['user', 'list', '--config', gate.configFile]), 2, /cannot be used with/],
    [
      'nobody there',
      () => sallyport(['user', 'list', '--url', 'http://127.0.0.1:1'], { env: { SALLYPORT_ADMIN_TOKEN: TOKEN } }),
      1,
      /cannot be asked/,
    ],
  ])('%s', async (_name, run, exitCode, says) => {
    const { code, stdout, stderr } = await run();
    expect([code, stdout]).toEqual([exitCode, '']);
    expect(stderr).toMatch(says);
    expect(stderr).not.toMatch(/\n\s+at |a-token-of/);
  });

  it('the token follows no redirect', async () => {
    const heard: (string | undefined)[] = [];
    const other = createServer((incoming, outgoing) => {
      heard.push(incoming.url);
      outgoing
        .writeHead(307, { Location: `http://127.0.0.1:${(other.address() as AddressInfo).port}/elsewhere` })
        .end();
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const { code } = await sallyport(['user', 'list', '--url', `http://127.0.0.1:${port}`], {
      env: { SALLYPORT_ADMIN_TOKEN: TOKEN },
    });
    await new Promise((resolve) => other.close(resolve));
    expect([code, heard.length]).toEqual([1, 1]);
  });
});
