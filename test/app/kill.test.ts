import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/app/clock.ts';
import { systemRandom } from '../../src/app/random.ts';
import { openServices } from '../../src/app/services.ts';
import { load } from '../../src/app/snapshot.ts';
import { openLog } from '../../src/telemetry/log.ts';
import { sallyport } from '../support/command.ts';
import { PASSWORD, type Send, sessionCookieOf, signInOver } from '../support/gateway.ts';
import { startRedis } from '../support/redis.ts';
import { openUpstream } from '../support/upstream.ts';
import { auditOf, configured, type GatewayProcess, startGateway } from './process.ts';

const TOKEN = 'a-token-of-the-administrator';
const LANES = 3;
/** Gateways on the store at the same time; each dies at a moment of its own, and the others go on. */
const SEATS = 2;

/** What has to hold: the answer to it was received, or the command ended with 0. */
interface Acknowledged {
  /** session ids by cookie */
  readonly live: Map<string, string>;
  readonly ended: Set<string>;
  /** whether it is disabled, by name */
  readonly accounts: Map<string, boolean>;
}

const nothing = (): Acknowledged => ({ live: new Map(), ended: new Set(), accounts: new Map() });

it.each([
  ['embedded', 50, async () => ''],
  [
    'Redis',
    10,
    async () => {
      const redis = await startRedis();
      onTestFinished(() => redis.stop());
      return `, redis: "${redis.url}"`;
    },
  ],
])(
  'kill -9 during writes, %s, %i times: every session, account and revocation that was acknowledged is there',
  {
    timeout: 300_000,
  },
  async (_name, kills, openServer) => {
    const upstream = await openUpstream();
    onTestFinished(() => upstream.close());
    const directory = configured(
      `store: { path: data${await openServer()} }
secrets: { cookie: "0123456789abcdef0123456789abcdef" }
admin: { address: 127.0.0.1:0, token: ${TOKEN} }
routes:\n  - { route: app, match: { host: app.test }, upstream: "${upstream.origin}", policy: staff }`,
    );
    const file = join(directory, 'sallyport.yaml');
    const { value } = load(file, {});
    if (value === undefined) throw new Error('the configuration is not good');
    const log = openLog({ level: 'error', pretty: false, destination: { write: () => {} } });
    // another process on the store, as the command line is one
    const beside = openServices({ clock: systemClock(), random: systemRandom(), log }, value.config, () => {});
    await beside.store.start();
    for (const name of ['ann', ...Array.from({ length: SEATS }, (_, number) => `user${number}`)])
      await beside.accounts.get('staff')?.add(name, { groups: ['staff'], password: PASSWORD });

    const all = nothing();
    /** ids of acknowledged authentications */
    const audited = new Set<string>();
    let signIns = 0;
    let killed = 0;

    const statusOf = async (send: Send, cookie: string): Promise<number> =>
      (await send('GET /a HTTP/1.1', [`Cookie: sallyport=${cookie}`])).status;
    const api = (gateway: GatewayProcess, method: string, path: string): Promise<Response> =>
      fetch(`http://127.0.0.1:${gateway.adminPort}/api/v1${path}`, {
        method,
        headers: { Authorization: `Bearer ${TOKEN}`, Connection: 'close' },
      });

    /** Signs in, and ends every second session: by the sign-out form, over the API, or from the process beside. */
    async function lane(gateway: GatewayProcess, own: Acknowledged, onAcknowledged: () => void): Promise<void> {
      for (;;) {
        const { answer } = await signInOver(gateway.send, 'ann', PASSWORD);
        const cookie = sessionCookieOf(answer);
        const found = await beside.sessions.lookup(cookie, 'http:app.test', beside.clock.now());
        if (found.state !== 'valid') throw new Error('an acknowledged session is not in the store');
        const { id } = found.session;
        own.live.set(cookie, id);
        audited.add(answer.headers.get('x-request-id') ?? '');
        onAcknowledged();
        const turn = signIns++ % 6;
        if (turn > 2) continue;
        // being ended when the process dies, either is right
        own.live.delete(cookie);
        if (turn === 0) await signOut(gateway.send, cookie);
        else if (turn === 1) expect((await api(gateway, 'DELETE', `/sessions/${id}`)).status).toBe(204);
        else expect(await beside.sessions.revoke(id, 'test', 'revoked')).toBe(true);
        own.ended.add(cookie);
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

    /** Changes an account that nobody else changes, over and over. */
    async function accountLane(gateway: GatewayProcess, name: string, own: Acknowledged): Promise<void> {
      for (let disabled = true; ; disabled = !disabled) {
        own.accounts.delete(name);
        all.accounts.delete(name);
        expect((await api(gateway, 'POST', `/users/${name}/${disabled ? 'disable' : 'enable'}`)).status).toBe(200);
        own.accounts.set(name, disabled);
      }
    }

    const command = (args: readonly string[]) => sallyport([...args, '--config', file], { input: `${PASSWORD}\n` });
    /** At the command line while gateways die: an account, and the end of a session. */
    async function atShell(name: string): Promise<void> {
      expect(await command(['user', 'add', name, '--password-stdin'])).toMatchObject({ code: 0, stderr: '' });
      all.accounts.set(name, false);
      const [[cookie, id] = []] = all.live;
      if (cookie === undefined || id === undefined) return;
      all.live.delete(cookie);
      expect(await command(['session', 'revoke', id])).toMatchObject({ code: 0 });
      all.ended.add(cookie);
    }

    async function check(gateway: GatewayProcess, { live, ended, accounts }: Acknowledged): Promise<void> {
      for (const cookie of live.keys()) expect(await statusOf(gateway.send, cookie)).toBe(200);
      for (const cookie of ended) expect(await statusOf(gateway.send, cookie)).toBe(401);
      for (const [name, disabled] of accounts)
        expect(await (await api(gateway, 'GET', `/users/${name}`)).json()).toMatchObject({ disabled });
    }

    /** To be looked at once more in the end, whatever dies until then. */
    function keep({ live, ended, accounts }: Acknowledged): void {
      for (const [cookie, id] of live) all.live.set(cookie, id);
      for (const cookie of ended) all.ended.add(cookie);
      for (const [name, disabled] of accounts) all.accounts.set(name, disabled);
    }

    /** One gateway after the other, each until it is killed at some moment of what its lanes are doing. */
    async function seat(number: number): Promise<void> {
      let own = nothing();
      for (let round = 0; killed < kills; round += 1) {
        const gateway = await startGateway(directory);
        await check(gateway, own);
        keep(own);
        own = nothing();
        const shell = number === 0 && round % 4 === 0 ? atShell(`shell${round}`) : undefined;
        const deadline = 1 + Math.floor(Math.random() * 4);
        let acknowledged = 0;
        const onAcknowledged = (): void => {
          if (++acknowledged === deadline) gateway.command.process.kill('SIGKILL');
        };
        const lanes = await Promise.allSettled([
          ...Array.from({ length: LANES }, () => lane(gateway, own, onAcknowledged)),
          accountLane(gateway, `user${number}`, own),
        ]);
        await Promise.all([gateway.command.ended, shell]);
        killed += 1;
        expect(gateway.command.process.signalCode).toBe('SIGKILL');
        expect(acknowledged).toBeGreaterThanOrEqual(deadline);
        // a lane ends because nobody answers any more, and for no other reason
        for (const { reason } of lanes.filter((each) => each.status === 'rejected')) {
          expect(String(reason)).toMatch(/not signed (in|out): *$|ECONNREFUSED|fetch failed/);
        }
      }
      keep(own);
    }

    await Promise.all(Array.from({ length: SEATS }, (_, number) => seat(number)));
    await beside.store.close(5000);
    const last = await startGateway(directory);
    await check(last, all);
    last.command.process.kill('SIGTERM');
    expect(await last.command.ended).toBe(0);

    const { events, torn } = auditOf(join(directory, 'data', 'audit.ndjson'));
    const authentications = new Set(events.filter((each) => each.type === 'authentication').map((each) => each.id));
    expect([...audited].filter((id) => !authentications.has(id))).toEqual([]);
    // a killed process may leave one line torn, and no more
    expect(torn.length).toBeLessThanOrEqual(killed);
    expect(killed).toBeGreaterThanOrEqual(kills);
    for (const some of [all.live, all.ended, all.accounts]) expect(some.size).toBeGreaterThan(1);
  },
);
