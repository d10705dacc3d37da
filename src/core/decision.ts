import type { ReasonCode } from './reasons.ts';

/** Assurance levels in their order (policy-language 3). */
export const LEVELS = ['none', 'low', 'medium', 'high'] as const;
export type Level = (typeof LEVELS)[number];
export const levelRank = (level: Level): number => LEVELS.indexOf(level);

/** How somebody proved who they are; the words of policies and of `amr` in assertions. */
export const METHODS = [
  'password',
  'totp',
  'sms',
  'email',
  'backup_code',
  'webauthn',
  'mtls',
  'oidc',
  'approval',
] as const;
export type Method = (typeof METHODS)[number];

/** Levels of the methods whose level no configuration changes (policy-language 3); mtls, oidc and approval are mapped by it. */
export const FIXED_LEVELS = {
  password: 'none',
  email: 'low',
  totp: 'medium',
  sms: 'medium',
  backup_code: 'medium',
  webauthn: 'high',
} as const satisfies Readonly<Partial<Record<Method, Level>>>;

/** One proof kept by a session. `at` is wall-clock ms; `method` is missing in literal tests and where a token does not tell. */
export interface Proof {
  readonly method: Method | undefined;
  readonly level: Level;
  readonly at: number;
  /** `fac_…`, the second factor that gave it: the proof counts as long as the person has that factor. Undefined: none did */
  readonly factor?: string | undefined;
}

/** How long a proof of each level counts, ms (`session.elevation`); `none` lasts as long as the session. */
export type Elevation = Readonly<Record<Level, number>>;

/** What is missing for an allow: RFC 9470 renders it. Ages in ms. */
export interface Need {
  readonly level: Level;
  readonly maxAgeMs: number | undefined;
  /** any one of these; undefined: any method */
  readonly anyOf: readonly Method[] | undefined;
  readonly allOf: readonly Method[];
}

/** The rule that an answer names. */
export interface RuleRef {
  readonly policy: string;
  readonly rule: string;
  readonly file: string;
  readonly line: number;
}

/** Outcomes are data; only proxy/enforce.ts turns one into HTTP. */
export type Decision =
  | { readonly effect: 'allow'; readonly rule: RuleRef | undefined }
  | { readonly effect: 'step_up'; readonly rule: RuleRef; readonly reason: ReasonCode; readonly need: Need }
  | { readonly effect: 'login'; readonly reason: ReasonCode }
  | { readonly effect: 'deny'; readonly rule: RuleRef | undefined; readonly reason: ReasonCode };

export type Effect = Decision['effect'];
