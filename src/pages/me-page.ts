import type { Answer } from '../core/handler.ts';
import { type Html, html } from './html.ts';
import { type Language, messagesIn } from './languages.ts';
import { renderPage } from './layout.ts';
import type { Messages } from './messages.ts';
import { FACTORS_PATH, freshSignInUrl, ME_PATH, SESSIONS_PATH, SIGN_OUT_PATH } from './paths.ts';

/** Instants are wall-clock ms. */
export interface MeView {
  readonly language: Language;
  readonly csrf: string;
  /** who is signed in, as a person would recognise it */
  readonly user: string;
  readonly sessions: readonly {
    readonly id: string;
    readonly device: string;
    readonly address: string;
    readonly createdAt: number;
    readonly lastActivityAt: number;
    readonly isThis: boolean;
  }[];
  readonly factors: readonly {
    readonly id: string;
    readonly method: 'totp' | 'backup_code';
    readonly createdAt: number;
    readonly usedAt: number | undefined;
    readonly left: number | undefined;
  }[];
  /** the first factor can only be added soon after signing in */
  readonly canEnrol: boolean;
  /** what was asked for was not done: too late for the first factor, or too many of them. 403 */
  readonly refused?: 'too_late' | 'too_many' | undefined;
}

const REFUSALS = { too_late: 'enrolTooLate', too_many: 'totpTooMany' } as const;

/** A person's own page: where they are signed in, and what protects the account. */
export function renderMe(view: MeView): Answer {
  const { phrases } = messagesIn(view.language);
  const others = view.sessions.some(({ isThis }) => !isThis);
  const content = html`<h1>${phrases.me}</h1>
${view.refused !== undefined && html`<p class="alert" role="alert">${phrases[REFUSALS[view.refused]]}</p>`}
<p>${phrases.meLead} <strong>${view.user}</strong>.</p>
<h2>${phrases.factors}</h2>
${factors(view, phrases)}
<h2>${phrases.sessions}</h2>
<p class="muted">${phrases.sessionsLead}</p>
<ul class="items">${view.sessions.map((session) => sessionItem(view, session, phrases))}</ul>
<div class="actions">
${others && button(view, SESSIONS_PATH, { action: 'end_others' }, phrases.endOthers)}
${button(view, SESSIONS_PATH, { action: 'end_all' }, phrases.endAll)}
<a class="button" href="${SIGN_OUT_PATH}">${phrases.signOut}</a>
</div>`;
  const status = view.refused === undefined ? 200 : 403;
  return renderPage({ status, language: view.language, title: phrases.myPage, content });
}

function factors(view: MeView, phrases: Messages['phrases']): Html {
  const names = { totp: phrases.factorTotp, backup_code: phrases.factorBackupCodes } as const;
  const hasCodes = view.factors.some(({ method }) => method === 'backup_code');
  const items = view.factors.map(
    (factor) => html`<li><span>${names[factor.method]}<span class="muted">${phrases.added} ${time(factor.createdAt)}, ${
      factor.usedAt === undefined ? phrases.neverUsed : html`${phrases.lastUsed} ${time(factor.usedAt)}`
    }${factor.left !== undefined && html`, ${phrases.codesLeft} ${factor.left}`}</span></span>
${button(view, FACTORS_PATH, { action: 'remove', id: factor.id }, phrases.remove)}</li>`,
  );
  if (view.factors.length === 0) {
    const enrol = view.canEnrol
      ? button(view, FACTORS_PATH, { action: 'enrol_totp' }, phrases.enrolTotp, true)
      : html`<a class="button" href="${freshSignInUrl(ME_PATH)}">${phrases.signInAgain}</a>`;
    return html`<p>${phrases.noFactors}</p>
${!view.canEnrol && html`<p class="muted">${phrases.enrolTooLate}</p>`}<div class="actions">${enrol}</div>`;
  }
  return html`<ul class="items">${items}</ul>
<div class="actions">${button(view, FACTORS_PATH, { action: 'enrol_totp' }, phrases.enrolTotp)}
${button(view, FACTORS_PATH, { action: 'backup_codes' }, hasCodes ? phrases.backupCodesRenew : phrases.backupCodesMake)}</div>`;
}

function sessionItem(view: MeView, session: MeView['sessions'][number], phrases: Messages['phrases']): Html {
  return html`<li><span>${session.device}${session.isThis && html` <strong>(${phrases.thisSession})</strong>`}<span class="muted">${session.address}, ${phrases.since} ${time(session.createdAt)}, ${phrases.lastActive} ${time(session.lastActivityAt)}</span></span>
${button(view, SESSIONS_PATH, { action: 'end', id: session.id }, phrases.endSession)}</li>`;
}

/** A form of one button; everything that changes anything is a POST with a token. */
function button(
  { csrf }: { readonly csrf: string },
  action: string,
  fields: Readonly<Record<string, string>>,
  text: string,
  primary = false,
): Html {
  const hidden = Object.entries({ csrf, ...fields }).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  );
  return html`<form method="post" action="${action}" accept-charset="utf-8">${hidden}<button class="button${primary && ' primary'}" type="submit">${text}</button></form>`;
}

/** UTC to the minute: the page has no script that could know the person's time zone. */
function time(ms: number): Html {
  const iso = new Date(ms).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 16).replace('T', ' ')} UTC</time>`;
}
