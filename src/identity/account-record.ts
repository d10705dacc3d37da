import type { Json } from '../core/store.ts';

/** A local account as the store keeps it. Instants are wall-clock ms. */
export interface AccountRecord {
  readonly name: string;
  readonly email: string | null;
  readonly groups: readonly string[];
  readonly roles: readonly string[];
  /** PHC string; null: cannot sign in with a password */
  readonly password: string | null;
  readonly passwordChangedAt: number;
  readonly createdAt: number;
  readonly disabled: boolean;
}

/** The record as JSON, in a shape of its own version. */
export function toJson(record: AccountRecord): Json {
  return { v: 1, ...record };
}

/**
 * Copies a stored value field by field (security rule 26).
 * @throws Error when it is not an account: whoever asked for it is denied.
 */
export function fromJson(value: Json): AccountRecord {
  const record = objectOf(value);
  if (record === undefined || record.v !== 1) throw unreadable('version');
  return {
    name: text(record.name, 'name'),
    email: record.email === null ? null : text(record.email, 'email'),
    groups: list(record.groups, 'groups'),
    roles: list(record.roles, 'roles'),
    password: record.password === null ? null : text(record.password, 'password'),
    passwordChangedAt: instant(record.passwordChangedAt, 'passwordChangedAt'),
    createdAt: instant(record.createdAt, 'createdAt'),
    disabled: flag(record.disabled, 'disabled'),
  };
}

type Fields = Readonly<Record<string, Json | undefined>>;

function objectOf(value: Json): Fields | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined;
  return Object.assign(Object.create(null) as Record<string, Json>, value);
}

const unreadable = (field: string): Error => new Error(`stored account is unreadable: ${field}`);

function text(value: Json | undefined, field: string): string {
  if (typeof value !== 'string') throw unreadable(field);
  return value;
}

function instant(value: Json | undefined, field: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw unreadable(field);
  return value;
}

function flag(value: Json | undefined, field: string): boolean {
  if (typeof value !== 'boolean') throw unreadable(field);
  return value;
}

function list(value: Json | undefined, field: string): readonly string[] {
  if (!Array.isArray(value)) throw unreadable(field);
  return value.map((member: Json) => text(member, field));
}
