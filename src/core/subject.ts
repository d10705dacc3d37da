/** `provider:sub`, the only name of a user that is stable and unique (interfaces, "Who is who"). */
export type UserId = `${string}:${string}`;
export const userId = (provider: string, sub: string): UserId => `${provider}:${sub}`;

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
