import type { GatewayReason } from '../core/reasons.ts';

/** What a page says about a reason: what happened, and what the person can do. */
export interface ReasonMessage {
  readonly title: string;
  readonly happened: string;
  readonly todo: string;
}

/** Everything a page can say in one language. A second language is one more file of this shape and a row in languages.ts. */
export interface Messages {
  readonly reasons: Readonly<Record<GatewayReason, ReasonMessage>>;
  /** for codes of policies: the code itself is shown beside it and never translated */
  readonly policyReason: ReasonMessage;
  readonly phrases: Readonly<Record<Phrase, string>>;
}

export type Phrase =
  | 'product'
  | 'signIn'
  | 'signInLead'
  | 'username'
  | 'password'
  | 'signInFailed'
  | 'signInBusy'
  | 'signOut'
  | 'signOutAsk'
  | 'signOutLead'
  | 'signedInAs'
  | 'stay'
  | 'signedOut'
  | 'signedOutLead'
  | 'signInAgain'
  | 'signInAsOther'
  | 'openFormAgain'
  | 'tryAgain'
  | 'startPage'
  | 'reference'
  | 'referenceHint'
  | 'reason'
  | 'rule'
  | 'details'
  | 'needLevel'
  | 'needAge'
  | 'needAnyOf'
  | 'needAllOf'
  | 'retryIn'
  | 'codeTitle'
  | 'codeLead'
  | 'code'
  | 'method'
  | 'methodTotp'
  | 'methodBackupCode'
  | 'confirm'
  | 'codeFailed'
  | 'signInExpired'
  | 'startAgain'
  | 'stepUpTitle'
  | 'stepUpLead'
  | 'stepUpPasswordLead'
  | 'stepUpSignInLead'
  | 'passwordFailed'
  | 'usePassword'
  | 'useCode'
  | 'stepUpNoFactor'
  | 'stepUpNotEnough'
  | 'stepUpEnrol'
  | 'stepUpDone'
  | 'stepUpDoneLead'
  | 'stepUpInNewTab'
  | 'myPage'
  | 'me'
  | 'meLead'
  | 'sessions'
  | 'sessionsLead'
  | 'thisSession'
  | 'lastActive'
  | 'since'
  | 'endSession'
  | 'endOthers'
  | 'endAll'
  | 'factors'
  | 'noFactors'
  | 'enrolTotp'
  | 'enrolTooLate'
  | 'factorTotp'
  | 'factorBackupCodes'
  | 'added'
  | 'lastUsed'
  | 'neverUsed'
  | 'codesLeft'
  | 'remove'
  | 'backupCodesMake'
  | 'backupCodesRenew'
  | 'totpTitle'
  | 'totpLead'
  | 'totpManual'
  | 'totpCode'
  | 'totpQr'
  | 'totpCancel'
  | 'totpTooMany'
  | 'backupCodesTitle'
  | 'backupCodesLead'
  | 'backupCodesKept';

/** What to say about a reason; a policy's own code gets the general words of a refusal. */
export function reasonMessage(messages: Messages, reason: string): ReasonMessage {
  return Object.hasOwn(messages.reasons, reason) ? messages.reasons[reason as GatewayReason] : messages.policyReason;
}
