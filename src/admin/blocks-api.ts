import { type BlockId, isBlockId } from '../limits/blocks.ts';
import { type ApiDeps, BY, type Handlers, type Outcome } from './api-deps.ts';
import { readBlock } from './block-request.ts';
import { pageOf } from './paging.ts';
import { WRONG_CURSOR } from './sessions-api.ts';
import { blockLine, publicBlock } from './shapes.ts';

/** Blocks: list, add, lift. */
export function blockHandlers({
  blocks,
  issuers,
  clock,
}: ApiDeps): Handlers<'listBlocks' | 'addBlock' | 'removeBlock'> {
  return {
    async listBlocks({ query }) {
      const found = await pageOf({ after: blocks.list, idOf: ({ id }) => id, isId: isBlockId }, query);
      if (found === undefined) return WRONG_CURSOR;
      return { ok: true, body: { blocks: found.items.map(publicBlock), next_cursor: found.next ?? null } };
    },

    async addBlock({ body }, call) {
      const asked = readBlock(body, issuers(), clock.now());
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
      await call.administered({ action, result: 'success', detail: blockLine(block) });
      await blocks.remove(id);
      return { ok: true };
    },
  };
}

const invalid = (field: string, detail: string): Outcome => ({
  ok: false,
  reason: 'invalid_request',
  extra: { errors: [{ pointer: `/${field}`, detail }] },
});
