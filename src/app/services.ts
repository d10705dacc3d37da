import { type Audit, openAudit } from '../audit/audit.ts';
import type { Configuration } from '../config/schema.ts';
import type { MaybePromise } from '../core/assert-never.ts';
import type { Clock, Log, Random } from '../core/ports.ts';
import type { Session } from '../core/session.ts';
import type { Store } from '../core/store.ts';
import type { Subject } from '../core/subject.ts';
import { type Account, type Accounts, openAccounts, subjectOf } from '../identity/accounts.ts';
import { standingProofs } from '../identity/factors/standing.ts';
import { openPasswordHasher, type PasswordHasher } from '../identity/passwords.ts';
import { type Blocks, openBlocks } from '../limits/blocks.ts';
import { openSessions, type SessionLimits, type Sessions } from '../sessions/sessions.ts';
import { type Coherence, openCoherence } from '../stores/coherence.ts';
import { type OpenedStore, openStore } from '../stores/index.ts';

/** What a gateway and a command at the shell have in common: state, and the record of what is done to it. */
export interface Services {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly store: Store;
  /** what the store has to say beside its answers */
  readonly storeNotes: Pick<OpenedStore, 'warnings' | 'problem'>;
  /** of all in this process who remember what lies in the store */
  readonly coherence: Coherence;
  readonly sessions: Sessions;
  readonly audit: Audit;
  readonly hasher: PasswordHasher;
  readonly blocks: Blocks;
  /** accounts of the local providers in force, by provider id */
  readonly accounts: ReadonlyMap<string, Accounts>;
  /** other providers from now on */
  useProviders(config: Configuration): void;
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
  const keepsAccounts = config.identity.providers.some((provider) => provider.type === 'local');
  const opened = openStore(ports, { ...config.store, localAccounts: keepsAccounts });
  const store = watch(opened);
  const hasher = openPasswordHasher({ random });
  const accounts = new Map<string, Accounts>();
  const useProviders = (of: Configuration): void => {
    accounts.clear();
    for (const [id, each] of localAccounts(of, { store, clock, hasher })) accounts.set(id, each);
  };
  useProviders(config);
  const refresh = (subject: Subject): MaybePromise<Subject | undefined> => refreshed(accounts, subject);
  const standing = ({ subject, proofs }: Session) => standingProofs({ store }, subject.user, proofs);
  const coherence = openCoherence(store);
  const blocks = openBlocks({ store, clock });
  const blockOf = ({ id, subject, device }: Session): MaybePromise<string | undefined> =>
    blocks.blockOf(
      { kind: 'user', user: subject.user },
      { kind: 'session', session: id },
      ...(device === undefined ? [] : [{ kind: 'device', device } as const]),
    );
  const remembering = { refresh, standing, blockOf, coherence };
  const sessions = openSessions({ store, clock, random, log, ...remembering }, sessionLimits(config));
  return {
    ...ports,
    store,
    storeNotes: opened,
    coherence,
    sessions,
    hasher,
    blocks,
    audit: openAudit({ clock, log, onDropped }, { file: config.audit.file }),
    accounts,
    useProviders,
  };
}

/**
 * Who somebody is now: groups, roles and e-mail of a local account as they stand, so that a change of them reaches the next
 * request. Undefined when the account is gone or disabled. People of other providers are who they were at sign-in.
 */
function refreshed(accounts: ReadonlyMap<string, Accounts>, subject: Subject): MaybePromise<Subject | undefined> {
  const found = accounts.get(subject.provider)?.look(subject.sub);
  if (!accounts.has(subject.provider)) return subject;
  const now = (account: Account | undefined): Subject | undefined =>
    account === undefined || account.disabled ? undefined : subjectOf(account);
  return found instanceof Promise ? found.then(now) : now(found);
}

function localAccounts(
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
