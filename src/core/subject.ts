/** `provider:sub`, the only name of a user that is stable and unique (interfaces, "Who is who"). */
export type UserId = `${string}:${string}`;
export const userId = (provider: string, sub: string): UserId => `${provider}:${sub}`;

/** How many partitions there are: part of the layout of every store, so changing it is a migration. */
export const PARTITIONS = 64;
/** Their names, `00` to `3f` (hex), in order. */
export const USER_PARTITIONS: readonly string[] = Object.freeze(
  Array.from({ length: PARTITIONS }, (_, i) => i.toString(16).padStart(2, '0')),
);

/**
 * The partition `00`…`3f` (hex) in which everything of a user lives: account, sessions and their changes. A stable hash
 * (FNV-1a over UTF-16 units, high half folded into the low one), the same in every process and version; it spreads load and
 * hides nothing.
 */
export function partitionOf(user: UserId): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < user.length; i++) hash = Math.imul(hash ^ user.charCodeAt(i), 0x01000193);
  return USER_PARTITIONS[(hash ^ (hash >>> 16)) & (PARTITIONS - 1)] as string;
}

/** Who is it. Copied from an account or from verified claims by schema, never a raw claims object. */
export interface Subject {
  readonly user: UserId;
  readonly provider: string;
  readonly sub: string;
  readonly kind: 'person' | 'service';
  readonly email: string | undefined;
  readonly emailVerified: boolean | undefined;
  readonly name: string | undefined;
  readonly groups: readonly string[];
  readonly roles: readonly string[];
  readonly acr: string | undefined;
  /** further claims, a map and not an object so that no name can reach a prototype */
  readonly claims: ReadonlyMap<string, string | number | boolean | readonly string[]>;
}

/** What `roles.yaml` makes of a subject. Both lists without repetition, in order of code units. */
export interface Access {
  /** with those that they inherit */
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
}
