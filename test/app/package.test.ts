import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { sallyport } from '../support/command.ts';
import { PASSWORD, sessionCookieOf, signInOver } from '../support/gateway.ts';
import { openUpstream } from '../support/upstream.ts';
import { configured, startGateway } from './process.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TOKEN = 'a-token-of-the-administrator';

/** What `npm pack` would hold, compiled into a directory of its own; no source of a clone beside it. */
async function packaged(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-package-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  for (const part of ['bin', 'package.json']) cpSync(join(ROOT, part), join(directory, part), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
  const build = ['-p', join(ROOT, 'tsconfig.build.json'), '--outDir', join(directory, 'dist')];
  await promisify(execFile)(join(ROOT, 'node_modules/.bin/tsc'), build);
  return join(directory, 'bin', 'sallyport.mjs');
}

it('the compiled package finds its threads: a password is hashed, and policies are tried out', async () => {
  const bin = await packaged();
  const upstream = await openUpstream();
  onTestFinished(upstream.close);
  const directory = configured(`admin: { address: 127.0.0.1:0, token: ${TOKEN} }
routes: [{ route: app, match: { host: app.test }, upstream: "${upstream.origin}", policy: staff }]`);
  const config = ['--config', join(directory, 'sallyport.yaml')];
  const added = await sallyport(['user', 'add', 'ann', '--groups', 'staff', '--password-stdin', ...config], {
    input: PASSWORD,
    bin,
  });
  expect(added).toMatchObject({ code: 0, stdout: 'added staff:ann\n' });
  const { adminPort, send } = await startGateway(directory, {}, bin);
  const cookie = sessionCookieOf((await signInOver(send, 'ann', PASSWORD)).answer);
  expect((await send('GET / HTTP/1.1', ['Host: app.test', `Cookie: sallyport=${cookie}`])).status).toBe(200);
  const explained = await fetch(`http://127.0.0.1:${adminPort}/api/v1/policies/explain`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ method: 'GET', url: 'http://app.test/', as: 'ann' }),
  });
  expect(await explained.json()).toMatchObject({ decision: { effect: 'allow' } });
}, 60_000);
