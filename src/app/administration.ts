import type { ApiDeps, Outcome } from '../admin/api-deps.ts';
import { assertNever } from '../core/assert-never.ts';
import type { Subject } from '../core/subject.ts';
import { type Accounts, walkAccounts } from '../identity/accounts.ts';
import type { Lockout } from '../identity/lockout.ts';
import type { Health } from '../telemetry/health.ts';
import { subjectNamed, WrongDescription } from './described-request.ts';
import { issuersOf } from './issuers.ts';
import type { PolicyThread, Tried } from './policy-thread.ts';
import type { RulesInForce } from './policy-worker.ts';
import type { Services } from './services.ts';
import { type Loaded, providerIds } from './snapshot.ts';

/** What the administration API works with, out of the parts of a gateway. */
export function administration(
  {
    clock,
    random,
    store,
    sessions,
    audit,
    blocks,
  }: Pick<Services, 'clock' | 'random' | 'store' | 'sessions' | 'audit' | 'blocks'>,
  own: {
    readonly health: Health;
    readonly lockout: Lockout;
    readonly version: string;
    /** where what is posted is tried out */
    readonly policies: PolicyThread;
    /** what is in force when it is asked */
    readonly loaded: () => Loaded;
    readonly accounts: () => ReadonlyMap<string, Accounts>;
  },
): ApiDeps {
  const { health, lockout, version, policies, loaded } = own;
  const accounts = (): readonly Accounts[] => [...own.accounts().values()];

  let known: { readonly of: Loaded; readonly rules: RulesInForce } | undefined;
  /** the same object as long as the same is in force */
  function rulesInForce(): RulesInForce {
    const inForce = loaded();
    if (known?.of !== inForce) known = { of: inForce, rules: rulesOf(inForce) };
    return known.rules;
  }

  const explain: ApiDeps['explain'] = async ({ method, url, as, from, headers, set, absent, unknown }) => {
    const rules = rulesInForce();
    const at = clock.now();
    const request = { method: method.toUpperCase(), url, headers, clientAddress: from };
    const description = { request, as, set: Object.entries(set), absent, unknown };
    let subject: Subject | undefined;
    try {
      subject = as === undefined ? undefined : await subjectNamed(accounts(), as);
    } catch (error) {
      if (error instanceof WrongDescription) return outcomeOf({ kind: 'wrong', detail: error.message });
      throw error;
    }
    return outcomeOf(await policies.run({ kind: 'explain', description, subject, at, rules }));
  };

  return {
    clock,
    random,
    recorder: audit,
    health,
    version,
    sessions,
    providers: () => providerIds(loaded().config),
    accounts,
    blocks,
    issuers: () => issuersOf(loaded().config),
    walkAccounts: (after) => walkAccounts(store, own.accounts(), after),
    unlock: (user) => lockout.clear(user),
    check: async (files) =>
      outcomeOf(await policies.run({ kind: 'check', files, providers: providerIds(loaded().config) })),
    explain,
  };
}

function rulesOf({ config, policyFiles }: Loaded): RulesInForce {
  const { routes, identity, session, limits, trusted_proxies } = config;
  return { config: { routes, identity, session, limits, trusted_proxies }, policyFiles };
}

function outcomeOf(tried: Tried): Outcome {
  switch (tried.kind) {
    case 'json':
      return { ok: true, body: tried.text };
    case 'wrong':
      return { ok: false, reason: 'invalid_request', extra: { detail: tried.detail } };
    case 'busy':
      return { ok: false, reason: 'policies_busy' };
    case 'too_costly':
      return { ok: false, reason: 'too_costly' };
    default:
      return assertNever(tried);
  }
}
