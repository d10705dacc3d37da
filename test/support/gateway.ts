import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { systemClock } from '../../src/app/clock.ts';
import { composeGateway, type Gateway } from '../../src/app/compose.ts';
import { systemRandom } from '../../src/app/random.ts';
import type { Clock } from '../../src/core/ports.ts';
import { openLog } from '../../src/telemetry/log.ts';
import { exchangeRaw, parseAnswer, type RawAnswer, rawRequest } from './raw.ts';

export interface TestGatewayOptions {
  /** YAML of `routes:` and whatever else the configuration shall hold; listeners, store and provider are added */
  readonly config: string;
  /** policy files by name; a policy `staff` that lets the group staff in is always there */
  readonly policies?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  readonly env?: Readonly<Record<string, string>>;
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
  const listen = options.listen === false ? '' : 'listen: { http: 127.0.0.1:0 }\n';
  const configText = (more: string): string =>
    `version: 1\n${listen}admin: { address: 127.0.0.1:0 }\nstore: { path: data }\npolicies: policies\nidentity: { providers: [{ id: staff, type: local }] }\n${more}`;
  write('sallyport.yaml', configText(options.config));
  const configFile = join(directory, 'sallyport.yaml');
  const logged: string[] = [];
  const log = openLog({ level: 'debug', pretty: false, destination: { write: (line: string) => logged.push(line) } });
  const gateway = composeGateway(
    { clock: options.clock ?? systemClock(), random: systemRandom(), log },
    { file: configFile, env: options.env ?? {}, version: 'test' },
  );
  await gateway.start();
  const send = async (line: string, headers: readonly string[] = [], body = ''): Promise<RawAnswer> =>
    parseAnswer(await exchangeRaw(gateway.port, rawRequest(line, [...headers, 'Connection: close'], body)));
  return {
    gateway,
    port: gateway.port,
    adminPort: gateway.adminPort,
    directory,
    configFile,
    logged,
    write: (name, text) => write(name, name === 'sallyport.yaml' ? configText(text) : text),
    addUser: async (name, groups = ['staff']) => {
      const made = await gateway.services.accounts
        .get('staff')
        ?.add(name, { email: `${name}@example.com`, groups, password: PASSWORD });
      if (made?.ok !== true) throw new Error(`no account: ${JSON.stringify(made)}`);
    },
    signIn: async (name, host = 'app.test') => {
      const { answer } = await signInOver(send, name, PASSWORD, host);
      const cookie = answer.setCookies
        .map((line) => /^sallyport=([^;]+)/.exec(line)?.[1])
        .find((value) => value !== undefined);
      if (answer.status !== 303 || cookie === undefined) throw new Error(`not signed in: ${answer.text}`);
      return cookie;
    },
    send,
    close: async () => {
      await gateway.close(1000);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The sign-in form, fetched and sent back as a browser does; what it answered. */
export async function signInOver(
  send: TestGateway['send'],
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
