import type { Answer } from '../core/handler.ts';
import { html } from './html.ts';
import { type Language, messagesIn } from './languages.ts';
import { type HeaderPair, renderPage } from './layout.ts';
import { SIGN_IN_PATH, SIGN_OUT_PATH } from './paths.ts';

export interface SignOutView {
  readonly language: Language;
  readonly csrf: string;
  /** who is signed in, as a person would recognise it */
  readonly user: string;
}

/** Asks before signing out: a link must not be able to do it. */
export function renderSignOut(view: SignOutView): Answer {
  const { phrases } = messagesIn(view.language);
  const content = html`<h1>${phrases.signOutAsk}</h1>
<p>${phrases.signedInAs} <strong>${view.user}</strong>. ${phrases.signOutLead}</p>
<form method="post" action="${SIGN_OUT_PATH}" accept-charset="utf-8">
<input type="hidden" name="csrf" value="${view.csrf}">
<p class="actions"><button class="button primary" type="submit">${phrases.signOut}</button>
<a class="button" href="/">${phrases.stay}</a></p>
</form>`;
  return renderPage({ status: 200, language: view.language, title: phrases.signOutAsk, content });
}

/** Says that nobody is signed in any more. */
export function renderSignedOut(language: Language, headers: readonly HeaderPair[] = []): Answer {
  const { phrases } = messagesIn(language);
  const content = html`<h1>${phrases.signedOut}</h1>
<p>${phrases.signedOutLead}</p>
<p class="actions"><a class="button primary" href="${SIGN_IN_PATH}">${phrases.signInAgain}</a></p>`;
  return renderPage({ status: 200, language, title: phrases.signedOut, content, headers });
}
