import { type Command, Option } from 'commander';
import { type BlockRequest, INSTANT, readBlock } from '../admin/block-request.ts';
import { blockLine, publicBlock } from '../admin/shapes.ts';
import { issuersOf } from '../app/issuers.ts';
import { type BlockId, blockIdOf } from '../limits/blocks.ts';
import { isDuration, parseDuration } from '../schema/units.ts';
import { CONFIG_OPTION } from './config-file.ts';
import { type OpenedServices, withServices } from './open-services.ts';
import { CommandFailure, complain, EXIT, JSON_OPTION, say, sayJson, tableText } from './output.ts';
import { fieldsOf, openRemote, urlOption } from './remote.ts';
import { readStandardInput } from './standard-input.ts';

interface BlockOptions {
  readonly config?: string;
  readonly url?: string;
  readonly json?: boolean;
  readonly provider?: string;
  readonly jti?: string;
  readonly tokenStdin?: boolean;
  readonly until?: string;
  readonly for?: string;
  readonly reason?: string;
}

const PROVIDER_OPTION = ['--provider <id>', 'provider of type jwt whose token it is'] as const;
const JTI_OPTION = ['--jti <id>', '`jti` of the token'] as const;

export function addBlock(program: Command): void {
  const block = program
    .command('block')
    .description(
      'What is refused whatever policies say, from the next request on, on every process: add, remove, list.',
    );
  block
    .command('add')
    .description('Block something. Again for the same: the later end counts.')
    .command('token')
    .description('Block one bearer token, by its provider and jti or as it is.')
    .option(...PROVIDER_OPTION)
    .option(...JTI_OPTION)
    .addOption(
      new Option(
        '--token-stdin',
        'read the token from standard input; what it says of itself (iss, jti, exp) is taken unverified',
      ).conflicts(['provider', 'jti']),
    )
    .option('--until <instant>', 'when the block ends, 2026-01-31T12:00:00Z (default: when the token is over)')
    .addOption(new Option('--for <duration>', 'how long, instead of --until: 15m').conflicts('until'))
    .option('--reason <text>', 'why, for whoever reads the list')
    .option(...JSON_OPTION)
    .option(...CONFIG_OPTION)
    .addOption(urlOption())
    .addHelpText(
      'after',
      '\nExamples:\n  sallyport block add token --provider services --jti 7f3a --reason leaked\n  pbpaste | sallyport block add token --token-stdin',
    )
    .action(addToken);
  block
    .command('remove')
    .description('Lift a block.')
    .argument('<what>', 'blk_… as `block list` shows it, or `token` with --provider and --jti')
    .option(...PROVIDER_OPTION)
    .option(...JTI_OPTION)
    .option(...JSON_OPTION)
    .option(...CONFIG_OPTION)
    .addOption(urlOption())
    .addHelpText(
      'after',
      '\nExamples:\n  sallyport block remove blk_…\n  sallyport block remove token --provider services --jti 7f3a',
    )
    .action(remove);
  block
    .command('list')
    .description('All blocks in force, newest first.')
    .option(...JSON_OPTION)
    .option(...CONFIG_OPTION)
    .addOption(urlOption())
    .action(list);
}

/** A block as both ways of asking give it. */
type Shown = Readonly<Record<keyof ReturnType<typeof publicBlock>, string>>;

async function addToken(options: BlockOptions): Promise<void> {
  const { provider, jti, until, reason = '' } = options;
  if (options.tokenStdin !== true && (provider === undefined || jti === undefined))
    throw new CommandFailure('say --provider and --jti, or pipe the token in and say --token-stdin', EXIT.usage);
  if (until !== undefined && !INSTANT.test(until))
    throw new CommandFailure(
      `--until: ${JSON.stringify(until)} is no instant such as 2026-01-31T12:00:00Z`,
      EXIT.usage,
    );
  if (options.for !== undefined && !isDuration(options.for))
    throw new CommandFailure(`--for: ${JSON.stringify(options.for)} is no duration such as 15m or 1h30m`, EXIT.usage);
  const duration = options.for === undefined ? undefined : parseDuration(options.for);
  const token = options.tokenStdin === true ? (await readStandardInput()).trim() : undefined;
  const request = { kind: 'token', provider, jti, token, until } as const;
  const done = await (options.url === undefined
    ? withServices(options.config, (services) => addHere(services, { ...request, for: duration }, reason))
    : openRemote(options.url).ask('POST', '/blocks', { ...request, for: options.for, reason }));
  if (options.json) return sayJson(done);
  const shown = shownOf(done);
  say(`blocked ${subjectOf(shown)} until ${shown.until} (${shown.id})`);
}

/** What each field of a request is called at the shell. */
const OPTION_OF: Readonly<Record<keyof BlockRequest, string>> = {
  kind: 'the kind',
  provider: '--provider',
  jti: '--jti',
  token: 'the token',
  until: '--until',
  for: '--for',
};

async function addHere(services: OpenedServices, request: BlockRequest, reason: string): Promise<object> {
  const { blocks, clock, config, by, administered } = services;
  const asked = readBlock(request, issuersOf(config), clock.now());
  if (!asked.ok) throw new CommandFailure(`${OPTION_OF[asked.field]}: ${asked.detail}`);
  const block = await blocks.add(asked.subject, { until: asked.until, by, reason });
  if (block === undefined) throw new CommandFailure('the token is over already, so it is refused');
  await administered({ action: 'block_add', result: 'success', detail: blockLine(block) });
  return publicBlock(block);
}

async function remove(what: string, options: BlockOptions): Promise<void> {
  const id = idOf(what, options);
  if (options.url === undefined) await withServices(options.config, (services) => removeHere(services, id));
  else await openRemote(options.url).ask('DELETE', `/blocks/${id}`);
  if (options.json) sayJson({ removed: id });
  else say(`lifted ${id}`);
}

function idOf(what: string, { provider, jti }: BlockOptions): BlockId {
  const isToken = what === 'token';
  if (isToken && provider !== undefined && jti !== undefined) return blockIdOf({ kind: 'token', provider, jti });
  if (isToken || provider !== undefined || jti !== undefined || !/^blk_[A-Za-z0-9_-]{1,64}$/.test(what))
    throw new CommandFailure(
      'say which block: blk_… as `sallyport block list` shows it, or token --provider ID --jti ID',
      EXIT.usage,
    );
  return what as BlockId;
}

/** What gives rights is on record before it happens. */
async function removeHere({ blocks, administered }: OpenedServices, id: BlockId): Promise<void> {
  const block = await blocks.get(id);
  if (block === undefined)
    throw new CommandFailure(`there is no block ${id} in force; \`sallyport block list\` shows all`);
  await administered({ action: 'block_remove', result: 'success', detail: blockLine(block) }, 'to_be_done');
  await blocks.remove(id);
}

async function list(options: BlockOptions): Promise<void> {
  const all = await (options.url === undefined
    ? withServices(options.config, blocksHere)
    : openRemote(options.url).all('/blocks', 'blocks'));
  const shown = all.map(shownOf).sort((a, b) => (a.created < b.created ? 1 : -1));
  if (options.json) return sayJson(shown);
  if (shown.length === 0) return complain('nothing is blocked');
  const rows = shown.map((each) => [each.id, subjectOf(each), each.until, each.by, each.reason]);
  say(tableText(['BLOCK', 'WHAT', 'UNTIL', 'BY', 'REASON'], rows));
}

async function blocksHere({ blocks }: OpenedServices): Promise<readonly object[]> {
  const all: object[] = [];
  for await (const block of blocks.list()) all.push(publicBlock(block));
  return all;
}

const subjectOf = ({ kind, provider, jti }: Shown): string => `${kind} ${provider}/${jti}`;

/** What a gateway of another version leaves out is shown as nothing. */
function shownOf(item: unknown): Shown {
  const fields = fieldsOf(item);
  const text = (key: keyof Shown): string => (typeof fields[key] === 'string' ? fields[key] : '');
  return {
    id: text('id'),
    kind: text('kind'),
    provider: text('provider'),
    jti: text('jti'),
    created: text('created'),
    until: text('until'),
    by: text('by'),
    reason: text('reason'),
  };
}
