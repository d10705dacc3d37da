import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import type { Gateway } from '../app/compose.ts';
import { isLoopback } from '../core/address.ts';
import type { Accounts } from '../identity/accounts.ts';
import { parseListenAddress } from '../schema/units.ts';
import { type Application, startApi, startWiki } from './demo-applications.ts';
import { CommandFailure, EXIT, paint, say } from './output.ts';
import { runGateway } from './run.ts';

const CONFIG = fileURLToPath(new URL('../../config/demo/sallyport.yaml', import.meta.url));
const PROVIDER = 'demo';

/**
 * The demonstration's people. Their passwords are no secrets: they are printed, the gateway is bound to loopback, and only the
 * demonstration's configuration names their provider, so nobody gets in with them anywhere else.
 */
const PEOPLE = [
  { name: 'ann', password: 'first-flush', groups: ['staff'], does: 'reads and writes the wiki, uses the API' },
  { name: 'bob', password: 'second-cup', groups: ['guests'], does: 'reads the wiki; writing and the API are refused' },
  { name: 'eve', password: 'cold-water', groups: ['staff', 'suspended'], does: 'signs in and is refused everywhere' },
] as const;

interface DemoOptions {
  readonly listen: string;
  readonly admin: string;
  readonly data: string;
}

export function addDemo(program: Command): void {
  program
    .command('demo')
    .description('Run the gateway with two real applications behind it, demo accounts and policies, all on loopback.')
    .option('--listen <address>', 'where the gateway listens (loopback only)', '127.0.0.1:8080')
    .option('--admin <address>', 'where health and metrics are (loopback only)', '127.0.0.1:9900')
    .option('--data <directory>', 'where everything is kept; delete it to start afresh', 'data')
    .action(demo);
}

async function demo(options: DemoOptions): Promise<void> {
  onLoopback('--listen', options.listen);
  onLoopback('--admin', options.admin);
  const data = resolve(options.data);
  const home = join(data, 'demo');
  mkdirSync(home, { recursive: true });
  say('Starting the applications …');
  const applications: Application[] = [];
  try {
    applications.push(await startWiki(home));
    applications.push(await startApi(home, dirname(CONFIG)));
    const [wiki, api] = applications as [Application, Application];
    const env = {
      ...process.env,
      SALLYPORT_DEMO_LISTEN: options.listen,
      SALLYPORT_DEMO_ADMIN: options.admin,
      SALLYPORT_DEMO_DATA: data,
      SALLYPORT_DEMO_WIKI: wiki.origin,
      SALLYPORT_DEMO_API: api.origin,
    };
    await runGateway({
      file: CONFIG,
      logLevel: 'error',
      env,
      otherAddress: 'choose another one with --listen or --admin',
      onStarted: (gateway) => welcome(gateway),
    });
  } finally {
    for (const application of applications) application.stop();
  }
}

/** Its passwords are printed for everybody to see, so nobody but this machine may reach it. */
function onLoopback(option: string, address: string): void {
  let host: string | undefined;
  try {
    host = parseListenAddress(address).host;
  } catch {
    // said below, in the same words
  }
  if (host !== undefined && isLoopback(host)) return;
  throw new CommandFailure(
    `${option} must be an address of this machine only, such as 127.0.0.1:8080, not ${JSON.stringify(address)}`,
    EXIT.usage,
  );
}

async function welcome(gateway: Gateway): Promise<void> {
  const accounts = gateway.services.accounts.get(PROVIDER);
  if (accounts === undefined) throw new Error(`the demonstration has no provider ${PROVIDER}`);
  for (const person of PEOPLE) await makeAccount(accounts, person);
  const { listen, admin } = gateway.snapshot.config;
  say(
    welcomeText(
      `http://${hostText(listen.http.host)}:${gateway.port}`,
      `http://${hostText(admin.address.host)}:${gateway.adminPort}`,
    ),
  );
}

/** On the first start; later ones leave the account as it is. */
async function makeAccount(accounts: Accounts, { name, password, groups }: (typeof PEOPLE)[number]): Promise<void> {
  const made = await accounts.add(name, { email: `${name}@demo.example`, groups, password });
  if (!made.ok && made.reason !== 'exists') throw new Error(`cannot make the account ${name}: ${made.reason}`);
}

const hostText = (host: string): string => (host.includes(':') ? `[${host}]` : host);

function welcomeText(gateway: string, admin: string): string {
  const people = PEOPLE.map(({ name, password, does }) => `    ${name.padEnd(5)} ${password.padEnd(13)} ${does}`);
  const title = (text: string): string => paint('bold', text);
  return [
    '',
    title('Sallyport is up.'),
    '',
    `  Open      ${paint('cyan', `${gateway}/`)}`,
    '  Sign in   user  password      what they may do',
    ...people,
    '',
    title('A second factor'),
    `  ${paint('cyan', `${gateway}/.sallyport/me`)}   as ann, add an authenticator app by its QR code (within ten minutes)`,
    `  ${paint('cyan', `${gateway}/api/vault`)}       asks for a code at most five minutes old, and comes back`,
    '  npx sallyport user reset-factors ann --config config/demo/sallyport.yaml   # when the phone is lost',
    '',
    title('Try with curl'),
    `  curl -i ${gateway}/api/announcements            # public: allowed`,
    `  curl -i ${gateway}/api/orders                   # nobody: 401, with where to sign in`,
    `  curl -i -X POST ${gateway}/api/announcements    # public, but writing is denied: 403`,
    '  # sign in as ann, keep the cookie, and use the API:',
    `  CSRF=$(curl -s -c jar ${gateway}/.sallyport/login | sed -n 's/.*name="csrf" value="\\([^"]*\\)".*/\\1/p')`,
    `  curl -s -o /dev/null -b jar -c jar -H 'Origin: ${gateway}' --data-urlencode username=ann \\`,
    `    --data-urlencode password=first-flush --data-urlencode "csrf=$CSRF" ${gateway}/.sallyport/login`,
    `  curl -b jar ${gateway}/api/orders               # 200, as ann`,
    `  curl -i -b jar -X DELETE ${gateway}/api/orders/1  # 401: a stronger factor is needed (RFC 9470)`,
    '',
    title('Watch and act, in another terminal'),
    '  npx sallyport session list',
    '  npx sallyport session revoke --user ann         # her next click is refused',
    '  npx sallyport explain GET /api/orders --as bob --config config/demo/sallyport.yaml',
    `  curl ${admin}/metrics`,
    '',
    'Policies are in config/demo/policies; edit one while this runs. Ctrl-C stops everything.',
    '',
  ].join('\n');
}
