import { type Command, Option } from 'commander';
import { errorRow } from '../core/errors.ts';
import type { RequestFacts } from '../core/facts.ts';
import { hasErrors, InvalidConfiguration } from '../core/finding.ts';
import type { Reading } from '../core/signal.ts';
import { overlayCatalogue, parseOverlay } from '../policy/overlay.ts';
import { compileProgram } from '../policy/program.ts';
import { readYaml } from '../schema/yaml.ts';
import { catalogue } from '../signals/index.ts';
import { CONFIG_OPTION, configFile, loadOrFail } from './config-file.ts';
import { explanationJson } from './explain-json.ts';
import { judgeOfDirectory, judgeOfRoute } from './explain-judge.ts';
import {
  bareSubject,
  describedAccess,
  describedContext,
  describedFacts,
  describedHost,
  type Refused,
  subjectNamed,
} from './explain-request.ts';
import { explanationText } from './explain-text.ts';
import { CommandFailure, complain, EXIT, JSON_OPTION, printable, say, sayJson } from './output.ts';

interface ExplainOptions {
  readonly config?: string;
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
  const set = settingsOf(options);
  const loaded = policies === undefined ? loadOrFail(configFile(options.config)) : undefined;
  const instant = set.get('time.now');
  const request = {
    method: method.toUpperCase(),
    url,
    headers: options.header ?? [],
    clientAddress: options.from,
    at: typeof instant === 'number' ? instant : undefined,
  };
  const facts = describedFacts(request, loaded?.config);
  const judge =
    facts.kind === 'refusal'
      ? facts
      : loaded === undefined
        ? judgeOfDirectory(policies as string, policy)
        : judgeOfRoute(loaded, facts);
  if (facts.kind === 'refusal' || judge.kind === 'refusal') {
    const host = describedHost(url, loaded?.config);
    refused({ method: request.method, host, url }, judge as Refused, options.json === true);
    return finish(EXIT.failure);
  }
  if (judge.kind === 'own') return own(facts, options.json === true);
  const subject =
    options.as === undefined
      ? undefined
      : loaded === undefined
        ? bareSubject(options.as)
        : await subjectNamed(loaded, options.as);
  const { program, findings } = compileProgram(judge.set, overlayCatalogue(catalogue), judge.options);
  if (hasErrors(findings)) throw new InvalidConfiguration(findings);
  const access = describedAccess(judge.set.roles, subject, set);
  const base = describedContext(facts, judge.params, subject, access, judge.options.elevation);
  const explanation = program.explain({ base, set });
  const described = { ...shownOf(facts), route: judge.route ?? null, as: subject?.user ?? null };
  if (options.json) sayJson(explanationJson(described, program.sensitivity, explanation));
  else say(explanationText(described, explanation));
}

const shownOf = ({ method, host, path }: RequestFacts) => ({ method, host, path });

/** No policy is asked about such a request. */
function refused(
  { method, host, url }: { readonly method: string; readonly host: string; readonly url: string },
  { reason, detail }: Refused,
  json: boolean,
): void {
  const { status } = errorRow(reason);
  if (json) {
    sayJson({ request: { method, host, url }, refused: { status, reason, detail } });
    return;
  }
  // of a path alone, whoever reads it learns which host it was asked of
  const asked = url.includes('://') ? url : `${host}${url}`;
  complain(printable(`the gateway would refuse this request (${method} ${asked}) with ${status} ${reason}: ${detail}`));
}

function own(facts: RequestFacts, json: boolean): void {
  const { method, host, path } = facts;
  if (json) sayJson({ request: { ...shownOf(facts), route: null, as: null }, own: true });
  else say(`${method} ${host}${path} is an endpoint of the gateway itself: no policy is judged for it.`);
}

/** What --set, --absent and --unknown say. @throws CommandFailure 2 with all that is wrong with them */
function settingsOf(options: ExplainOptions): ReadonlyMap<string, Reading> {
  const { set, problems } = parseOverlay(catalogue, {
    set: (options.set ?? []).map(parseSetting),
    absent: options.absent ?? [],
    unknown: options.unknown ?? [],
  });
  if (problems.length === 0) return set;
  const lines = problems.map(({ message, suggestion }) =>
    suggestion === undefined ? message : `${message}\n    ${suggestion}`,
  );
  throw new CommandFailure(lines.join('\n'), EXIT.usage);
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
