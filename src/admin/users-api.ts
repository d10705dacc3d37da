import { type Account, type AccountOutcome, type Accounts, isAccountUser } from '../identity/accounts.ts';
import { resolveUser } from '../identity/resolve-user.ts';
import { type ApiDeps, BY, type Call, type Handlers, type Outcome } from './api-deps.ts';
import { pageOf } from './paging.ts';
import { WRONG_CURSOR } from './sessions-api.ts';
import { publicAccount } from './shapes.ts';

type Found = { readonly ok: true; readonly accounts: Accounts; readonly account: Account };

/** Local accounts: list, look at, disable, enable, unlock. */
export function userHandlers({
  accounts,
  walkAccounts,
  sessions,
  unlock,
}: ApiDeps): Handlers<'listUsers' | 'getUser' | 'disableUser' | 'enableUser' | 'unlockUser'> {
  async function find(name: string): Promise<Found | Extract<Outcome, { ok: false }>> {
    const found = await resolveUser(accounts(), name);
    if (found.ok) return found;
    if (found.reason === 'unknown') return { ok: false, reason: 'unknown_user' };
    return { ok: false, reason: 'ambiguous_user', extra: { candidates: found.candidates } };
  }

  /** Finds who is meant and lets `change` go on; that there is nobody is recorded too. */
  async function changed(
    action: string,
    name: string,
    call: Call,
    change: (found: Found) => Promise<Outcome>,
  ): Promise<Outcome> {
    const found = await find(name);
    if (found.ok) return change(found);
    await call.administered({ action, result: 'failure', reason: found.reason, user: name });
    return found;
  }

  const endSessions = (action: string, { user }: Account): Promise<number> => sessions.revokeUser(user, BY, action);

  return {
    async listUsers({ query }) {
      const found = await pageOf({ after: walkAccounts, idOf: ({ user }) => user, isId: isAccountUser }, query);
      if (found === undefined) return WRONG_CURSOR;
      return { ok: true, body: { users: found.items.map(publicAccount), next_cursor: found.next ?? null } };
    },

    async getUser({ params }) {
      const found = await find(params.user);
      return found.ok ? { ok: true, body: publicAccount(found.account) } : found;
    },

    disableUser({ params }, call) {
      const action = 'user_disable';
      return changed(action, params.user, call, async ({ accounts: provider, account }) => {
        const { user } = account;
        const outcome = await provider.disable(account.name);
        if (!outcome.ok) return refused(outcome, action, user, call);
        // the other way round a session could be made in between
        const ended = await endSessions(action, account);
        await call.administered({ action, result: 'success', user, detail: `${ended} session(s) ended` });
        return { ok: true, body: { user, action, sessions_ended: ended } };
      });
    },

    enableUser({ params }, call) {
      const action = 'user_enable';
      return changed(action, params.user, call, async ({ accounts: provider, account }) => {
        const { user } = account;
        // what gives rights is recorded before it happens: without a record nobody gets them
        await call.administered({ action, result: 'success', user });
        // whoever disabled the account may have been stopped before its sessions ended
        const ended = account.disabled ? await endSessions(action, account) : 0;
        const outcome = await provider.enable(account.name);
        if (!outcome.ok) return refused(outcome, action, user, call);
        return { ok: true, body: { user, action, sessions_ended: ended } };
      });
    },

    unlockUser({ params }, call) {
      const action = 'user_unlock';
      return changed(action, params.user, call, async ({ account: { user } }) => {
        await call.administered({ action, result: 'success', user });
        return { ok: true, body: { user, action, counters_cleared: await unlock(user) } };
      });
    },
  };
}

async function refused(
  outcome: Extract<AccountOutcome, { ok: false }>,
  action: string,
  user: string,
  call: Call,
): Promise<Outcome> {
  const reason = outcome.reason === 'unknown' ? 'unknown_user' : 'busy';
  await call.administered({ action, result: 'failure', reason, user });
  return { ok: false, reason };
}
