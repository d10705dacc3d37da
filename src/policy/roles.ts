import type { Access, Subject } from '../core/subject.ts';

export const SCOPES = ['own', 'team', 'all'] as const;
export type Scope = (typeof SCOPES)[number];

/** What one permission is about, for `access.permitted`. */
export interface Permission {
  readonly resource: string;
  /** undefined: the resource itself */
  readonly subresource: string | undefined;
  readonly action: string;
  /** own: what belongs to the person · team: to one of the person's groups · all */
  readonly scope: Scope;
}

/** A checked `roles.yaml`, with inheritance written out. Plain data, frozen. */
export interface RoleSet {
  /** as findings call it; undefined: there is no such file (or it has errors) */
  readonly file: string | undefined;
  readonly permissions: ReadonlyMap<string, Permission>;
  /** by name: the role with all that it inherits, and their permissions */
  readonly roles: ReadonlyMap<string, Access>;
  /** roles of the members of a group, whichever provider says it; their inherited ones not repeated */
  readonly ofGroup: ReadonlyMap<string, readonly Access[]>;
  /** the same for a group of one provider, by `provider:group`; apart, since a provider may call a group by such a text */
  readonly ofProviderGroup: ReadonlyMap<string, readonly Access[]>;
  /** the same for users, by UserId */
  readonly ofUser: ReadonlyMap<string, readonly Access[]>;
}

/** No roles.yaml: roles are the plain words that accounts have, and nobody has a permission. */
export const NO_ROLES: RoleSet = Object.freeze({
  file: undefined,
  permissions: new Map(),
  roles: new Map(),
  ofGroup: new Map(),
  ofProviderGroup: new Map(),
  ofUser: new Map(),
});

const NOTHING: Access = Object.freeze({ roles: Object.freeze([]), permissions: Object.freeze([]) });

/**
 * The roles of a subject, from its account or token, its groups and its name, inherited ones included, and their
 * permissions. A role that `roles.yaml` does not know is kept as a plain word that permits nothing. Frozen; independent of
 * the order in which the account lists things. Costs what the subject's own roles hold, however many others there are.
 */
export function deriveRoles(set: RoleSet, subject: Pick<Subject, 'user' | 'provider' | 'groups' | 'roles'>): Access {
  const held = new Set<Access>();
  const plain: string[] = [];
  for (const name of subject.roles) {
    const role = set.roles.get(name);
    if (role === undefined) plain.push(name);
    else held.add(role);
  }
  for (const group of subject.groups) {
    for (const role of set.ofGroup.get(group) ?? []) held.add(role);
    for (const role of set.ofProviderGroup.get(`${subject.provider}:${group}`) ?? []) held.add(role);
  }
  for (const role of set.ofUser.get(subject.user) ?? []) held.add(role);
  if (plain.length === 0 && held.size < 2) {
    const [only = NOTHING] = held;
    return only;
  }
  const roles = new Set(plain);
  const permissions = new Set<string>();
  for (const role of held) {
    for (const name of role.roles) roles.add(name);
    for (const name of role.permissions) permissions.add(name);
  }
  return accessOf(roles, permissions);
}

/** Freezes names into the order that `Access` promises. */
export const accessOf = (roles: Iterable<string>, permissions: Iterable<string>): Access =>
  Object.freeze({ roles: Object.freeze([...roles].sort()), permissions: Object.freeze([...permissions].sort()) });
