import { readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openTestGateway, PASSWORD, type TestGateway } from '../support/gateway.ts';
import { openKeyServer, signingPair, signRaw } from '../support/issuer.ts';
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

async function world(
  files: Readonly<Record<string, string>>,
  more = '',
): Promise<{
  readonly gate: TestGateway;
  readonly upstream: RecordingUpstream;
  /** status of a request with each method */
  ask(cookie: string): Promise<number[]>;
  /** the same with a bearer token */
  askAs(token: string): Promise<number[]>;
  /** writes roles.yaml and waits until the gateway has read it */
  edit(text: string | undefined, outcome?: RegExp): Promise<void>;
}> {
  const upstream = await openUpstream();
  onTestFinished(upstream.close);
  const config = `${more}routes:\n  - { route: docs, match: { host: app.test }, upstream: "${upstream.origin}", policy: docs, user_prefix: true }\n`;
  const gate = await openTestGateway({ config, policies: { 'docs.yaml': POLICY, ...files }, follow: true });
  onTestFinished(gate.close);
  const askWith = async (header: string): Promise<number[]> => {
    const statuses: number[] = [];
    for (const method of ['GET', 'PUT', 'OPTIONS'])
      statuses.push((await gate.send(`${method} / HTTP/1.1`, ['Host: app.test', header])).status);
    return statuses;
  };
  return {
    gate,
    upstream,
    ask: (cookie) => askWith(`Cookie: sallyport=${cookie}`),
    askAs: (token) => askWith(`Authorization: Bearer ${token}`),
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

describe('groups of several providers', () => {
  const ISSUER = 'https://partner.test';
  const PROVIDERS = (keys: string): string =>
    `identity: { providers: [{ id: staff, type: local }, { id: partner, type: jwt, issuer: "${ISSUER}", jwks: "${keys}", audience: api }] }\n`;
  /** A partner that says whatever groups it likes. */
  async function partner(): Promise<{ readonly url: string; token(groups: readonly string[]): Promise<string> }> {
    const pair = await signingPair('ES256', 'partner');
    const keys = await openKeyServer([pair.jwk]);
    onTestFinished(keys.close);
    return {
      url: keys.url,
      token: (groups) => {
        const now = Math.floor(Date.now() / 1000);
        const claims = { iss: ISSUER, aud: 'api', sub: 'mallory', iat: now + 1, exp: now + 300, groups };
        return signRaw(pair, { alg: 'ES256', kid: 'partner', typ: 'JWT' }, claims);
      },
    };
  }
  const warnings = ({ gateway }: TestGateway): string[] =>
    gateway.findings
      .filter(({ file }) => file.endsWith('roles.yaml'))
      .map(({ severity, line, column, code }) => `${severity} ${line}:${column} ${code}`);

  it('a bare group is anybody’s, and the configuration is told; one of a provider is that provider’s alone', async () => {
    const { url, token } = await partner();
    const bare = roles('{ employee: { groups: [admins] } }', 'doc.read, doc.write');
    const { gate, upstream, ask, askAs, edit } = await world({ 'roles.yaml': bare }, PROVIDERS(url));
    await gate.addUser('ann', ['admins']);
    const ann = await gate.signIn('ann');
    const [mallory, sly] = [await token(['admins']), await token(['staff:admins'])];
    expect(warnings(gate)).toEqual(['warning 5:33 bare-group-name']);
    for (const _ of [1, 2]) {
      expect(await ask(ann)).toEqual([200, 200, 403]);
      expect(await askAs(mallory)).toEqual([200, 200, 403]);
    }
    upstream.reset();
    await edit(roles('{ employee: { groups: ["staff:admins"] } }', 'doc.read, doc.write'));
    expect(warnings(gate)).toEqual([]);
    for (const _ of [1, 2]) {
      expect(await askAs(mallory)).toEqual([403, 403, 403]);
      expect(await askAs(sly)).toEqual([403, 403, 403]);
    }
    expect(upstream.hits).toEqual([]);
    expect(await ask(ann)).toEqual([200, 200, 403]);
    await edit(roles('{ employee: { groups: ["partner:admins"] } }', 'doc.read'));
    expect(await ask(ann)).toEqual([403, 403, 403]);
    expect(await askAs(mallory)).toEqual([200, 403, 403]);
  });

  it('members of a provider that is taken out of the configuration do not stand in its way', async () => {
    const { url, token } = await partner();
    const members = '{ employee: { groups: ["partner:admins"], users: ["partner:mallory"] } }';
    const { gate, askAs } = await world({ 'roles.yaml': roles(members, 'doc.read') }, PROVIDERS(url));
    const mallory = await token(['admins']);
    expect(await askAs(mallory)).toEqual([200, 403, 403]);
    const text = readFileSync(gate.configFile, 'utf8').replace(/, \{ id: partner.*?\}/, '');
    const from = gate.logged.length;
    writeFileSync(gate.configFile, text);
    await gate.logs(/"msg":"configuration reloaded"/, from);
    expect(await askAs(mallory)).toEqual([401, 401, 401]);
    expect(warnings(gate)).toEqual(['warning 5:33 unknown-provider', 'warning 5:60 unknown-provider']);
  });
});
