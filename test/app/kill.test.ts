import { join } from 'node:path';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/app/clock.ts';
import { systemRandom } from '../../src/app/random.ts';
import { openServices } from '../../src/app/services.ts';
import { load } from '../../src/app/snapshot.ts';
import { openLog } from '../../src/telemetry/log.ts';
import { PASSWORD, type Send, sessionCookieOf, signInOver } from '../support/gateway.ts';
import { openUpstream } from '../support/upstream.ts';
import { auditOf, configured, type GatewayProcess, startGateway } from './process.ts';

const ROUNDS = 10;
const LANES = 3;

it('kill -9 while people sign in and sessions are ended: what was acknowledged holds', {
  timeout: 120_000,
}, async () => {
  const upstream = await openUpstream();
  const directory = configured(
    `routes:\n  - { route: app, match: { host: app.test }, upstream: "${upstream.origin}", policy: staff }`,
  );
  const { value } = load(join(directory, 'sallyport.yaml'), {});
  if (value === undefined) throw new Error('the configuration is not good');
  const log = openLog({ level: 'error', pretty: false, destination: { write: () => {} } });
  // another process on the store, as the command line is one
  const beside = openServices({ clock: systemClock(), random: systemRandom(), log }, value.config, () => {});
  await beside.store.start();
  await beside.accounts.get('staff')?.add('ann', { groups: ['staff'], password: PASSWORD });

  const live = new Map<string, string>();
  const ended = new Set<string>();
  /** ids of acknowledged authentications */
  const audited = new Set<string>();
  /** being ended when the process died: either is right */
  const between = new Set<string>();
  let signIns = 0;

  const statusOf = async (send: Send, cookie: string): Promise<number> =>
    (await send('GET /a HTTP/1.1', [`Cookie: sallyport=${cookie}`])).status;

  /** Signs in, and ends every second session: by the sign-out form, or from the process beside. */
  async function lane(gateway: GatewayProcess, onAcknowledged: () => void): Promise<void> {
    for (;;) {
      const { answer } = await signInOver(gateway.send, 'ann', PASSWORD);
      const cookie = sessionCookieOf(answer);
      const found = await beside.sessions.lookup(cookie, 'http:app.test', beside.clock.now());
      if (found.state !== 'valid') throw new Error('an acknowledged session is not in the store');
      live.set(cookie, found.session.id);
      audited.add(answer.headers.get('x-request-id') ?? '');
      onAcknowledged();
      signIns++;
      if (signIns % 2 === 0) continue;
      between.add(cookie);
      if (signIns % 4 === 1) await signOut(gateway.send, cookie);
      else expect(await beside.sessions.revoke(found.session.id, 'test', 'revoked')).toBe(true);
      between.delete(cookie);
      live.delete(cookie);
      ended.add(cookie);
      onAcknowledged();
    }
  }

  async function signOut(send: Send, cookie: string): Promise<void> {
    const own = [`Cookie: sallyport=${cookie}`, 'Accept: text/html'];
    const page = await send('GET /.sallyport/logout HTTP/1.1', own);
    const body = new URLSearchParams({ csrf: /name="csrf" value="([^"]+)"/.exec(page.body)?.[1] ?? '' }).toString();
    const headers = ['Origin: http://app.test', 'Content-Type: application/x-www-form-urlencoded'];
    const answer = await send(
      'POST /.sallyport/logout HTTP/1.1',
      [...own, ...headers, `Content-Length: ${body.length}`],
      body,
    );
    if (answer.status !== 303) throw new Error(`not signed out: ${answer.text}`);
    audited.add(answer.headers.get('x-request-id') ?? '');
  }

  async function checkEverything(send: Send): Promise<void> {
    for (const cookie of between) live.delete(cookie);
    between.clear();
    for (const cookie of live.keys()) expect(await statusOf(send, cookie)).toBe(200);
    for (const cookie of ended) expect(await statusOf(send, cookie)).toBe(401);
  }

  for (let round = 0; round < ROUNDS; round++) {
    const gateway = await startGateway(directory);
    await checkEverything(gateway.send);
    const deadline = 1 + Math.floor(Math.random() * 12);
    let acknowledged = 0;
    const onAcknowledged = (): void => {
      // it dies at some moment of what the other lanes are doing
      if (++acknowledged === deadline) gateway.command.process.kill('SIGKILL');
    };
    const lanes = await Promise.allSettled(Array.from({ length: LANES }, () => lane(gateway, onAcknowledged)));
    await gateway.command.ended;
    expect(gateway.command.process.signalCode).toBe('SIGKILL');
    expect(acknowledged).toBeGreaterThanOrEqual(deadline);
    // a lane ends because nobody answers any more, and for no other reason
    for (const { reason } of lanes.filter((each) => each.status === 'rejected')) {
      expect(String(reason)).toMatch(/not signed (in|out): *$|ECONNREFUSED/);
    }
  }
  const last = await startGateway(directory);
  await checkEverything(last.send);
  last.command.process.kill('SIGTERM');
  expect(await last.command.ended).toBe(0);

  const { events, torn } = auditOf(join(directory, 'data', 'audit.ndjson'));
  const authentications = new Set(events.filter((each) => each.type === 'authentication').map((each) => each.id));
  expect([...audited].filter((id) => !authentications.has(id))).toEqual([]);
  // a killed process may leave one line torn, and no more
  expect(torn.length).toBeLessThanOrEqual(ROUNDS);
  expect(live.size).toBeGreaterThan(0);
  expect(ended.size).toBeGreaterThan(0);
  await beside.store.close(5000);
  await upstream.close();
});
