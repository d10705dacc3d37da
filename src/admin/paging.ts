/** Which part of a list was asked for. */
export interface PageRequest {
  /** 1 to 1,000 */
  readonly limit: number;
  readonly cursor?: string;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** undefined: there is no more */
  readonly next: string | undefined;
}

/**
 * One page of a list that is ordered by a text of each item, ascending; undefined when the cursor is none. Goes over all of
 * the list and keeps no more of it than a few pages. Whatever comes and goes between two pages, an item that stays is on
 * exactly one of them.
 */
export async function pageOf<Item>(
  all: AsyncIterable<Item> | Iterable<Item>,
  orderOf: (item: Item) => string,
  { limit, cursor }: PageRequest,
): Promise<Page<Item> | undefined> {
  const after = cursor === undefined ? undefined : textOf(cursor);
  if (cursor !== undefined && after === undefined) return undefined;
  let kept: { readonly order: string; readonly item: Item }[] = [];
  const cut = (): void => {
    kept = kept.sort((a, b) => (a.order < b.order ? -1 : 1)).slice(0, limit + 1);
  };
  for await (const item of all) {
    const order = orderOf(item);
    if (after !== undefined && order <= after) continue;
    kept.push({ order, item });
    if (kept.length > 4 * (limit + 1)) cut();
  }
  cut();
  const items = kept.slice(0, limit);
  const last = kept.length > limit ? items.at(-1) : undefined;
  return { items: items.map(({ item }) => item), next: last && cursorOf(last.order) };
}

// opaque to clients, so that the order may change
const cursorOf = (order: string): string => Buffer.from(order).toString('base64url');

function textOf(cursor: string): string | undefined {
  const text = Buffer.from(cursor, 'base64url').toString();
  return cursorOf(text) === cursor ? text : undefined;
}
