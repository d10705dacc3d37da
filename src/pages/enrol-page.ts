import type { Answer } from '../core/handler.ts';
import { html } from './html.ts';
import { type Language, messagesIn } from './languages.ts';
import { renderPage } from './layout.ts';
import { FACTORS_PATH, ME_PATH } from './paths.ts';
import { qrCode } from './qr.ts';

/** Shows the secret of a new authenticator, as a picture and as text, and asks for a code of it. 401 after a wrong one. */
export function renderEnrolTotp(view: {
  readonly language: Language;
  readonly csrf: string;
  /** which enrolment this form goes on with, and that it may */
  readonly enrolment: string;
  /** `otpauth:` address */
  readonly uri: string;
  /** Base32 */
  readonly secret: string;
  readonly failed?: boolean;
}): Answer {
  const { phrases } = messagesIn(view.language);
  const failed = view.failed === true;
  const content = html`<h1>${phrases.totpTitle}</h1>
${failed && html`<p class="alert" id="problem" role="alert">${phrases.codeFailed}</p>`}
<p>${phrases.totpLead}</p>
${qrCode(view.uri, phrases.totpQr)}
<p>${phrases.totpManual} <code>${view.secret}</code></p>
<form method="post" action="${FACTORS_PATH}" accept-charset="utf-8">
<input type="hidden" name="csrf" value="${view.csrf}">
<input type="hidden" name="action" value="confirm_totp">
<input type="hidden" name="enrolment" value="${view.enrolment}">
<label for="code">${phrases.totpCode}</label>
<input id="code" name="code" type="text" inputmode="numeric" autocomplete="one-time-code" spellcheck="false" maxlength="32" required autofocus${failed && html` aria-invalid="true" aria-describedby="problem"`}>
<p class="actions"><button class="button primary" type="submit">${phrases.confirm}</button>
<a class="button" href="${ME_PATH}">${phrases.totpCancel}</a></p>
</form>`;
  return renderPage({
    status: failed ? 401 : 200,
    language: view.language,
    title: phrases.totpTitle,
    content,
    headers: failed ? [['WWW-Authenticate', 'Bearer']] : [],
  });
}

/** Shows new backup codes, once. */
export function renderBackupCodes(language: Language, codes: readonly string[]): Answer {
  const { phrases } = messagesIn(language);
  // in two halves, as people read them; what is typed may have the hyphen or not
  const items = codes.map((code) => html`<li><code>${code.slice(0, 4)}-${code.slice(4)}</code></li>`);
  const content = html`<h1>${phrases.backupCodesTitle}</h1>
<p>${phrases.backupCodesLead}</p>
<ol class="codes">${items}</ol>
<p class="actions"><a class="button primary" href="${ME_PATH}">${phrases.backupCodesKept}</a></p>`;
  return renderPage({ status: 200, language, title: phrases.backupCodesTitle, content });
}
