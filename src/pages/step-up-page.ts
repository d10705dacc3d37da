import type { Need } from '../core/decision.ts';
import type { Answer } from '../core/handler.ts';
import { html } from './html.ts';
import { type Language, messagesIn } from './languages.ts';
import { renderPage } from './layout.ts';
import { freshSignInUrl, ME_PATH, SIGN_OUT_PATH } from './paths.ts';
import { needFacts } from './refusal.ts';

/** Nothing that this person has is what is asked for: says so, and how to get it. 403. */
export function renderNoFactor(view: {
  readonly language: Language;
  /** there are factors, but none that serves */
  readonly hasOthers: boolean;
  readonly need: Need | undefined;
}): Answer {
  const messages = messagesIn(view.language);
  const { phrases } = messages;
  const content = html`<h1>${phrases.stepUpTitle}</h1>
<p>${view.hasOthers ? phrases.stepUpNotEnough : phrases.stepUpNoFactor}</p>
<p>${phrases.stepUpEnrol}</p>
<p class="actions"><a class="button primary" href="${freshSignInUrl(ME_PATH)}">${phrases.signInAgain}</a>
<a class="button" href="${ME_PATH}">${phrases.myPage}</a>
<a class="button" href="${SIGN_OUT_PATH}">${phrases.signOut}</a></p>
${view.need !== undefined && html`<dl>${needFacts(view.need, messages)}</dl>`}`;
  return renderPage({ status: 403, language: view.language, title: phrases.stepUpTitle, content });
}

/** A fresh sign-in is what helps, and somebody else takes the password: the link leads there and then to the same place. */
export function renderSignInAgain(view: { readonly language: Language; readonly signInUrl: string }): Answer {
  const { language, signInUrl } = view;
  const { phrases } = messagesIn(language);
  const content = html`<h1>${phrases.stepUpTitle}</h1>
<p>${phrases.stepUpSignInLead}</p>
<p class="actions"><a class="button primary" href="${signInUrl}">${phrases.signInAgain}</a>
<a class="button" href="${SIGN_OUT_PATH}">${phrases.signOut}</a></p>`;
  return renderPage({ status: 200, language, title: phrases.stepUpTitle, content });
}

/** Where somebody comes back to whose form waits in another window. */
export function renderConfirmed(language: Language): Answer {
  const { phrases } = messagesIn(language);
  const content = html`<h1>${phrases.stepUpDone}</h1>
<p>${phrases.stepUpDoneLead}</p>`;
  return renderPage({ status: 200, language, title: phrases.stepUpDone, content });
}
