import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { auditOf, configText, STAFF } from '../app/process.ts';
import { type CommandResult, type RunningCommand, sallyport, startSallyport } from '../support/command.ts';
import { bearStore, type Send, seen, senderTo } from '../support/gateway.ts';
import { type SigningPair, signingPair, signRaw } from '../support/issuer.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';

// two gateways and every command are processes of their own, on one store
const ISSUER = 'https://issuer.test';
const ADMIN = 'a-token-of-the-administrator';
let upstream: RecordingUpstream;
let pair: SigningPair;
let directory: string;
let running: readonly RunningCommand[] = [];
let gates: readonly Send[] = [];
let adminPort = 0;
let number = 0;
let jti: string;

beforeAll(async () => {
  [upstream, pair] = await Promise.all([openUpstream(), signingPair('ES256', 'k')]);
  directory = mkdtempSync(join(tmpdir(), 'sallyport-block-'));
  const files = {
    'policies/staff.yaml': STAFF,
    'keys.json': JSON.stringify({ keys: [pair.jwk] }),
    'sallyport.yaml': configText(`
admin: { address: 127.0.0.1:0, token: ${ADMIN} }
identity:
  providers:
    - { id: services, type: jwt, issuer: "${ISSUER}", jwks: keys.json, audience: api, max_age: 2h }
routes:
  - { route: open, upstream: "${upstream.origin}", match: { path: /open }, public: true }
  - { route: app, upstream: "${upstream.origin}", policy: staff }
`),
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  await bearStore(join(directory, 'data'), 3_600_000);
  running = [0, 1].map(() => startSallyport(['run', '--config', join(directory, 'sallyport.yaml')]));
  const started = await Promise.all(
    running.map((each) => each.says(/"gateway":"127\.0\.0\.1:(\d+)","admin":"127\.0\.0\.1:(\d+)"/)),
  );
  gates = started.map(([, port]) => senderTo(Number(port)));
  adminPort = Number(started[0]?.[2]);
});
afterAll(async () => {
  for (const each of running) each.process.kill('SIGTERM');
  await Promise.all(running.map((each) => each.ended));
  await upstream.close();
  rmSync(directory, { recursive: true, force: true });
});
beforeEach(() => {
  jti = `j${number++}`;
  upstream.reset();
});

const seconds = (): number => Math.floor(Date.now() / 1000);
const tokenOf = (claims: object = {}): Promise<string> =>
  signRaw(
    pair,
    { alg: 'ES256', kid: 'k' },
    { iss: ISSUER, aud: 'api', sub: 'svc', groups: ['staff'], jti, iat: seconds(), exp: seconds() + 300, ...claims },
  );
/** What each gateway answers to the very next request. */
const ask = (token: string, path = '/'): Promise<number[]> =>
  Promise.all(
    gates.map(async (send) => (await send(`GET ${path} HTTP/1.1`, [`Authorization: Bearer ${token}`])).status),
  );

type Run = (args: readonly string[], input?: string) => Promise<CommandResult>;
/** Beside the gateways, on the same store. */
const here: Run = (args, input) =>
  sallyport(['block', ...args, '--config', join(directory, 'sallyport.yaml')], input === undefined ? {} : { input });
/** As on another machine, over the administration API. */
const there: Run = (args, input) =>
  sallyport(['block', ...args, '--url', `http://127.0.0.1:${adminPort}`], {
    ...(input !== undefined && { input }),
    env: { SALLYPORT_ADMIN_TOKEN: ADMIN },
    cwd: tmpdir(),
  });
async function good(result: Promise<CommandResult>): Promise<string> {
  const { code, stdout, stderr } = await result;
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
}
const json = async (result: Promise<CommandResult>) => JSON.parse(await good(result));
const administered = (action: string) =>
  auditOf(join(directory, 'data', 'audit.ndjson')).events.filter((event) => event.action === action);

describe.each<[string, Run, RegExp]>([
  ['here', here, /^cli:/],
  ['there', there, /^admin:token$/],
])('%s', (_name, run, by) => {
  it('blocks a token by its name: the next request is refused, in every process', async () => {
    const token = await tokenOf();
    expect(await ask(token)).toEqual([200, 200]);
    const from = Date.now();
    const block = await json(
      run(['add', 'token', '--provider', 'services', '--jti', jti, '--for', '15m', '--reason', 'leaked', '--json']),
    );
    expect(await ask(token)).toEqual([403, 403]);
    expect(block).toEqual({
      id: expect.stringMatching(/^blk_/),
      kind: 'token',
      provider: 'services',
      jti,
      created: expect.any(String),
      until: expect.any(String),
      by: expect.stringMatching(by),
      reason: 'leaked',
    });
    const until = Date.parse(block.until) - 900_000;
    expect([until >= from, until <= Date.now()]).toEqual([true, true]);
    // where everybody may enter, the token is nobody's
    upstream.reset();
    expect(await ask(token, '/open')).toEqual([200, 200]);
    expect(upstream.hits.map(({ rawHeaders }) => seen(rawHeaders, 'x-forwarded-user'))).toEqual(['', '']);
    expect(administered('block_add').at(-1)).toMatchObject({
      result: 'success',
      by: expect.stringMatching(by),
      detail: expect.stringContaining(`token services/${jti} until ${block.until}: leaked`),
    });
  });

  it('blocks the token that is piped in, until its exp, and says nothing of it', async () => {
    const exp = seconds() + 200;
    const token = await tokenOf({ exp });
    const said = await good(run(['add', 'token', '--token-stdin'], `${token}\n`));
    expect(said).toMatch(/^blocked token services\/j\d+ until .+ \(blk_.+\)\n$/);
    expect(said).toContain(new Date(exp * 1000).toISOString());
    expect(said).not.toContain(token.split('.')[2]);
    expect(await ask(token)).toEqual([403, 403]);
  });

  it('lists what is blocked, and lifts it by id or by name', async () => {
    const token = await tokenOf();
    const args = ['--provider', 'services', '--jti', jti];
    const block = await json(run(['add', 'token', ...args, '--until', '2999-01-01T00:00:00Z', '--json']));
    expect(block.until).toBe('2999-01-01T00:00:00.000Z');
    expect(await json(run(['list', '--json']))).toContainEqual(block);
    const table = await good(run(['list']));
    expect(table).toMatch(/^BLOCK +WHAT +UNTIL +BY +REASON\n/);
    expect(table).toContain(`${block.id}  token services/${jti}`);
    expect(await good(run(['remove', block.id]))).toBe(`lifted ${block.id}\n`);
    expect(await ask(token)).toEqual([200, 200]);
    await good(run(['add', 'token', ...args]));
    expect(await ask(token)).toEqual([403, 403]);
    expect(await json(run(['remove', 'token', ...args, '--json']))).toEqual({ removed: block.id });
    expect(await ask(token)).toEqual([200, 200]);
    expect(administered('block_remove').at(-1)).toMatchObject({ result: 'success', by: expect.stringMatching(by) });
  });

  it.each<[string, readonly string[], number, RegExp, (() => Promise<string>)?]>([
    ['no token', ['add', 'token'], 2, /--provider and --jti, or .*--token-stdin/],
    ['no jti', ['add', 'token', '--provider', 'services'], 2, /--provider and --jti/],
    ['both names', ['add', 'token', '--token-stdin', '--jti', 'x'], 2, /cannot be used with/],
    ['both ends', ['add', 'token', '--until', '2999-01-01T00:00:00Z', '--for', '1h'], 2, /cannot be used with/],
    ['no instant', ['add', 'token', '--provider', 'services', '--jti', 'x', '--until', 'soon'], 2, /no instant/],
    ['no duration', ['add', 'token', '--provider', 'services', '--jti', 'x', '--for', 'long'], 2, /no duration/],
    ['no kind', ['add', 'weather'], 2, /unknown command|Usage/],
    ['nothing to lift', ['remove', 'staff:ann'], 2, /say which block/],
    ['half a name', ['remove', 'token', '--jti', 'x'], 2, /say which block/],
    [
      'the past',
      ['add', 'token', '--provider', 'services', '--jti', 'x', '--until', '2020-01-01T00:00:00Z'],
      1,
      /past/,
    ],
    ['a provider that there is not', ['add', 'token', '--provider', 'x', '--jti', 'x'], 1, /there is services/],
    ['a block that there is not', ['remove', `blk_00${'A'.repeat(43)}`], 1, /[Tt]here is no block/],
    [
      'no token on the pipe',
      ['add', 'token', '--token-stdin'],
      1,
      /no token that could be accepted/,
      async () => 'x.y.z',
    ],
    [
      'a token that nothing tells from others',
      ['add', 'token', '--token-stdin'],
      1,
      /has no jti/,
      () => tokenOf({ jti: undefined }),
    ],
    [
      'a token of nobody',
      ['add', 'token', '--token-stdin'],
      1,
      /not configured/,
      () => tokenOf({ iss: 'https://x.test' }),
    ],
  ])('%s: says so', async (_case, args, exitCode, says, input) => {
    const { code, stdout, stderr } = await run(args, await input?.());
    expect([code, stdout], stderr).toEqual([exitCode, '']);
    expect(stderr).toMatch(says);
    expect(stderr).not.toMatch(/\n\s+at |eyJ/);
  });

  it('nothing of that blocked anything', async () => {
    const blocked = await json(here(['list', '--json']));
    expect(
      blocked.filter(({ by: who, jti: of }: { by: string; jti: string }) => by.test(who) && !/^j\d+$/.test(of)),
    ).toEqual([]);
    expect(blocked.filter(({ by: who }: { by: string }) => by.test(who))).toHaveLength(2);
  });
});

it('both ways tell the same', async () => {
  await good(here(['add', 'token', '--provider', 'services', '--jti', jti]));
  expect(await json(there(['list', '--json']))).toEqual(await json(here(['list', '--json'])));
});
