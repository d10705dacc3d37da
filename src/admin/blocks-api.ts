import { type Block, type BlockId, type BlockKind, isBlockId } from '../limits/blocks.ts';
import { type ApiDeps, BY, type Handlers, type Outcome } from './api-deps.ts';
import { readBlock } from './block-request.ts';
import { findTarget } from './block-target.ts';
import { pageOf } from './paging.ts';
import { WRONG_CURSOR } from './sessions-api.ts';
import { blockLine, liftedLine, publicBlock } from './shapes.ts';

/** Blocks: list, add, lift. */
export function blockHandlers({
  blocks,
  issuers,
  clock,
  accounts,
  providers,
  sessions,
}: ApiDeps): Handlers<'listBlocks' | 'addBlock' | 'removeBlock'> {
  return {
    async listBlocks({ query: { kind, ...page } }) {
      const after = (id: BlockId | undefined) => ofKind(blocks.list(id), kind);
      const found = await pageOf({ after, idOf: ({ id }) => id, isId: isBlockId }, page);
      if (found === undefined) return WRONG_CURSOR;
      return { ok: true, body: { blocks: found.items.map(publicBlock), next_cursor: found.next ?? null } };
    },

    async addBlock({ body }, call) {
      const target = await findTarget(body, {
        providers: providers(),
        accounts: accounts(),
        sessions,
        issuers: issuers(),
      });
      if (!target.ok) return invalid(target.field, target.detail);
      const asked = readBlock(target.request, issuers(), clock.now(), call.address);
      if (!asked.ok) return invalid(asked.field, asked.detail);
      const { subject, until } = asked;
      const block = await blocks.add(subject, { until, by: BY, reason: body.reason });
      if (block === undefined) return invalid('until', 'That is in the past.');
      await call.administered({ action: 'block_add', result: 'success', detail: blockLine(block) });
      return { ok: true, body: publicBlock(block) };
    },

    async removeBlock({ params }, call) {
      const action = 'block_remove';
      const id = params.id as BlockId;
      const block = await blocks.get(id);
      if (block === undefined) {
        await call.administered({ action, result: 'failure', reason: 'unknown_block', detail: id });
        return { ok: false, reason: 'unknown_block' };
      }
      // what gives rights is recorded before it happens: without a record nobody gets them
      await call.administered({ action, result: 'success', detail: liftedLine(id, block) });
      await blocks.remove(id);
      return { ok: true };
    },
  };
}

/** All of one kind; all there are when none is said. */
async function* ofKind(all: AsyncIterable<Block>, kind: BlockKind | undefined): AsyncIterable<Block> {
  for await (const block of all) if (kind === undefined || block.subject.kind === kind) yield block;
}

const invalid = (field: string, detail: string): Outcome => ({
  ok: false,
  reason: 'invalid_request',
  extra: { errors: [{ pointer: `/${field}`, detail }] },
});
