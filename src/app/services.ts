import { type Audit, openAudit } from '../audit/audit.ts';
import type { Configuration } from '../config/schema.ts';
import type { Clock, Log, Random } from '../core/ports.ts';
import type { Store } from '../core/store.ts';
import { type Accounts, openAccounts } from '../identity/accounts.ts';
import { openPasswordHasher, type PasswordHasher } from '../identity/passwords.ts';
import { openSessions, type SessionLimits, type Sessions } from '../sessions/sessions.ts';
import { openStore } from '../stores/index.ts';

/** What a gateway and a command at the shell have in common: state, and the record of what is done to it. */
export interface Services {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly store: Store;
  readonly sessions: Sessions;
  readonly audit: Audit;
  readonly hasher: PasswordHasher;
  /** accounts of the local providers, by provider id */
  readonly accounts: ReadonlyMap<string, Accounts>;
}

export interface Ports {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Builds them; does no I/O yet. `watch` may put itself between the store and those who use it. */
export function openServices(
  ports: Ports,
  config: Configuration,
  onDropped: (count: number) => void,
  watch: (store: Store) => Store = (store) => store,
): Services {
  const { clock, random, log } = ports;
  const store = watch(openStore({ clock, random }, { path: config.store.path }));
  const sessions = openSessions({ store, clock, random, log }, sessionLimits(config));
  const hasher = openPasswordHasher({ random });
  return {
    ...ports,
    store,
    sessions,
    hasher,
    audit: openAudit({ clock, log, onDropped }, { file: config.audit.file }),
    accounts: localAccounts(config, { store, clock, hasher }),
  };
}

export function localAccounts(
  config: Configuration,
  deps: { readonly store: Store; readonly clock: Clock; readonly hasher: PasswordHasher },
): ReadonlyMap<string, Accounts> {
  const local = config.identity.providers.filter((provider) => provider.type === 'local');
  return new Map(local.map(({ id }) => [id, openAccounts(deps, id)]));
}

export const sessionLimits = ({ session }: Configuration): SessionLimits => ({
  idleMs: session.idle,
  floorMs: session.floor,
  absoluteMs: session.absolute,
});
