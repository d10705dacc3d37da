import type { ApiDeps, Explained } from '../admin/api-deps.ts';
import { type Accounts, walkAccounts } from '../identity/accounts.ts';
import type { Lockout } from '../identity/lockout.ts';
import type { Health } from '../telemetry/health.ts';
import { checkFiles } from './check-files.ts';
import { describe, describedJson } from './describe.ts';
import { subjectNamed, WrongDescription } from './described-request.ts';
import { issuersOf } from './issuers.ts';
import { judgeOfRoute } from './judge.ts';
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
    /** what is in force when it is asked */
    readonly loaded: () => Loaded;
    readonly accounts: () => ReadonlyMap<string, Accounts>;
  },
): ApiDeps {
  const { health, lockout, version, loaded } = own;
  const accounts = (): readonly Accounts[] => [...own.accounts().values()];

  const explain: ApiDeps['explain'] = async ({ method, url, as, from, headers, set, absent, unknown }) => {
    const inForce = loaded();
    const description = {
      request: { method: method.toUpperCase(), url, headers, clientAddress: from },
      as,
      set: Object.entries(set),
      absent,
      unknown,
    };
    try {
      const described = await describe(description, {
        config: inForce.config,
        judge: (facts) => judgeOfRoute(inForce, facts),
        subject: (name) => subjectNamed(accounts(), name),
        at: clock.now(),
      });
      return { ok: true, answer: describedJson(described) } satisfies Explained;
    } catch (error) {
      if (error instanceof WrongDescription) return { ok: false, detail: error.message };
      throw error;
    }
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
    check: checkFiles,
    explain,
  };
}
