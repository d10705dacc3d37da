import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sallyport } from '../support/command.ts';
import { openTestGateway, type TestGateway } from '../support/gateway.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';

const ROLES = `
version: 1
permissions:
  reports.read: { resource: reports, action: read, scope: all }
members:
  manager: { groups: [leads] }
roles:
  manager: { permissions: [reports.read] }
`;
const REPORTS = `
version: 1
policy: reports
rules:
  - allow: readers
    when: { identity.permissions: { any_of: [reports.read] } }
`;

let upstream: RecordingUpstream;
let gate: TestGateway;

beforeAll(async () => {
  upstream = await openUpstream();
  gate = await openTestGateway({
    policies: { 'roles.yaml': ROLES, 'reports.yaml': REPORTS },
    config: `routes:
  - { route: app, upstream: "${upstream.origin}", policy: staff }
  - { route: reports, match: { path: /reports }, upstream: "${upstream.origin}", policy: reports }
`,
  });
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});
beforeEach(() => upstream.reset());

const set = (name: string, ...args: string[]) => sallyport(['user', 'set', name, ...args, '--config', gate.configFile]);

describe('who somebody is now reaches the next request of a session that is there already', () => {
  it('groups, and the roles and permissions that follow from them, changed at the shell', async () => {
    await gate.addUser('ann', ['guests']);
    const cookie = `Cookie: sallyport=${await gate.signIn('ann')}`;
    const status = async (path: string): Promise<number> => (await gate.send(`GET ${path} HTTP/1.1`, [cookie])).status;
    expect([await status('/'), await status('/reports')]).toEqual([403, 403]);
    expect(upstream.hits).toEqual([]);

    expect((await set('ann', '--groups', 'staff,leads')).code).toBe(0);
    expect([await status('/'), await status('/reports')]).toEqual([200, 200]);
    expect(JSON.parse((await gate.send('GET /.sallyport/userinfo HTTP/1.1', [cookie])).body)).toMatchObject({
      groups: ['staff', 'leads'],
      roles: ['manager'],
      permissions: ['reports.read'],
    });

    expect((await set('ann', '--groups', 'staff')).code).toBe(0);
    expect([await status('/'), await status('/reports')]).toEqual([200, 403]);
    expect((await set('ann', '--roles', 'manager')).code).toBe(0);
    expect(await status('/reports')).toBe(200);
  });

  it('an account that is disabled is nobody, even before its sessions are ended', async () => {
    await gate.addUser('bob');
    const cookie = `Cookie: sallyport=${await gate.signIn('bob')}`;
    expect((await gate.send('GET / HTTP/1.1', [cookie])).status).toBe(200);
    await gate.gateway.services.accounts.get('staff')?.disable('bob');
    upstream.reset();
    expect((await gate.send('GET / HTTP/1.1', [cookie])).status).toBe(401);
    expect(upstream.hits).toEqual([]);
  });

  it.each([
    ['nothing to change', ['ann'], 2, '--email, --groups or --roles'],
    ['nobody of that name', ['zoe', '--groups', 'x'], 1, 'zoe'],
    ['no address', ['ann', '--email', 'nonsense'], 1, 'e-mail'],
  ])('the command refuses %s', async (_name, [name = '', ...args], code, says) => {
    const result = await set(name, ...args);
    expect([result.code, result.stderr]).toEqual([code, expect.stringContaining(says)]);
  });
});
