import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/app/clock.ts';
import { composeGateway } from '../../src/app/compose.ts';
import { followChanges } from '../../src/app/lifecycle.ts';
import { systemRandom } from '../../src/app/random.ts';
import { openLog } from '../../src/telemetry/log.ts';
import { openTestGateway, seen, type TestGateway, type TestGatewayOptions } from '../support/gateway.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';
import { configText, configured, metric, readiness, STAFF, startGateway } from './process.ts';

async function upstreamHere(): Promise<RecordingUpstream> {
  const upstream = await openUpstream();
  onTestFinished(upstream.close);
  return upstream;
}
async function gatewayHere(options: TestGatewayOptions): Promise<TestGateway> {
  const gate = await openTestGateway(options);
  onTestFinished(gate.close);
  return gate;
}
const as = (cookie: string): string[] => [`Cookie: sallyport=${cookie}`];
const RELOADED = /"msg":"configuration reloaded"/;
const REFUSED = /the old one stays in force/;
const route = (origin: string, more = ''): string =>
  `routes:\n  - { route: app, match: { host: app.test }, upstream: "${origin}", policy: staff${more} }\n`;
const denying = (reason: string): string =>
  `${STAFF}  - { deny: closed, reason: ${reason}, when: { request.path: { prefix: /closed } } }\n`;

describe('what is changed takes effect', () => {
  it('the configuration file', async () => {
    const [one, two] = [await upstreamHere(), await upstreamHere()];
    const gate = await gatewayHere({ config: route(one.origin), follow: true });
    await gate.addUser('ann');
    const ann = await gate.signIn('ann');
    expect((await gate.send('GET / HTTP/1.1', as(ann))).status).toBe(200);
    const from = gate.logged.length;
    gate.write('sallyport.yaml', route(two.origin));
    await gate.logs(RELOADED, from);
    expect((await gate.send('GET / HTTP/1.1', as(ann))).status).toBe(200);
    expect([one.hits.length, two.hits.length]).toEqual([1, 1]);
  });

  it('a policy file, also for decisions that were remembered', async () => {
    const upstream = await upstreamHere();
    const gate = await gatewayHere({ config: route(upstream.origin), follow: true });
    await gate.addUser('ann');
    const ann = await gate.signIn('ann');
    // twice: the second is answered from memory
    for (const _ of [1, 2]) expect((await gate.send('GET /closed HTTP/1.1', as(ann))).status).toBe(200);
    let from = gate.logged.length;
    gate.write('policies/staff.yaml', denying('shut'));
    await gate.logs(RELOADED, from);
    for (const _ of [1, 2]) {
      const answer = await gate.send('GET /closed HTTP/1.1', as(ann));
      expect([answer.status, JSON.parse(answer.body).reason]).toEqual([403, 'shut']);
    }
    from = gate.logged.length;
    gate.write('policies/staff.yaml', STAFF);
    await gate.logs(RELOADED, from);
    expect((await gate.send('GET /closed HTTP/1.1', as(ann))).status).toBe(200);
    expect(upstream.hits).toHaveLength(3);
  });

  it('a new policy file, and one that was taken away', async () => {
    const upstream = await upstreamHere();
    const gate = await gatewayHere({ config: route(upstream.origin), follow: true });
    let from = gate.logged.length;
    gate.write('policies/second.yaml', STAFF.replace('policy: staff', 'policy: second'));
    await gate.logs(RELOADED, from);
    expect([...gate.gateway.snapshot.set.layers.keys()].sort()).toEqual(['second', 'staff']);
    from = gate.logged.length;
    unlinkSync(join(gate.directory, 'policies', 'second.yaml'));
    await gate.logs(RELOADED, from);
    expect([...gate.gateway.snapshot.set.layers.keys()]).toEqual(['staff']);
  });

  it('a secret in a file of its own', async () => {
    const upstream = await upstreamHere();
    const directory = configured('', { 'run/issuer': 'https://one.example\n' });
    const gate = await gatewayHere({
      config: `issuer: "\${file:${directory}/run/issuer}"\n${route(upstream.origin)}`,
      follow: true,
    });
    const issuer = async (cookie: string): Promise<unknown> => {
      expect((await gate.send('GET / HTTP/1.1', as(cookie))).status).toBe(200);
      const assertion = seen(upstream.newest().rawHeaders, 'x-sallyport-assertion') ?? '';
      return JSON.parse(Buffer.from(assertion.split('.')[1] ?? '', 'base64url').toString()).iss;
    };
    await gate.addUser('ann');
    const ann = await gate.signIn('ann');
    expect(await issuer(ann)).toBe('https://one.example');
    const from = gate.logged.length;
    writeFileSync(join(directory, 'run/issuer'), 'https://two.example\n');
    await gate.logs(RELOADED, from);
    // the assertion that was remembered said the former one
    expect(await issuer(ann)).toBe('https://two.example');
  });

  it('a directory behind a symlink that is swapped, as Kubernetes mounts configuration', async () => {
    const upstream = await upstreamHere();
    const home = configured('', {
      'v1/sallyport.yaml': configText(route(upstream.origin)),
      'v1/staff.yaml': denying('first'),
      'v2/sallyport.yaml': configText(route(upstream.origin, ', explain: true')),
      'v2/staff.yaml': denying('second'),
    });
    for (const name of ['sallyport.yaml', 'policies/staff.yaml']) unlinkSync(join(home, name));
    symlinkSync('v1', join(home, '..data'));
    symlinkSync(join('..data', 'sallyport.yaml'), join(home, 'sallyport.yaml'));
    symlinkSync(join('..', '..data', 'staff.yaml'), join(home, 'policies', 'staff.yaml'));
    const { send, command } = await startGateway(home);
    // the rule speaks of a path alone, so that nobody has to sign in for it
    const reason = async (): Promise<unknown> => JSON.parse((await send('GET /closed HTTP/1.1')).body).reason;
    expect(await reason()).toBe('first');
    symlinkSync('v2', join(home, '..next'));
    renameSync(join(home, '..next'), join(home, '..data'));
    await command.says(/configuration reloaded/);
    const answer = await send('GET /closed HTTP/1.1');
    expect(JSON.parse(answer.body)).toMatchObject({ reason: 'second' });
    expect(answer.body).toContain('closed');
  });

  it('SIGHUP, in a real process, also when no file changed', async () => {
    const { command, send } = await startGateway(configured(route('http://127.0.0.1:9')));
    command.process.kill('SIGHUP');
    expect((await command.says(/configuration reloaded/)).input).toContain('"why":"SIGHUP"');
    expect((await send('GET / HTTP/1.1')).status).toBe(401);
  });

  it('what changed while the gateway started', async () => {
    const directory = configured(route('http://127.0.0.1:9'));
    const log = openLog({ level: 'debug', pretty: false, destination: { write: () => {} } });
    const gateway = composeGateway(
      { clock: systemClock(), random: systemRandom(), log },
      { file: join(directory, 'sallyport.yaml'), env: {}, version: 'test' },
    );
    writeFileSync(join(directory, 'policies', 'staff.yaml'), denying('late'));
    const before = gateway.snapshot;
    await gateway.start();
    onTestFinished(() => gateway.close(1000));
    const changes = followChanges(gateway, log);
    onTestFinished(() => changes.close());
    expect(gateway.snapshot).not.toBe(before);
    expect(gateway.snapshot.config.policyFiles[0]?.text).toContain('late');
  });

  it('limits of sessions, for sessions that exist already', async () => {
    const upstream = await upstreamHere();
    let now = Date.now();
    const clock = { now: () => now, monotonic: () => performance.now() };
    const gate = await gatewayHere({ config: route(upstream.origin), clock });
    await gate.addUser('ann');
    const ann = await gate.signIn('ann');
    now += 10 * 60_000;
    expect((await gate.send('GET / HTTP/1.1', as(ann))).status).toBe(200);
    gate.write('sallyport.yaml', `session: { idle: 5m, absolute: 8h }\n${route(upstream.origin)}`);
    expect(gate.gateway.reload().ok).toBe(true);
    now += 4 * 60_000;
    expect((await gate.send('GET / HTTP/1.1', as(ann))).status).toBe(200);
    now += 6 * 60_000;
    const idle = await gate.send('GET / HTTP/1.1', as(ann));
    expect([idle.status, JSON.parse(idle.body).reason]).toEqual([401, 'session_expired']);

    const again = await gate.signIn('ann');
    gate.write('sallyport.yaml', `session: { idle: 5m, absolute: 5m }\n${route(upstream.origin)}`);
    expect(gate.gateway.reload().ok).toBe(true);
    now += 3 * 60_000;
    expect((await gate.send('GET / HTTP/1.1', as(again))).status).toBe(200);
    now += 3 * 60_000;
    expect((await gate.send('GET / HTTP/1.1', as(again))).status).toBe(401);
  });

  it('a provider that is gone vouches for nobody any more, and for its people again when it is back', async () => {
    const upstream = await upstreamHere();
    const gate = await gatewayHere({ config: route(upstream.origin) });
    await gate.addUser('ann');
    const ann = await gate.signIn('ann');
    const userinfo = async (): Promise<unknown> =>
      JSON.parse((await gate.send('GET /.sallyport/userinfo HTTP/1.1', [...as(ann), 'Sec-Fetch-Mode: navigate'])).body);
    expect((await gate.send('GET / HTTP/1.1', as(ann))).status).toBe(200);
    writeFileSync(
      gate.configFile,
      configText(`identity: { providers: [{ id: others, type: local }] }\n${route(upstream.origin)}`),
    );
    expect(gate.gateway.reload()).toMatchObject({ ok: true });
    upstream.reset();
    const refused = await gate.send('GET / HTTP/1.1', as(ann));
    expect([refused.status, JSON.parse(refused.body).reason]).toEqual([401, 'session_revoked']);
    expect(await userinfo()).toEqual({ authenticated: false });
    await expect(gate.signIn('ann')).rejects.toThrow('not signed in');
    expect(upstream.hits).toHaveLength(0);
    gate.write('sallyport.yaml', route(upstream.origin));
    expect(gate.gateway.reload()).toMatchObject({ ok: true });
    expect((await gate.send('GET / HTTP/1.1', as(ann))).status).toBe(200);
  });

  it('what is opened once stays, and the log says that it needs a start', async () => {
    const gate = await gatewayHere({ config: `timeouts: { drain: 10s }\n${route('http://127.0.0.1:9')}` });
    gate.write(
      'sallyport.yaml',
      `timeouts: { drain: 11s }\nlimits: { head: 17KiB, body: 2MiB }\nsecrets: { cookie: ${'x'.repeat(40)} }\n${route('http://127.0.0.1:9')}`,
    );
    expect(gate.gateway.reload().ok).toBe(true);
    const said = gate.logged.filter((line) => line.includes('takes effect at the next start'));
    expect(said).toHaveLength(2);
    expect(said.join()).toContain('`limits.head` changed');
    expect(said.join()).not.toContain('timeouts');
    expect(said.join()).not.toContain('xxxxxxxx');
  });
});

describe('what is bad keeps the old set in force', () => {
  const good = route('http://127.0.0.1:9');
  const policy = (text: string) => (gate: TestGateway) => gate.write('policies/staff.yaml', text);
  const config = (text: string) => (gate: TestGateway) => gate.write('sallyport.yaml', text);
  const cases: [string, (gate: TestGateway) => void, RegExp][] = [
    ['a configuration that is no YAML', config('routes: ['), /sallyport\.yaml:\d+:\d+/],
    ['an unknown key', config(`${good}colour: red\n`), /sallyport\.yaml:9:1"/],
    ['an unknown policy', config(good.replace('policy: staff', 'policy: stuff')), /sallyport\.yaml:8:\d+/],
    ['a missing file of a secret', config(`issuer: "\${file:nowhere}"\n${good}`), /sallyport\.yaml:7:9/],
    [
      'two routes for the same',
      config(`${good}${good.slice(8).replace('route: app', 'route: again')}`),
      /sallyport\.yaml:9:21/,
    ],
    [
      'no configuration at all',
      (gate) => unlinkSync(gate.configFile),
      /sallyport\.yaml:1:1.*ENOENT|ENOENT.*sallyport\.yaml:1:1/,
    ],
    ['a policy that is no YAML', policy('version: 1\nrules: }\n'), /staff\.yaml:2:\d+/],
    ['an unknown attribute', policy(STAFF.replace('identity.groups', 'identity.gruops')), /staff\.yaml:6:\d+/],
    ['an operator of another type', policy(STAFF.replace('any_of: [staff]', 'below: 3')), /staff\.yaml:6:\d+/],
    [
      'an empty directory of policies',
      (gate) => unlinkSync(join(gate.directory, 'policies', 'staff.yaml')),
      /holds no policy/,
    ],
    [
      'no directory of policies',
      (gate) => rmSync(join(gate.directory, 'policies'), { recursive: true }),
      /cannot be read/,
    ],
    [
      'text that is no UTF-8',
      (gate) => writeFileSync(gate.configFile, Buffer.of(0x61, 0xff, 0xfe)),
      /sallyport\.yaml:\d+:\d+/,
    ],
  ];
  it.each(cases)('%s', async (_name, spoil, said) => {
    const upstream = await upstreamHere();
    const gate = await gatewayHere({ config: route(upstream.origin), follow: true });
    await gate.addUser('ann');
    const ann = await gate.signIn('ann');
    const { snapshot } = gate.gateway;
    let from = gate.logged.length;
    spoil(gate);
    await gate.logs(REFUSED, from);
    const report = gate.logged.slice(from).join('');
    expect(report).toMatch(said);
    expect(report).toMatch(/"at":"[^"]+:\d+:\d+"/);
    expect(gate.gateway.snapshot).toBe(snapshot);
    expect((await gate.send('GET / HTTP/1.1', as(ann))).status).toBe(200);
    expect(await readiness(gate.adminPort)).toEqual({ status: 200, reasons: [] });
    expect(await metric(gate.adminPort, 'sallyport_config_reload_success')).toBe(0);

    from = gate.logged.length;
    mkdirSync(join(gate.directory, 'policies'), { recursive: true });
    gate.write('policies/staff.yaml', denying('repaired'));
    gate.write('sallyport.yaml', route(upstream.origin));
    await gate.logs(RELOADED, from);
    expect(await metric(gate.adminPort, 'sallyport_config_reload_success')).toBe(1);
    expect(JSON.parse((await gate.send('GET /closed HTTP/1.1', as(ann))).body).reason).toBe('repaired');
  });

  it('a bug of ours while it is built', async () => {
    // reading the environment is the one step of a reload that can be made to throw from outside
    const thrower = (): never => {
      throw new Error('made to fail');
    };
    const env = new Proxy({}, { get: thrower, has: thrower, getOwnPropertyDescriptor: thrower });
    const gate = await gatewayHere({ config: good, env });
    const { snapshot } = gate.gateway;
    gate.write('sallyport.yaml', `issuer: "\${ISSUER}"\n${good}`);
    expect(gate.gateway.reload()).toMatchObject({ ok: false, findings: [{ code: 'internal', severity: 'error' }] });
    expect(await metric(gate.adminPort, 'sallyport_config_reload_success')).toBe(0);
    expect(gate.gateway.snapshot).toBe(snapshot);
  });
});
