import type { Answer } from '../core/handler.ts';
import { html } from './html.ts';
import { type Language, messagesIn } from './languages.ts';
import { type HeaderPair, originOf, renderPage } from './layout.ts';
import type { Messages } from './messages.ts';
import { SIGN_IN_PATH, SIGN_OUT_PATH, STEP_UP_PATH } from './paths.ts';

/** Kinds of codes that can be typed here. */
export type CodeMethod = 'totp' | 'backup_code';

export interface CodeView {
  readonly language: Language;
  /** the second step of signing in, or a stronger proof of somebody who is signed in */
  readonly purpose: 'sign_in' | 'step_up';
  readonly csrf: string;
  /** already rebuilt by core/return-to */
  readonly returnTo: string;
  /** what the person has; the first is offered first. At least one */
  readonly methods: readonly CodeMethod[];
  /** what was chosen before */
  readonly method?: CodeMethod | undefined;
  /** further hidden fields, our own */
  readonly hidden?: ReadonlyMap<string, string> | undefined;
  /** the code was not accepted; reads the same whatever the cause was */
  readonly failed?: boolean;
  /** where the password can be given instead */
  readonly passwordUrl?: string | undefined;
  /** where to begin signing in again, or to do that instead */
  readonly signInUrl?: string | undefined;
  readonly headers?: readonly HeaderPair[];
}

/** Asks for one code. 200, or 401 when one was refused just now. */
export function renderCode(view: CodeView): Answer {
  const { phrases } = messagesIn(view.language);
  const isSignIn = view.purpose === 'sign_in';
  const title = isSignIn ? phrases.codeTitle : phrases.stepUpTitle;
  const failed = view.failed === true;
  const content = html`<h1>${title}</h1>
${failed && html`<p class="alert" id="problem" role="alert">${phrases.codeFailed}</p>`}
<p class="muted">${isSignIn ? phrases.codeLead : phrases.stepUpLead}</p>
<form method="post" action="${isSignIn ? SIGN_IN_PATH : STEP_UP_PATH}" accept-charset="utf-8">
<input type="hidden" name="csrf" value="${view.csrf}">
<input type="hidden" name="return_to" value="${view.returnTo}">
${[...(view.hidden ?? [])].map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
${methodField(view, phrases)}
<label for="code">${phrases.code}</label>
<input id="code" name="code" type="text" autocomplete="one-time-code" autocapitalize="none" spellcheck="false" maxlength="32" required autofocus${view.methods.every((method) => method === 'totp') && html` inputmode="numeric"`}${failed && html` aria-invalid="true" aria-describedby="problem"`}>
<p class="actions"><button class="button primary wide" type="submit">${phrases.confirm}</button></p>
</form>
<p class="actions">${link(view.passwordUrl, phrases.usePassword)}
${link(view.signInUrl, isSignIn ? phrases.startAgain : phrases.signInAgain)}
${!isSignIn && link(SIGN_OUT_PATH, phrases.signOut)}</p>`;
  return renderPage({
    status: failed ? 401 : 200,
    language: view.language,
    title,
    content,
    formOrigin: originOf(view.returnTo),
    // RFC 9110, 15.5.2: a 401 names a scheme
    headers: [...(failed ? ([['WWW-Authenticate', 'Bearer']] as const) : []), ...(view.headers ?? [])],
  });
}

const link = (href: string | undefined, text: string) => href !== undefined && html`<a href="${href}">${text}</a>`;

function methodField(view: CodeView, phrases: Messages['phrases']) {
  const [only, another] = view.methods;
  if (only === undefined) throw new Error('a page for codes needs a method');
  if (another === undefined) return html`<input type="hidden" name="method" value="${only}">`;
  const names = { totp: phrases.methodTotp, backup_code: phrases.methodBackupCode } as const;
  const options = view.methods.map(
    (method) => html`<option value="${method}"${method === view.method && html` selected`}>${names[method]}</option>`,
  );
  return html`<label for="method">${phrases.method}</label>
<select id="method" name="method">${options}</select>`;
}
