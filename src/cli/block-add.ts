import { type Command, Option } from 'commander';
import { type BlockRequest, INSTANT, readBlock } from '../admin/block-request.ts';
import { findTarget } from '../admin/block-target.ts';
import { blockLine, publicBlock } from '../admin/shapes.ts';
import { issuersOf } from '../app/issuers.ts';
import { providerIds } from '../app/snapshot.ts';
import type { BlockKind } from '../limits/blocks.ts';
import { isDuration, parseDuration } from '../schema/units.ts';
import { endText, shownOf, subjectText } from './block-shown.ts';
import { CONFIG_OPTION } from './config-file.ts';
import { type OpenedServices, withServices } from './open-services.ts';
import { CommandFailure, EXIT, JSON_OPTION, say, sayJson } from './output.ts';
import { openRemote, urlOption } from './remote.ts';
import { readStandardInput } from './standard-input.ts';

interface AddOptions {
  readonly config?: string;
  readonly url?: string;
  readonly json?: boolean;
  readonly provider?: string;
  readonly jti?: string;
  readonly tokenStdin?: boolean;
  readonly until?: string;
  readonly for?: string;
  readonly reason?: string;
  readonly force?: boolean;
}

export const PROVIDER_OPTION = ['--provider <id>', 'provider of type jwt whose token it is'] as const;
export const JTI_OPTION = ['--jti <id>', '`jti` of the token'] as const;

/** The kinds that are named by one word: what it is, and what the kind does. */
const NAMED = {
  address: {
    argument: ['<network>', '203.0.113.0/24, 2001:db8::/32, or one address'],
    description: 'Block addresses: every request from there is refused, whoever it is of.',
    field: 'network',
    example: 'sallyport block add address 203.0.113.0/24 --for 2h --reason scanning',
  },
  user: {
    argument: ['<user>', 'ann, or staff:ann; whoever comes with tokens alone: provider:sub'],
    description: 'Block a user: sessions and tokens are refused but not ended, and nobody signs in.',
    field: 'user',
    example: 'sallyport block add user ann --reason "laptop stolen"',
  },
  session: {
    argument: ['<session>', 'ses_… as `session list` shows it'],
    description: 'Block one session; it goes on when the block is lifted.',
    field: 'session',
    example: 'sallyport block add session ses_… --for 1h',
  },
  device: {
    argument: ['<device>', 'dev_… as `session list` shows it'],
    description: 'Block a browser: sessions that were made on it are refused, and nobody signs in on it.',
    field: 'device',
    example: 'sallyport block add device dev_…',
  },
} as const;

/** `block add KIND`. */
export function addBlockAdd(block: Command): void {
  const add = block.command('add').description('Block something. Again for the same: the later end counts.');
  for (const [kind, { argument, description, field, example }] of Object.entries(NAMED)) {
    const command = withEnd(add.command(kind).description(description), 'never')
      .argument(argument[0], argument[1])
      .addHelpText('after', `\nExample:\n  ${example}`)
      .action((what: string, options: AddOptions) =>
        addOne({ kind: kind as BlockKind, [field]: what, ...(options.force === true && { force: true }) }, options),
      );
    if (kind === 'address') command.option('--force', 'although it has loopback, or yourself, in it');
  }
  withEnd(
    add.command('token').description('Block one bearer token, by its provider and jti or as it is.'),
    'when the token is over',
  )
    .option(...PROVIDER_OPTION)
    .option(...JTI_OPTION)
    .addOption(
      new Option(
        '--token-stdin',
        'read the token from standard input; what it says of itself (iss, jti, exp) is taken unverified',
      ).conflicts(['provider', 'jti']),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  sallyport block add token --provider services --jti 7f3a --reason leaked\n  pbpaste | sallyport block add token --token-stdin',
    )
    .action(addToken);
}

const withEnd = (command: Command, otherwise: string): Command =>
  command
    .option('--until <instant>', `when the block ends, 2026-01-31T12:00:00Z (default: ${otherwise})`)
    .addOption(new Option('--for <duration>', 'how long, instead of --until: 15m').conflicts('until'))
    .option('--reason <text>', 'why, for whoever reads the list')
    .option(...JSON_OPTION)
    .option(...CONFIG_OPTION)
    .addOption(urlOption());

async function addToken(options: AddOptions): Promise<void> {
  const { provider, jti } = options;
  if (options.tokenStdin !== true && (provider === undefined || jti === undefined))
    throw new CommandFailure('say --provider and --jti, or pipe the token in and say --token-stdin', EXIT.usage);
  checkEnd(options);
  const token = options.tokenStdin === true ? (await readStandardInput()).trim() : undefined;
  await addOne({ kind: 'token', provider, jti, token }, options);
}

async function addOne(named: BlockRequest, options: AddOptions): Promise<void> {
  checkEnd(options);
  const { until, reason = '' } = options;
  const request = { ...named, until };
  const duration = options.for === undefined ? undefined : parseDuration(options.for);
  const done = await (options.url === undefined
    ? withServices(options.config, (services) => addHere(services, { ...request, for: duration }, reason))
    : openRemote(options.url).ask('POST', '/blocks', { ...request, for: options.for, reason }));
  if (options.json) return sayJson(done);
  const shown = shownOf(done);
  say(`blocked ${subjectText(shown)} ${endText(shown)} (${shown.id})`);
}

function checkEnd(options: AddOptions): void {
  const { until } = options;
  if (until !== undefined && !INSTANT.test(until))
    throw new CommandFailure(
      `--until: ${JSON.stringify(until)} is no instant such as 2026-01-31T12:00:00Z`,
      EXIT.usage,
    );
  if (options.for !== undefined && !isDuration(options.for))
    throw new CommandFailure(`--for: ${JSON.stringify(options.for)} is no duration such as 15m or 1h30m`, EXIT.usage);
}

/** What each field of a request is called at the shell. */
const OPTION_OF: Readonly<Record<keyof BlockRequest, string>> = {
  kind: 'the kind',
  network: 'the network',
  user: 'the user',
  session: 'the session',
  device: 'the device',
  provider: '--provider',
  jti: '--jti',
  token: 'the token',
  until: '--until',
  for: '--for',
  force: '--force',
};

async function addHere(services: OpenedServices, request: BlockRequest, reason: string): Promise<object> {
  const { blocks, clock, config, by, administered, accounts, sessions } = services;
  const issuers = issuersOf(config);
  const target = await findTarget(request, {
    providers: providerIds(config),
    accounts: accounts.values(),
    sessions,
    issuers,
  });
  const asked = target.ok ? readBlock(target.request, issuers, clock.now()) : target;
  if (!asked.ok) throw new CommandFailure(`${OPTION_OF[asked.field]}: ${asked.detail}`);
  const block = await blocks.add(asked.subject, { until: asked.until, by, reason });
  if (block === undefined) throw new CommandFailure('that is over already, so it is refused');
  await administered({ action: 'block_add', result: 'success', detail: blockLine(block) });
  return publicBlock(block);
}
