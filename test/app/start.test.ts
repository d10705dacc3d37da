import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/app/clock.ts';
import { composeGateway } from '../../src/app/compose.ts';
import { systemRandom } from '../../src/app/random.ts';
import { InvalidConfiguration } from '../../src/core/finding.ts';
import { openLog } from '../../src/telemetry/log.ts';
import { sallyport } from '../support/command.ts';
import { configured, startGateway } from './process.ts';

const ROUTES = 'routes:\n  - { route: app, upstream: "http://127.0.0.1:9", policy: staff }';
const fileOf = (directory: string): string => join(directory, 'sallyport.yaml');

/** Runs the real thing, which shall refuse: that this resolves says that the process ended by itself. */
async function expectRefusal(directory: string, code: number, ...says: readonly RegExp[]): Promise<void> {
  const { stderr, stdout, ...result } = await sallyport(['run', '--config', fileOf(directory)]);
  expect(result.code, stderr).toBe(code);
  for (const pattern of says) expect(stderr).toMatch(pattern);
  // a message for an operator: no trace into our sources
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(stdout).not.toContain('serving');
}

/** The same in this process: what composing or starting threw. It can be closed all the same. */
async function refusalOf(directory: string): Promise<unknown> {
  const log = openLog({ level: 'debug', pretty: false, destination: { write: () => {} } });
  const ports = { clock: systemClock(), random: systemRandom(), log };
  try {
    const gateway = composeGateway(ports, { file: fileOf(directory), env: {}, version: 'test' });
    onTestFinished(() => gateway.close(1000));
    await gateway.start();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('a configuration that is not good refuses to start', () => {
  it('with 78, and says all that is wrong and where', async () => {
    const more = [
      `secrets: { cookie: "\${file:nowhere}" }`,
      `issuer: "\${SALLYPORT_NOT_SET}"`,
      'trusted_proxies: [300.0.0.0/8]',
      'colour: red',
      ROUTES,
    ].join('\n');
    await expectRefusal(
      configured(more),
      78,
      /:7:20: error: .*nowhere.*ENOENT/,
      /:8:9: error: .*SALLYPORT_NOT_SET/,
      /:9:19: error: .*trusted_proxies/,
      /:10:1: error: .*colour/,
    );
  });

  it.each<[string, string, RegExp]>([
    ['a secret that is a directory', `secrets: { cookie: "\${file:policies}" }\n${ROUTES}`, /EISDIR/],
    ['a secret that is too short', `secrets: { cookie: short }\n${ROUTES}`, /32/],
    ['a second secret that is too short', `secrets: { cookie: [${'x'.repeat(40)}, short] }\n${ROUTES}`, /32/],
    ['certificates, which are not served yet', `listen: { https: { cert: a.pem } }\n${ROUTES}`, /not available/],
    ['no directory of policies', `policies: nowhere\n${ROUTES}`, /nowhere.*ENOENT/],
    ['an empty directory of policies', `policies: empty\n${ROUTES}`, /holds no policy/],
  ])('%s', async (_name, more, says) => {
    const error = await refusalOf(configured(more, { 'empty/README': 'nothing' }));
    expect(error).toBeInstanceOf(InvalidConfiguration);
    const findings = (error as InvalidConfiguration).findings.filter(({ severity }) => severity === 'error');
    expect(findings).toEqual([expect.objectContaining({ message: expect.stringMatching(says) })]);
  });

  it('that is not there', async () => {
    const directory = configured(ROUTES);
    rmSync(fileOf(directory));
    await expectRefusal(directory, 78, /sallyport\.yaml:1:1: error: .*ENOENT/);
  });
});

describe('what the gateway needs and cannot have refuses to start', () => {
  const OWN_SECRET = `secrets: { cookie: ${'x'.repeat(40)} }`;
  it.each<[string, string, Record<string, string>, RegExp]>([
    ['a store path that is a file', 'store: { path: taken }', { taken: '' }, /^cannot start: .*taken/],
    [
      'the same with a given root secret',
      `store: { path: taken }\naudit: { file: audit.ndjson }\n${OWN_SECRET}`,
      { taken: '' },
      /^cannot start: the store in .*taken/,
    ],
    [
      'a store file that is something else',
      '',
      { 'data/store/data.mdb': 'not a database' },
      /^cannot start: the store in .*data\.mdb is not a store/,
    ],
    [
      'a root secret that was cut short',
      '',
      { 'data/secret': 'cut' },
      /^cannot start: the root secret: .*data\/secret.*32 bytes/,
    ],
    [
      'an audit file whose directory is a file',
      'audit: { file: taken/audit.ndjson }',
      { taken: '' },
      /^cannot start: the audit file .*taken/,
    ],
    [
      'an audit file that is a directory',
      'audit: { file: taken }',
      { 'taken/x': '' },
      /^cannot start: the audit file .*taken: .*EISDIR/,
    ],
  ])('%s', async (_name, more, files, says) => {
    const error = await refusalOf(configured(`${more}\n${ROUTES}`, files));
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).toMatch(says);
  });

  it('a root secret that is another than the one that the store was made with: 1', async () => {
    const directory = configured(ROUTES);
    const first = await startGateway(directory);
    first.command.process.kill('SIGTERM');
    expect(await first.command.ended).toBe(0);
    writeFileSync(join(directory, 'data', 'secret'), 'y'.repeat(43));
    await expectRefusal(directory, 1, /^cannot start: the signing keys: /);
  });

  it('an audit file that cannot be one: 1', async () => {
    const directory = configured(`audit: { file: taken }\n${ROUTES}`);
    mkdirSync(join(directory, 'taken'));
    await expectRefusal(directory, 1, /^cannot start: the audit file .*taken: /);
  });

  it('a port that is taken: 1, and nothing of the failed start is in the way of the next one', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => new Promise((resolve) => server.close(() => resolve())));
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const directory = configured(`listen: { http: ${address} }\n${ROUTES}`);
    await expectRefusal(directory, 1, new RegExp(`^${address} is taken`));
    const other = configured(`admin: { address: ${address} }\nstore: { path: ${directory}/data }\n${ROUTES}`);
    await expectRefusal(other, 1, new RegExp(`^${address} is taken`));
    const { send } = await startGateway(configured(`store: { path: ${directory}/data }\n${ROUTES}`));
    expect((await send('GET / HTTP/1.1')).status).toBe(401);
  });

  it('an address that is not of this machine: 1', async () => {
    await expectRefusal(
      configured(`listen: { http: 192.0.2.1:8080 }\n${ROUTES}`),
      1,
      /^cannot listen on 192\.0\.2\.1:8080/,
    );
  });
});
