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

/** A list in an order that no item ever leaves, which can be gone on with after any item, there or gone. */
export interface Resumable<Item, Id extends string> {
  readonly after: (id: Id | undefined) => AsyncIterable<Item>;
  readonly idOf: (item: Item) => Id;
  /** whether a text can be an id: cursors come from outside */
  readonly isId: (text: string) => text is Id;
}

/**
 * One page of a list; undefined when the cursor is none of it. Takes one item more than the page holds, and nothing of what
 * lies before. Whatever comes and goes between two pages, an item that stays is on exactly one of them.
 */
export async function pageOf<Item, Id extends string>(
  list: Resumable<Item, Id>,
  { limit, cursor }: PageRequest,
): Promise<Page<Item> | undefined> {
  const after = cursor === undefined ? undefined : textOf(cursor);
  if (cursor !== undefined && (after === undefined || !list.isId(after))) return undefined;
  const items: Item[] = [];
  for await (const item of list.after(after as Id | undefined)) {
    if (items.length === limit) return { items, next: cursorOf(list.idOf(items.at(-1) as Item)) };
    items.push(item);
  }
  return { items, next: undefined };
}

// opaque to clients, so that the order may change
const cursorOf = (id: string): string => Buffer.from(id).toString('base64url');

function textOf(cursor: string): string | undefined {
  const text = Buffer.from(cursor, 'base64url').toString();
  return cursorOf(text) === cursor ? text : undefined;
}
