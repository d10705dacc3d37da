import type { Account, Accounts } from './accounts.ts';

export type Resolution =
  | { readonly ok: true; readonly accounts: Accounts; readonly account: Account }
  | { readonly ok: false; readonly reason: 'unknown' }
  /** the same name exists at several providers; `candidates` are what to write instead */
  | { readonly ok: false; readonly reason: 'ambiguous'; readonly candidates: readonly string[] };

/**
 * Finds the account that a command means by `ann` or `staff:ann` (interfaces, "Who is who"). A name with a colon is always
 * read as provider and name, since user names cannot hold one.
 */
export async function resolveUser(providers: readonly Accounts[], text: string): Promise<Resolution> {
  const colon = text.indexOf(':');
  const asked = colon < 0 ? providers : providers.filter(({ provider }) => provider === text.slice(0, colon));
  const name = text.slice(colon + 1);
  const found: { readonly accounts: Accounts; readonly account: Account }[] = [];
  for (const accounts of asked) {
    const account = await accounts.find(name);
    if (account !== undefined) found.push({ accounts, account });
  }
  const [first, ...others] = found;
  if (first === undefined) return { ok: false, reason: 'unknown' };
  if (others.length === 0) return { ok: true, ...first };
  return { ok: false, reason: 'ambiguous', candidates: found.map(({ account }) => account.user) };
}
