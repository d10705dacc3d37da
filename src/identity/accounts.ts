import type { MaybePromise } from '../core/assert-never.ts';
import type { Clock } from '../core/ports.ts';
import type { Commit, Entry, Store, StoreKey } from '../core/store.ts';
import { walkUsers } from '../core/store-walk.ts';
import { partitionOf, type Subject, type UserId, userId } from '../core/subject.ts';
import { type AccountRecord, fromJson, toJson } from './account-record.ts';
import { devicesForgotten } from './known-devices.ts';
import type { PasswordHasher } from './passwords.ts';

/** A local account as callers see it; the hash stays inside, see `credential`. */
export interface Account {
  readonly user: UserId;
  readonly provider: string;
  /** user name, which is the sub too; never reused for somebody else */
  readonly name: string;
  readonly email: string | undefined;
  readonly groups: readonly string[];
  readonly roles: readonly string[];
  readonly hasPassword: boolean;
  /** wall-clock ms */
  readonly passwordChangedAt: number;
  readonly createdAt: number;
  readonly disabled: boolean;
}

export interface NewAccount {
  readonly email?: string | undefined;
  readonly groups?: readonly string[];
  readonly roles?: readonly string[];
  /** without one nobody can sign in until it is set */
  readonly password?: string | undefined;
}

export type AccountProblem =
  | 'invalid_name'
  | 'invalid_email'
  | 'invalid_group'
  | 'invalid_role'
  | 'exists'
  | 'unknown'
  | 'too_short'
  | 'too_long'
  | 'busy';
export type AccountOutcome =
  | { readonly ok: true; readonly account: Account }
  | { readonly ok: false; readonly reason: AccountProblem };

/**
 * The local accounts of one provider. Names are folded to lower case on the way in. Whatever resolves with `ok` is durable;
 * every change appends a `user` change in the same step. There is no delete: a name that was given away stays taken.
 * Disabling and new passwords do not end sessions; the caller does (`revokeUser`), after this has resolved.
 */
export interface Accounts {
  readonly provider: string;
  add(name: string, account: NewAccount): Promise<AccountOutcome>;
  find(name: string): Promise<Account | undefined>;
  /** The same, at once where the store answers at once. */
  look(name: string): MaybePromise<Account | undefined>;
  /** all, by name */
  list(): Promise<readonly Account[]>;
  /** `undefined` takes the password away. Forgets the user's known devices in the same step: their cookies may be stolen. */
  setPassword(name: string, password: string | undefined): Promise<AccountOutcome>;
  /** Other e-mail, groups or roles; what is left out stays. */
  change(name: string, to: Pick<NewAccount, 'email' | 'groups' | 'roles'>): Promise<AccountOutcome>;
  disable(name: string): Promise<AccountOutcome>;
  enable(name: string): Promise<AccountOutcome>;
  /** For sign-in only: the account with its hash. */
  credential(name: string): Promise<{ readonly account: Account; readonly phc: string | undefined } | undefined>;
}

/** User names: what can stand in a header, a log line and a key without escaping. */
export const NAME_PATTERN = /^[a-z0-9][a-z0-9._-]{0,63}$/;
export const foldName = (name: string): string => name.toLowerCase();

/** Does no I/O. `provider` is the id of a `type: local` provider. */
export function openAccounts(
  deps: { readonly store: Store; readonly clock: Clock; readonly hasher: PasswordHasher },
  provider: string,
): Accounts {
  const { store, clock, hasher } = deps;
  const prefix = `${PREFIX}${provider}/`;

  const keyOf = (name: string): StoreKey => ({ partition: partitionOf(userId(provider, name)), name: prefix + name });

  async function read(name: string): Promise<{ record: AccountRecord; version: number } | undefined> {
    const folded = foldName(name);
    if (!NAME_PATTERN.test(folded)) return undefined;
    const entry = await store.get(keyOf(folded));
    return entry && { record: fromJson(entry.value), version: entry.version };
  }

  function write(record: AccountRecord, version: number, also: Commit['put'] = []): Promise<boolean> {
    const user = userId(provider, record.name);
    const name = prefix + record.name;
    return store.commit({
      partition: partitionOf(user),
      expect: [{ name, version }],
      put: [{ name, value: toJson(record) }, ...also],
      changes: [{ kind: 'user', subject: user }],
    });
  }

  /** Applies a change to what is stored now; of two at once, the second sees the first. */
  async function update(
    name: string,
    change: (record: AccountRecord) => AccountRecord,
    also?: (user: UserId) => Commit['put'],
  ): Promise<AccountOutcome> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const current = await read(name);
      if (current === undefined) return { ok: false, reason: 'unknown' };
      const next = change(current.record);
      if (await write(next, current.version, also?.(userId(provider, next.name))))
        return { ok: true, account: accountOf(provider, next) };
    }
    return { ok: false, reason: 'busy' };
  }

  return {
    provider,

    async add(name, { email, groups = [], roles = [], password }) {
      const folded = foldName(name);
      const reason = problemOf(folded, email, groups, roles);
      if (reason !== undefined) return { ok: false, reason };
      if ((await read(folded)) !== undefined) return { ok: false, reason: 'exists' };
      const hashed = password === undefined ? undefined : await hasher.hash(password);
      if (hashed?.ok === false) return hashed;
      const now = clock.now();
      const record: AccountRecord = {
        name: folded,
        email: email ?? null,
        groups: [...new Set(groups)],
        roles: [...new Set(roles)],
        password: hashed?.phc ?? null,
        passwordChangedAt: now,
        createdAt: now,
        disabled: false,
      };
      if (!(await write(record, 0))) return { ok: false, reason: 'exists' };
      return { ok: true, account: accountOf(provider, record) };
    },

    async find(name) {
      const found = await read(name);
      return found && accountOf(provider, found.record);
    },

    look(name) {
      const folded = foldName(name);
      if (!NAME_PATTERN.test(folded)) return undefined;
      const entry = store.get(keyOf(folded));
      const account = (found: Entry | undefined): Account | undefined =>
        found && accountOf(provider, fromJson(found.value));
      return entry instanceof Promise ? entry.then(account) : account(entry);
    },

    async change(name, { email, groups, roles }) {
      const reason = problemOf(foldName(name), email, groups ?? [], roles ?? []);
      if (reason !== undefined) return { ok: false, reason };
      return update(name, (record) => ({
        ...record,
        email: email ?? record.email,
        groups: groups === undefined ? record.groups : [...new Set(groups)],
        roles: roles === undefined ? record.roles : [...new Set(roles)],
      }));
    },

    async list() {
      const accounts: Account[] = [];
      for await (const { entry } of walkUsers(store, prefix)) accounts.push(accountOf(provider, fromJson(entry.value)));
      return accounts.sort((a, b) => (a.name < b.name ? -1 : 1));
    },

    async setPassword(name, password) {
      const hashed = password === undefined ? undefined : await hasher.hash(password);
      if (hashed?.ok === false) return hashed;
      const passwordChangedAt = clock.now();
      return update(
        name,
        (record) => ({ ...record, password: hashed?.phc ?? null, passwordChangedAt }),
        (user) => [devicesForgotten(user, clock.now())],
      );
    },

    disable: (name) => update(name, (record) => ({ ...record, disabled: true })),
    enable: (name) => update(name, (record) => ({ ...record, disabled: false })),

    async credential(name) {
      const found = await read(name);
      if (found === undefined) return undefined;
      return { account: accountOf(provider, found.record), phc: found.record.password ?? undefined };
    },
  };
}

/**
 * The accounts of these providers in the order of the store, which is no order to people but never changes, from the one
 * after `after` on: costs what is taken of it. `after` is an account's user, there or gone.
 */
export async function* walkAccounts(
  store: Pick<Store, 'list'>,
  providers: { has(provider: string): boolean },
  after?: UserId,
): AsyncIterable<Account> {
  const from = after && { partition: partitionOf(after), name: PREFIX + after.replace(':', '/') };
  for await (const { name, entry } of walkUsers(store, PREFIX, from)) {
    const provider = name.slice(PREFIX.length, name.indexOf('/', PREFIX.length));
    if (providers.has(provider)) yield accountOf(provider, fromJson(entry.value));
  }
}

const PREFIX = 'account/';

/** Whether a text could be the user of a local account. */
export const isAccountUser = (text: string): text is UserId => ACCOUNT_USER.test(text);
const ACCOUNT_USER = new RegExp(`^[a-z][a-z0-9-]{0,62}:${NAME_PATTERN.source.slice(1)}`);

/** Who the account's owner is to policies and applications. An address that an administrator typed is not verified. */
export function subjectOf(account: Account): Subject {
  return {
    user: account.user,
    provider: account.provider,
    sub: account.name,
    kind: 'person',
    email: account.email,
    emailVerified: undefined,
    name: undefined,
    groups: account.groups,
    roles: account.roles,
    acr: undefined,
    claims: new Map([['preferred_username', account.name]]),
  };
}

const MAX_ATTEMPTS = 10;

function accountOf(provider: string, record: AccountRecord): Account {
  const { name, groups, roles, passwordChangedAt, createdAt, disabled } = record;
  const email = record.email ?? undefined;
  const hasPassword = record.password !== null;
  const user = userId(provider, name);
  return { user, provider, name, email, groups, roles, hasPassword, passwordChangedAt, createdAt, disabled };
}

function problemOf(
  name: string,
  email: string | undefined,
  groups: readonly string[],
  roles: readonly string[],
): AccountProblem | undefined {
  if (!NAME_PATTERN.test(name)) return 'invalid_name';
  if (email !== undefined && !(email.length <= 254 && EMAIL_PATTERN.test(email))) return 'invalid_email';
  if (groups.length > 256 || !groups.every((group) => MEMBER_PATTERN.test(group))) return 'invalid_group';
  if (roles.length > 256 || !roles.every((role) => MEMBER_PATTERN.test(role))) return 'invalid_role';
  return undefined;
}

// no more than a plausible address: whether it receives mail only mail can tell
const EMAIL_PATTERN = /^[^\s@,\p{C}]{1,64}@[^\s@,\p{C}]+$/u;
// any text of one line without surrounding space; lists in headers are escaped where they are written
const MEMBER_PATTERN = /^[^\s\p{C}](?:[^\p{C}]{0,126}[^\s\p{C}])?$/u;
