import type { Answer } from '../core/handler.ts';
import { html } from './html.ts';
import { type Language, messagesIn } from './languages.ts';
import { type HeaderPair, originOf, renderPage } from './layout.ts';
import { SIGN_IN_PATH } from './paths.ts';

export interface SignInView {
  readonly language: Language;
  /** token of the form */
  readonly csrf: string;
  /** already rebuilt by core/return-to: a path, or an absolute address of ours */
  readonly returnTo: string;
  /** what was typed before */
  readonly username?: string | undefined;
  /** `invalid` reads the same whatever the cause was (security rule 20) */
  readonly error?: 'invalid' | 'busy' | 'expired' | undefined;
  readonly headers?: readonly HeaderPair[];
}

const STATUS = { invalid: 401, busy: 503, expired: 401 } as const;
const ALERTS = { invalid: 'signInFailed', busy: 'signInBusy', expired: 'signInExpired' } as const;

/** The sign-in form: 200, 401 after a failure, 503 when no password can be checked just now. */
export function renderSignIn(view: SignInView): Answer {
  const { phrases } = messagesIn(view.language);
  const typed = view.username !== undefined && view.username !== '';
  const content = html`<h1>${phrases.signIn}</h1>
${alert(view.error && phrases[ALERTS[view.error]])}
<p class="muted">${phrases.signInLead}</p>
<form method="post" action="${SIGN_IN_PATH}" accept-charset="utf-8">
<input type="hidden" name="csrf" value="${view.csrf}">
<input type="hidden" name="return_to" value="${view.returnTo}">
<label for="username">${phrases.username}</label>
<input id="username" name="username" type="text" value="${view.username ?? ''}" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="64" required${!typed && html` autofocus`}${describedBy(view)}>
<label for="password">${phrases.password}</label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="1024" required${typed && html` autofocus`}${describedBy(view)}>
<p class="actions"><button class="button primary wide" type="submit">${phrases.signIn}</button></p>
</form>`;
  return renderPage({
    status: view.error === undefined ? 200 : STATUS[view.error],
    language: view.language,
    title: phrases.signIn,
    content,
    formOrigin: originOf(view.returnTo),
    headers: view.headers ?? [],
  });
}

const alert = (text: string | undefined) =>
  text !== undefined && html`<p class="alert" id="problem" role="alert">${text}</p>`;
const describedBy = (view: SignInView) =>
  view.error === 'invalid' && html` aria-invalid="true" aria-describedby="problem"`;
