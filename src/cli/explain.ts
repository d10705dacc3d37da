import type { Command } from 'commander';
import { elevationOf, programOptions } from '../app/plane.ts';
import type { Elevation } from '../core/decision.ts';
import { hasErrors, InvalidConfiguration } from '../core/finding.ts';
import { loadPolicies } from '../policy/load.ts';
import { overlayCatalogue, parseOverlay } from '../policy/overlay.ts';
import { compileProgram, type ProgramOptions } from '../policy/program.ts';
import type { PolicySet } from '../policy/syntax.ts';
import { routeTable } from '../proxy/route-table.ts';
import { readYaml } from '../schema/yaml.ts';
import { catalogue } from '../signals/index.ts';
import { policyFilesIn } from './check.ts';
import { CONFIG_OPTION, configFile, loadOrFail } from './config-file.ts';
import { bareSubject, describedContext, describedFacts, subjectNamed } from './explain-request.ts';
import { explanationText } from './explain-text.ts';
import { CommandFailure, EXIT, say, sayJson } from './output.ts';

interface ExplainOptions {
  readonly config?: string;
  readonly policies?: string;
  readonly policy?: string;
  readonly as?: string;
  readonly from: string;
  readonly header: readonly string[];
  readonly set: readonly string[];
  readonly absent: readonly string[];
  readonly unknown: readonly string[];
  readonly json?: boolean;
}

/** Whose rules judge the described request, and under which route. */
interface Judge {
  readonly route: string | undefined;
  readonly set: PolicySet;
  readonly options: ProgramOptions;
  readonly params: ReadonlyMap<string, string>;
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

export function addExplain(program: Command): void {
  program
    .command('explain <method> <url>')
    .description(
      'Say what would be decided for a request and why: every rule, true, false or unknown, with file and line.',
    )
    .option(...CONFIG_OPTION)
    .option('--policies <dir>', 'judge by the policies of this directory instead of a configuration')
    .option('--policy <names>', 'with --policies: which ones, comma-separated')
    .option('--as <user>', 'who asks: an account, or a bare name')
    .option('--from <address>', 'address of the client', '192.0.2.1')
    .option('--header <line>', "a header, 'Name: value'; may be repeated", collect, [])
    .option('--set <name=value>', 'give an attribute a value (YAML flow: groups=[a, b]); may be repeated', collect, [])
    .option('--absent <name>', 'make an attribute absent; may be repeated', collect, [])
    .option('--unknown <name>', 'make an attribute unknown; may be repeated', collect, [])
    .option('--json')
    .action(explain);
}

async function explain(method: string, url: string, options: ExplainOptions): Promise<void> {
  const overlay = parseOverlay(catalogue, {
    set: options.set.map(parseSetting),
    absent: options.absent,
    unknown: options.unknown,
  });
  if (overlay.problems.length > 0) {
    const lines = overlay.problems.map(({ message, suggestion }) =>
      suggestion === undefined ? message : `${message} ${suggestion}`,
    );
    throw new CommandFailure(lines.join('\n'), EXIT.usage);
  }
  const request = { method: method.toUpperCase(), url, headers: options.header, clientAddress: options.from };
  const loaded = options.policies === undefined ? loadOrFail(configFile(options.config)) : undefined;
  const defaultHost = loaded?.config.routes.find((route) => route.match.host !== undefined)?.match.host ?? 'localhost';
  const facts = describedFacts(request, defaultHost.replace(/^\*\./, 'any.'), loaded?.config.trusted_proxies ?? []);
  const judge =
    loaded === undefined
      ? judgeOfDirectory(options.policies as string, options.policy)
      : judgeOfRoute(loaded, facts.host, facts.decodedPath, facts.oddities);
  if (typeof judge === 'string') throw new CommandFailure(judge);
  const subject =
    options.as === undefined
      ? undefined
      : loaded === undefined
        ? bareSubject(options.as)
        : await subjectNamed(loaded, options.as);
  const { program, findings } = compileProgram(judge.set, overlayCatalogue(catalogue), judge.options);
  if (hasErrors(findings)) throw new InvalidConfiguration(findings);
  const base = describedContext(facts, judge.params, subject, judge.options.elevation);
  const explanation = program.explain({ base, set: overlay.set });
  const described = {
    method: facts.method,
    host: facts.host,
    path: facts.path,
    route: judge.route ?? null,
    as: subject?.user ?? null,
  };
  if (options.json) sayJson({ request: described, sensitivity: program.sensitivity, ...explanation });
  else say(explanationText(described, explanation));
}

function judgeOfRoute(
  { config, set }: ReturnType<typeof loadOrFail>,
  host: string,
  path: string,
  oddities: number,
): Judge | string {
  const patterns = config.routes.map((route) => ({
    route,
    host: route.match.host,
    path: route.match.path,
    exact: route.match.exact,
    caseSensitive: route.case_sensitive,
  }));
  const match = routeTable(patterns).match(host, path, oddities);
  if (match.kind === 'none') return `no route: the gateway would answer 404 for ${host}${path}`;
  if (match.kind === 'ambiguous')
    return `the gateway would refuse this request with ambiguous_request: ${match.detail}`;
  const { route } = match.route;
  return { route: route.route, set, options: programOptions(route, elevationOf(config)), params: match.params };
}

function judgeOfDirectory(directory: string, names: string | undefined): Judge {
  const { set, findings } = loadPolicies(policyFilesIn(directory), catalogue);
  if (hasErrors(findings)) throw new InvalidConfiguration(findings);
  const layers = names?.split(',').map((name) => name.trim()) ?? [...set.layers.keys()];
  const options = { layers, public: false, caseSensitive: false, elevation: DEFAULT_ELEVATION };
  return { route: undefined, set, options, params: new Map() };
}

// without a configuration there is no `session.elevation`; the person has just signed in, so no proof is old
const DEFAULT_ELEVATION: Elevation = {
  none: Number.POSITIVE_INFINITY,
  low: Number.POSITIVE_INFINITY,
  medium: Number.POSITIVE_INFINITY,
  high: Number.POSITIVE_INFINITY,
};

function parseSetting(text: string): readonly [string, unknown] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new CommandFailure(`not a setting: ${text} (write --set name=value)`, EXIT.usage);
  const { document, findings } = readYaml(text.slice(0, equals), text.slice(equals + 1));
  if (document === undefined) {
    throw new CommandFailure(
      `the value of ${text} is no YAML: ${findings.map((finding) => finding.message).join(' ')}`,
      EXIT.usage,
    );
  }
  return [text.slice(0, equals), document.value];
}
