import type { Answer } from '../core/handler.ts';
import { html } from './html.ts';
import { type Language, messagesIn } from './languages.ts';
import { originOf, renderPage } from './layout.ts';
import { SIGN_OUT_PATH, STEP_UP_PATH } from './paths.ts';

export interface PasswordView {
  readonly language: Language;
  readonly csrf: string;
  /** already rebuilt by core/return-to */
  readonly returnTo: string;
  /** who is signed in, as a person would recognise it */
  readonly user: string;
  /** for password managers; it is not sent */
  readonly username: string;
  /** further hidden fields, our own */
  readonly hidden?: ReadonlyMap<string, string> | undefined;
  /** `invalid` reads the same whatever the cause was */
  readonly error?: 'invalid' | 'busy' | undefined;
  /** where a code can be given instead */
  readonly codeUrl?: string | undefined;
}

const STATUS = { invalid: 401, busy: 503 } as const;
const ALERTS = { invalid: 'passwordFailed', busy: 'signInBusy' } as const;
const HEADERS = {
  // RFC 9110, 15.5.2: a 401 names a scheme
  invalid: [['WWW-Authenticate', 'Bearer']],
  busy: [['Retry-After', '2']],
} as const;

/** Asks somebody who is signed in for their password once more: 200, 401 after a wrong one, 503 when none can be checked now. */
export function renderPassword(view: PasswordView): Answer {
  const { phrases } = messagesIn(view.language);
  const { error } = view;
  const content = html`<h1>${phrases.stepUpTitle}</h1>
${error !== undefined && html`<p class="alert" id="problem" role="alert">${phrases[ALERTS[error]]}</p>`}
<p class="muted">${phrases.stepUpPasswordLead}</p>
<p>${phrases.signedInAs} <strong>${view.user}</strong>.</p>
<form method="post" action="${STEP_UP_PATH}" accept-charset="utf-8">
<input type="hidden" name="csrf" value="${view.csrf}">
<input type="hidden" name="return_to" value="${view.returnTo}">
${[...(view.hidden ?? [])].map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
<input type="hidden" name="method" value="password">
<input type="text" value="${view.username}" autocomplete="username" readonly hidden>
<label for="password">${phrases.password}</label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="1024" required autofocus${error === 'invalid' && html` aria-invalid="true" aria-describedby="problem"`}>
<p class="actions"><button class="button primary wide" type="submit">${phrases.confirm}</button></p>
</form>
<p class="actions">${
    view.codeUrl !== undefined &&
    html`<a href="${view.codeUrl}">${phrases.useCode}</a>
`
  }<a href="${SIGN_OUT_PATH}">${phrases.signOut}</a></p>`;
  return renderPage({
    status: error === undefined ? 200 : STATUS[error],
    language: view.language,
    title: phrases.stepUpTitle,
    content,
    formOrigin: originOf(view.returnTo),
    headers: error === undefined ? [] : HEADERS[error],
  });
}
