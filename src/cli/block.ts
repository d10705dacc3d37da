import { type Command, Option } from 'commander';
import { liftedLine, publicBlock } from '../admin/shapes.ts';
import { BLOCK_KINDS, type BlockSubject } from '../core/block.ts';
import type { DeviceId } from '../core/device.ts';
import type { SessionId } from '../core/session.ts';
import type { UserId } from '../core/subject.ts';
import { type BlockId, blockIdOf } from '../limits/blocks.ts';
import { readNetwork } from '../limits/network.ts';
import { addBlockAdd, JTI_OPTION, PROVIDER_OPTION } from './block-add.ts';
import { shownOf, subjectText } from './block-shown.ts';
import { CONFIG_OPTION } from './config-file.ts';
import { type OpenedServices, withServices } from './open-services.ts';
import { CommandFailure, complain, EXIT, JSON_OPTION, say, sayJson, tableText } from './output.ts';
import { openRemote, urlOption } from './remote.ts';

interface BlockOptions {
  readonly config?: string;
  readonly url?: string;
  readonly json?: boolean;
  readonly provider?: string;
  readonly jti?: string;
  readonly kind?: string;
}

export function addBlock(program: Command): void {
  const block = program
    .command('block')
    .description(
      'What is refused whatever policies say, from the next request on, on every process: add, remove, list.',
    );
  addBlockAdd(block);
  block
    .command('remove')
    .description('Lift a block.')
    .argument('<what>', 'blk_… as `block list` shows it, or a kind: address, user, session, device, token')
    .argument('[name]', 'what is blocked, as `block list` shows it; a token has --provider and --jti')
    .option(...PROVIDER_OPTION)
    .option(...JTI_OPTION)
    .option(...JSON_OPTION)
    .option(...CONFIG_OPTION)
    .addOption(urlOption())
    .addHelpText(
      'after',
      '\nExamples:\n  sallyport block remove blk_…\n  sallyport block remove address 203.0.113.0/24\n  sallyport block remove user staff:ann\n  sallyport block remove token --provider services --jti 7f3a',
    )
    .action(remove);
  block
    .command('list')
    .description('All blocks in force, newest first.')
    .addOption(new Option('--kind <kind>', 'of this kind only').choices([...BLOCK_KINDS]))
    .option(...JSON_OPTION)
    .option(...CONFIG_OPTION)
    .addOption(urlOption())
    .action(list);
}

async function remove(what: string, name: string | undefined, options: BlockOptions): Promise<void> {
  const id = idOf(what, name, options);
  if (options.url === undefined) await withServices(options.config, (services) => removeHere(services, id));
  else await openRemote(options.url).ask('DELETE', `/blocks/${id}`);
  if (options.json) sayJson({ removed: id });
  else say(`lifted ${id}`);
}

function idOf(what: string, name: string | undefined, { provider, jti }: BlockOptions): BlockId {
  const names = [name, provider, jti].filter((each) => each !== undefined);
  if (names.length === 0 && /^blk_[A-Za-z0-9_-]{1,64}$/.test(what)) return what as BlockId;
  const subject = subjectOf(what, name, provider, jti);
  if (subject !== undefined) return blockIdOf(subject);
  throw new CommandFailure(
    'say which block: blk_… as `sallyport block list` shows it, address NETWORK, user PROVIDER:NAME, session ses_…, device dev_…, or token --provider ID --jti ID',
    EXIT.usage,
  );
}

function subjectOf(
  kind: string,
  name: string | undefined,
  provider: string | undefined,
  jti: string | undefined,
): BlockSubject | undefined {
  if (kind === 'token')
    return name === undefined && provider !== undefined && jti !== undefined ? { kind, provider, jti } : undefined;
  if (name === undefined || provider !== undefined || jti !== undefined) return undefined;
  if (kind === 'address') {
    const read = readNetwork(name);
    if (!read.ok) throw new CommandFailure(`the network: ${read.detail}`, EXIT.usage);
    return { kind, network: read.network };
  }
  if (kind === 'user') return /^[^:]+:./.test(name) ? { kind, user: name as UserId } : undefined;
  if (kind === 'session') return name.startsWith('ses_') ? { kind, session: name as SessionId } : undefined;
  return kind === 'device' && name.startsWith('dev_') ? { kind, device: name as DeviceId } : undefined;
}

/** What gives rights is on record before it happens. */
async function removeHere({ blocks, administered }: OpenedServices, id: BlockId): Promise<void> {
  const block = await blocks.get(id);
  if (block === undefined)
    throw new CommandFailure(`there is no block ${id} in force; \`sallyport block list\` shows all`);
  await administered({ action: 'block_remove', result: 'success', detail: liftedLine(id, block) }, 'to_be_done');
  await blocks.remove(id);
}

async function list({ kind, ...options }: BlockOptions): Promise<void> {
  const all = await (options.url === undefined
    ? withServices(options.config, (services) => blocksHere(services, kind))
    : openRemote(options.url).all(kind === undefined ? '/blocks' : `/blocks?kind=${kind}`, 'blocks'));
  const shown = all.map(shownOf).sort((a, b) => (a.created < b.created ? 1 : -1));
  if (options.json) return sayJson(shown);
  if (shown.length === 0)
    return complain(kind === undefined ? 'nothing is blocked' : `nothing of kind ${kind} is blocked`);
  const rows = shown.map((each) => [each.id, subjectText(each), each.until ?? 'never', each.by, each.reason]);
  say(tableText(['BLOCK', 'WHAT', 'UNTIL', 'BY', 'REASON'], rows));
}

async function blocksHere({ blocks }: OpenedServices, kind: string | undefined): Promise<readonly object[]> {
  const all: object[] = [];
  for await (const block of blocks.list()) {
    if (kind === undefined || block.subject.kind === kind) all.push(publicBlock(block));
  }
  return all;
}
