import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openTestGateway, PASSWORD, type TestGateway } from '../support/gateway.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';

const POLICY = `version: 1
policy: docs
rules:
  - allow: readers
    when: { request.method: GET, identity.permissions: doc.read }
  - allow: writers
    when: { request.method: PUT, identity.permissions: doc.write }
  - allow: guests
    when: { request.method: OPTIONS, identity.roles: guest }
tests:
  - name: readers read
    given: { identity: { sub: ann, roles: [], permissions: [doc.read] } }
    expect: { effect: allow }
`;
const roles = (members: string, employee: string): string => `version: 1
permissions:
  doc.read: { resource: doc, action: read, scope: all }
  doc.write: { resource: doc, action: update, scope: all }
members: ${members}
roles:
  guest: {}
  employee: { permissions: [${employee}] }
  manager: { inherits: [employee] }
`;
const ANN = '{ manager: { users: ["staff:ann"] } }';

async function world(files: Readonly<Record<string, string>>): Promise<{
  readonly gate: TestGateway;
  readonly upstream: RecordingUpstream;
  /** status of a request with each method */
  ask(cookie: string): Promise<number[]>;
  /** writes roles.yaml and waits until the gateway has read it */
  edit(text: string | undefined, outcome?: RegExp): Promise<void>;
}> {
  const upstream = await openUpstream();
  onTestFinished(upstream.close);
  const config = `routes:\n  - { route: docs, match: { host: app.test }, upstream: "${upstream.origin}", policy: docs }\n`;
  const gate = await openTestGateway({ config, policies: { 'docs.yaml': POLICY, ...files }, follow: true });
  onTestFinished(gate.close);
  return {
    gate,
    upstream,
    ask: async (cookie) => {
      const statuses: number[] = [];
      for (const method of ['GET', 'PUT', 'OPTIONS'])
        statuses.push((await gate.send(`${method} / HTTP/1.1`, [`Cookie: sallyport=${cookie}`])).status);
      return statuses;
    },
    edit: async (text, outcome = /"msg":"configuration reloaded"/) => {
      const from = gate.logged.length;
      if (text === undefined) unlinkSync(join(gate.directory, 'policies', 'roles.yaml'));
      else gate.write('policies/roles.yaml', text);
      await gate.logs(outcome, from);
    },
  };
}

describe('roles of a running gateway', () => {
  it('what is edited reaches the next request of the same session, also decisions that were remembered', async () => {
    const { gate, upstream, ask, edit } = await world({ 'roles.yaml': roles(ANN, 'doc.read') });
    await gate.addUser('ann');
    const ann = await gate.signIn('ann');
    // twice: the second is answered from memory
    for (const _ of [1, 2]) expect(await ask(ann)).toEqual([200, 403, 403]);
    // a permission of the role that hers inherits
    await edit(roles(ANN, 'doc.read, doc.write'));
    for (const _ of [1, 2]) expect(await ask(ann)).toEqual([200, 200, 403]);
    // and taken away again
    await edit(roles(ANN, ''));
    expect(await ask(ann)).toEqual([403, 403, 403]);
    // by a group instead of by name, and another role besides
    await edit(roles('{ guest: { groups: [staff] }, employee: { groups: [staff, other] } }', 'doc.write'));
    expect(await ask(ann)).toEqual([403, 200, 200]);
    await edit(undefined);
    expect(await ask(ann)).toEqual([403, 403, 403]);
    expect(upstream.hits).toHaveLength(8);
  });

  it('a file with an error changes nothing: the former roles stay in force', async () => {
    const { gate, ask, edit } = await world({ 'roles.yaml': roles(ANN, 'doc.read') });
    await gate.addUser('ann');
    const ann = await gate.signIn('ann');
    const circle = roles(ANN, 'doc.read, doc.write').replace('guest: {}', 'guest: { inherits: [guest] }');
    await edit(circle, /the old one stays in force/);
    const errors = gate.gateway.findings.filter(({ severity }) => severity === 'error');
    expect(errors.map(({ line, code }) => `${line} ${code}`)).toEqual(['7 role-cycle']);
    expect(await ask(ann)).toEqual([200, 403, 403]);
  });

  it('an account brings roles of its own, defined or not; people do not get those of one another', async () => {
    const { gate, ask } = await world({ 'roles.yaml': roles(ANN, 'doc.write') });
    const add = (name: string, own: string[]) =>
      gate.gateway.services.accounts.get('staff')?.add(name, { roles: own, password: PASSWORD });
    await add('bob', ['employee', 'unheard-of']);
    await add('zoe', []);
    await add('ann', ['guest']);
    const sessions: Record<string, string> = {};
    for (const name of ['ann', 'bob', 'zoe']) sessions[name] = await gate.signIn(name);
    for (const _ of [1, 2]) {
      expect(await ask(sessions.ann as string)).toEqual([403, 200, 200]);
      expect(await ask(sessions.bob as string)).toEqual([403, 200, 403]);
      expect(await ask(sessions.zoe as string)).toEqual([403, 403, 403]);
    }
    // nobody is asked to sign in, whatever was remembered of others
    const answer = await gate.send('PUT / HTTP/1.1');
    expect([answer.status, JSON.parse(answer.body).reason]).toEqual([401, 'login_required']);
  });

  it('without roles.yaml the roles of accounts are plain words that permit nothing', async () => {
    const { gate, ask } = await world({});
    await gate.gateway.services.accounts.get('staff')?.add('ann', { roles: ['guest'], password: PASSWORD });
    expect(await ask(await gate.signIn('ann'))).toEqual([403, 403, 200]);
  });
});
