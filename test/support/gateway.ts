import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { systemClock } from '../../src/app/clock.ts';
import { composeGateway, type Gateway } from '../../src/app/compose.ts';
import { followChanges } from '../../src/app/lifecycle.ts';
import { systemRandom } from '../../src/app/random.ts';
import type { Clock, Random } from '../../src/core/ports.ts';
import { openStore } from '../../src/stores/index.ts';
import { openLog } from '../../src/telemetry/log.ts';
import { exchangeRaw, parseAnswer, type RawAnswer, rawRequest } from './raw.ts';

export interface TestGatewayOptions {
  /** YAML of `routes:` and whatever else the configuration shall hold; listeners, store and provider are added */
  readonly config: string;
  /** policy files by name; a policy `staff` that lets the group staff in is always there */
  readonly policies?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  readonly random?: Random;
  /** YAML of the store's section; by default a directory of the gateway's own. Two gateways can share one */
  readonly store?: string;
  /** how long ago the gateway's own store was born, ms; by default it is born with the gateway, and older tokens are refused */
  readonly storeBornAgo?: number;
  /** follows its files and SIGHUP, as `sallyport run` does */
  readonly follow?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** `admin.token` */
  readonly adminToken?: string;
  /** further files by name, beside the configuration */
  readonly files?: Readonly<Record<string, string>>;
  /** adds the default `listen`; false when the configuration says its own */
  readonly listen?: boolean;
}

export interface TestGateway {
  readonly gateway: Gateway;
  readonly port: number;
  readonly adminPort: number;
  readonly directory: string;
  readonly configFile: string;
  /** lines of the log */
  readonly logged: readonly string[];
  /** Resolves with the first line of the log, from the `from`th on, that matches; the test's time limit is the only one. */
  logs(pattern: RegExp, from?: number): Promise<string>;
  write(name: string, text: string): void;
  addUser(name: string, groups?: readonly string[]): Promise<void>;
  /** Signs in over HTTP as a browser would; the value of the session cookie. */
  signIn(name: string, host?: string): Promise<string>;
  /** One raw request; the connection is closed after it. */
  send(line: string, headers?: readonly string[], body?: string): Promise<RawAnswer>;
  close(): Promise<void>;
}

export const PASSWORD = 'correct horse battery';

const STAFF = `
version: 1
policy: staff
rules:
  - allow: staff
    when: { identity.groups: { any_of: [staff] } }
tests:
  - name: staff
    given: { identity: { sub: ann, groups: [staff] } }
    expect: { effect: allow }
`;

/** A whole gateway on free ports over a store and files of its own. */
export async function openTestGateway(options: TestGatewayOptions): Promise<TestGateway> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-test-'));
  const write = (name: string, text: string): void => {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  };
  for (const [name, text] of Object.entries({ 'staff.yaml': STAFF, ...options.policies }))
    write(join('policies', name), text);
  for (const [name, text] of Object.entries(options.files ?? {})) write(name, text);
  const listen = options.listen === false ? '' : 'listen: { http: 127.0.0.1:0 }\n';
  const token = options.adminToken === undefined ? '' : `, token: ${options.adminToken}`;
  const configText = (more: string): string =>
    `version: 1\n${listen}admin: { address: 127.0.0.1:0${token} }\nstore: ${options.store ?? '{ path: data }'}\npolicies: policies\n${/^identity:/m.test(more) ? '' : 'identity: { providers: [{ id: staff, type: local }] }\n'}${more}`;
  write('sallyport.yaml', configText(options.config));
  const configFile = join(directory, 'sallyport.yaml');
  if (options.storeBornAgo !== undefined) await bearStore(join(directory, 'data'), options.storeBornAgo);
  const logged: string[] = [];
  let next = Promise.withResolvers<void>();
  const hear = (line: string): void => {
    logged.push(line);
    next.resolve();
    next = Promise.withResolvers();
  };
  const log = openLog({ level: 'debug', pretty: false, destination: { write: hear } });
  const gateway = composeGateway(
    { clock: options.clock ?? systemClock(), random: options.random ?? systemRandom(), log },
    { file: configFile, env: options.env ?? {}, version: 'test' },
  );
  await gateway.start();
  const changes = options.follow === true ? followChanges(gateway, log) : undefined;
  const send = senderTo(gateway.port);
  return {
    gateway,
    port: gateway.port,
    adminPort: gateway.adminPort,
    directory,
    configFile,
    logged,
    logs: async (pattern, from = 0) => {
      for (let at = from; ; at++) {
        while (at >= logged.length) await next.promise;
        if (pattern.test(logged[at] as string)) return logged[at] as string;
      }
    },
    write: (name, text) => write(name, name === 'sallyport.yaml' ? configText(text) : text),
    addUser: async (name, groups = ['staff']) => {
      const made = await gateway.services.accounts
        .get('staff')
        ?.add(name, { email: `${name}@example.com`, groups, password: PASSWORD });
      if (made?.ok !== true) throw new Error(`no account: ${JSON.stringify(made)}`);
    },
    signIn: async (name, host = 'app.test') => sessionCookieOf((await signInOver(send, name, PASSWORD, host)).answer),
    send,
    close: async () => {
      changes?.close();
      await gateway.close(1000);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A store that was born so long ago, ms. */
export async function bearStore(path: string, ago: number): Promise<void> {
  const clock: Clock = { ...systemClock(), now: () => Date.now() - ago };
  const store = openStore({ clock, random: systemRandom() }, { path });
  await store.start();
  await store.close(1000);
}

export type Send = TestGateway['send'];

/** One raw request at a time to a port of this machine; each has a connection of its own. */
export const senderTo =
  (port: number): Send =>
  async (line, headers = [], body = '') =>
    parseAnswer(await exchangeRaw(port, rawRequest(line, [...headers, 'Connection: close'], body)));

/** The session's cookie out of the answer to a sign-in that worked. */
export function sessionCookieOf(answer: RawAnswer): string {
  const cookie = answer.setCookies
    .map((line) => /^sallyport=([^;]+)/.exec(line)?.[1])
    .find((value) => value !== undefined);
  if (answer.status !== 303 || cookie === undefined) throw new Error(`not signed in: ${answer.text}`);
  return cookie;
}

/** The sign-in form, fetched and sent back as a browser does; what it answered. */
export async function signInOver(
  send: Send,
  name: string,
  password: string,
  host = 'app.test',
  fields: Readonly<Record<string, string>> = {},
): Promise<{ readonly form: RawAnswer; readonly answer: RawAnswer }> {
  const form = await send('GET /.sallyport/login HTTP/1.1', [`Host: ${host}`, 'Accept: text/html']);
  const csrf = /name="csrf" value="([^"]+)"/.exec(form.body)?.[1] ?? '';
  const login = form.setCookies.map((line) => line.split(';')[0]).join('; ');
  const body = new URLSearchParams({ username: name, password, csrf, return_to: '/', ...fields }).toString();
  const answer = await send(
    'POST /.sallyport/login HTTP/1.1',
    [
      `Host: ${host}`,
      `Origin: http://${host}`,
      'Sec-Fetch-Site: same-origin',
      'Content-Type: application/x-www-form-urlencoded',
      `Content-Length: ${Buffer.byteLength(body)}`,
      `Cookie: ${login}`,
      'Accept: text/html',
    ],
    body,
  );
  return { form, answer };
}

/** The value of a header that reached an upstream, whatever its case; undefined when it did not. */
export const seen = (rawHeaders: readonly string[], name: string): string | undefined => {
  const at = rawHeaders.findIndex((text, i) => i % 2 === 0 && text.toLowerCase() === name.toLowerCase());
  return at < 0 ? undefined : rawHeaders[at + 1];
};
