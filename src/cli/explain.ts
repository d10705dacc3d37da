import { existsSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { systemClock } from '../app/clock.ts';
import { type Described, type DescribeSource, type Description, describe } from '../app/describe.ts';
import { bareSubject, subjectNamed, WrongDescription } from '../app/described-request.ts';
import { judgeOfRoute } from '../app/judge.ts';
import { systemRandom } from '../app/random.ts';
import { openServices } from '../app/services.ts';
import type { Loaded } from '../app/snapshot.ts';
import { startStep } from '../app/start-failure.ts';
import type { Subject } from '../core/subject.ts';
import { readYaml } from '../schema/yaml.ts';
import { openLog } from '../telemetry/log.ts';
import { CONFIG_OPTION, configFile, loadOrFail } from './config-file.ts';
import { judgeOfDirectory } from './explain-directory.ts';
import { explainThere, shown } from './explain-remote.ts';
import { explanationText } from './explain-text.ts';
import { CommandFailure, complain, EXIT, JSON_OPTION, printable, say, sayJson } from './output.ts';
import { openRemote, urlOption } from './remote.ts';

interface ExplainOptions {
  readonly config?: string;
  readonly url?: string;
  readonly policies?: string;
  readonly policy?: string;
  readonly as?: string;
  readonly from: string;
  readonly header?: readonly string[];
  readonly set?: readonly string[];
  readonly absent?: readonly string[];
  readonly unknown?: readonly string[];
  readonly json?: boolean;
}

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

const HELP = `
Examples:
  sallyport explain GET /reports --as ann
  sallyport explain DELETE https://wiki.example.com/pages/7 --as staff:ann --set identity.auth_age=20m
  sallyport explain GET / --as zoe --set 'identity.groups=[staff]' --unknown geo.country
  sallyport explain GET / --policies policies/ --policy baseline,app --json
  sallyport explain GET /reports --as ann --url http://127.0.0.1:9900

Nobody asks unless --as says who; somebody without an account is a name and nothing else, and has just signed in. --set time.now
moves the whole request to that instant. Attributes: docs/reference.md. The JSON: docs/policy.md.
Exits 0 when it explained, 1 when the gateway would refuse the request before any policy is asked.`;

export function addExplain(program: Command, finish: (exitCode: number) => void): void {
  program
    .command('explain')
    .description('Say what would be decided for a request and why: every rule, true, false or unknown, and its line.')
    .argument('<method>', 'GET, POST, …')
    .argument('<url>', 'https://host/path, or /path for localhost, or the first host if every route names one')
    .option(...CONFIG_OPTION)
    .addOption(
      new Option('--policies <dir>', 'judge by the policies of this directory, without a configuration').conflicts(
        'config',
      ),
    )
    .option('--policy <names>', 'with --policies: which ones, comma-separated (default: all)')
    .option('--as <user>', 'who asks: an account (ann, staff:ann), or a bare name')
    .option('--from <address>', 'address of the client', '192.0.2.1')
    .option('--header <line>', "a header of the request, 'Name: value'; may be repeated", collect)
    .option('--set <name=value>', "give an attribute a value, 'identity.groups=[a, b]'; may be repeated", collect)
    .option('--absent <name>', 'make an attribute absent; may be repeated', collect)
    .option('--unknown <name>', 'make an attribute unknown; may be repeated', collect)
    .option(...JSON_OPTION)
    .addOption(urlOption().conflicts('policies'))
    .addHelpText('after', HELP)
    .action((method: string, url: string, options: ExplainOptions) => explain(method, url, options, finish));
}

async function explain(
  method: string,
  url: string,
  options: ExplainOptions,
  finish: (exitCode: number) => void,
): Promise<void> {
  const { policies, policy } = options;
  if (policy !== undefined && policies === undefined)
    throw new CommandFailure('--policy chooses among the policies of --policies DIR; say which directory', EXIT.usage);
  const description = {
    request: { method: method.toUpperCase(), url, headers: options.header ?? [], clientAddress: options.from },
    as: options.as,
    set: (options.set ?? []).map(parseSetting),
    absent: options.absent ?? [],
    unknown: options.unknown ?? [],
  };
  const described = await (options.url === undefined
    ? describeOrFail(description, sourceHere(options))
    : explainThere(openRemote(options.url), description));
  if (options.json) sayJson(described);
  else tell(options.url === undefined ? described : shown(described));
  if ('refused' in described) finish(EXIT.failure);
}

const sourceHere = ({ policies, policy, config }: ExplainOptions): DescribeSource =>
  policies === undefined
    ? sourceOfConfiguration(loadOrFail(configFile(config)))
    : {
        config: undefined,
        judge: () => judgeOfDirectory(policies, policy),
        subject: bareSubject,
        at: systemClock().now(),
      };

const sourceOfConfiguration = (loaded: Loaded): DescribeSource => ({
  config: loaded.config,
  judge: (facts) => judgeOfRoute(loaded, facts),
  subject: (name) => subjectOfStore(loaded, name),
  at: systemClock().now(),
});

/** @throws CommandFailure 2 for what describes no request */
async function describeOrFail(description: Description, source: DescribeSource): Promise<Described> {
  try {
    return await describe(description, source);
  } catch (error) {
    if (error instanceof WrongDescription) throw new CommandFailure(error.message, EXIT.usage);
    throw error;
  }
}

/** The account of that name if the store has one, else a bare name. Never creates a store. */
async function subjectOfStore({ config }: Loaded, name: string): Promise<Subject> {
  if (config.store.redis === undefined && !existsSync(config.store.path)) return bareSubject(name);
  const log = openLog({ level: 'error', pretty: true, destination: process.stderr });
  const services = openServices({ clock: systemClock(), random: systemRandom(), log }, config, () => {});
  try {
    await startStep('the store (`store` in the configuration)', () => services.store.start());
    return await subjectNamed([...services.accounts.values()], name);
  } finally {
    await services.store.close(1000);
  }
}

function tell(described: Described): void {
  if ('decision' in described) {
    say(explanationText(described));
  } else if ('own' in described) {
    const { method, host, path } = described.request;
    say(`${method} ${host}${path} is an endpoint of the gateway itself: no policy is judged for it.`);
  } else {
    const { method, host, url } = described.request;
    const { status, reason, detail } = described.refused;
    // of a path alone, whoever reads it learns which host it was asked of
    const asked = url.includes('://') ? url : `${host}${url}`;
    complain(
      printable(`the gateway would refuse this request (${method} ${asked}) with ${status} ${reason}: ${detail}`),
    );
  }
}

function parseSetting(text: string): readonly [string, unknown] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new CommandFailure(`not a setting: ${text} (write --set name=value)`, EXIT.usage);
  const { document, findings } = readYaml(text.slice(0, equals), text.slice(equals + 1));
  if (document === undefined) {
    const why = [...new Set(findings.map((finding) => finding.message))].join(' ');
    throw new CommandFailure(`the value of ${text} is no YAML: ${why}`, EXIT.usage);
  }
  return [text.slice(0, equals), document.value];
}
