import type { Need, RuleRef } from '../core/decision.ts';
import { ERRORS, type ErrorRow, errorRow } from '../core/errors.ts';
import type { Answer } from '../core/handler.ts';
import { REASONS, type ReasonCode } from '../core/reasons.ts';
import { challenge } from './challenge.ts';
import { durationText } from './duration.ts';
import { type Html, html } from './html.ts';
import { type Language, messagesIn } from './languages.ts';
import { type HeaderPair, PROTECTIVE_HEADERS, renderPage } from './layout.ts';
import { type Messages, type Phrase, reasonMessage } from './messages.ts';
import { SIGN_IN_PATH, SIGN_OUT_PATH, STEP_UP_PATH } from './paths.ts';

/** Everything a refusal may tell. Absent fields tell nothing; which rule refused stays out unless the route explains. */
export interface RefusalView {
  readonly reason: ReasonCode;
  /** correlation id */
  readonly id: string;
  /** a page, or problem+json */
  readonly html: boolean;
  /** English, for whoever made the request: which rule of reading it broke, never what was sent */
  readonly detail?: string | undefined;
  /** where to sign in and come back, as a path or an absolute address of ours */
  readonly loginUrl?: string | undefined;
  /** what is missing; makes the answer a 401 with an RFC 9470 challenge whatever the reason's code is */
  readonly stepUpNeed?: Need | undefined;
  /** where to give a stronger proof: of a person's page, whose form was not delivered */
  readonly stepUpUrl?: string | undefined;
  /** seconds; instead of the error table's */
  readonly retryAfterSeconds?: number | undefined;
  readonly extraHeaders?: readonly HeaderPair[] | undefined;
  /** only when the route says `explain: true` */
  readonly traceRule?: RuleRef | undefined;
  /** English when left out */
  readonly language?: Language | undefined;
}

/** The status that a refusal has: the error table's row, except that a missing proof is always 401. */
export const refusalStatus = (view: RefusalView): number => rowOf(view).status;

/**
 * Every refusal that the gateway gives, as a page or as RFC 9457 problem details. Never stored by caches. The pipeline adds
 * X-Request-Id and X-Sallyport, the lane closes the connection where the error table says so.
 */
export function renderRefusal(view: RefusalView): Answer {
  const row = rowOf(view);
  const retryAfter = view.retryAfterSeconds ?? row.retryAfter;
  const headers: HeaderPair[] = [];
  if (row.status === 401) headers.push(['WWW-Authenticate', challenge(view.reason, view.stepUpNeed)]);
  if (retryAfter !== undefined) headers.push(['Retry-After', String(Math.max(0, Math.ceil(retryAfter)))]);
  headers.push(...(view.extraHeaders ?? []));
  return view.html ? page(view, row, retryAfter, headers) : problem(view, row, headers);
}

function rowOf(view: RefusalView): ErrorRow {
  return view.stepUpNeed === undefined ? errorRow(view.reason) : ERRORS.step_up_required;
}

/** RFC 9457. `type` is stable per reason; extension members are snake case. Undefined members vanish. */
function problem(view: RefusalView, row: ErrorRow, headers: readonly HeaderPair[]): Answer {
  const body = {
    type: `urn:sallyport:problem:${view.reason}`,
    title: row.title,
    status: row.status,
    detail: view.detail ?? sentenceOf(view),
    reason: view.reason,
    correlation_id: view.id,
    login_url: view.loginUrl,
    step_up_url: view.stepUpUrl,
    rule: view.traceRule && { ...view.traceRule },
  };
  return {
    status: row.status,
    headers: [['Content-Type', 'application/problem+json'], ...PROTECTIVE_HEADERS, ...headers],
    body: `${JSON.stringify(body)}\n`,
  };
}

function sentenceOf(view: RefusalView): string {
  if (Object.hasOwn(REASONS, view.reason)) return REASONS[view.reason as keyof typeof REASONS];
  return view.stepUpNeed === undefined ? REASONS.policy_denied : REASONS.step_up_required;
}

function page(
  view: RefusalView,
  row: ErrorRow,
  retryAfter: number | undefined,
  headers: readonly HeaderPair[],
): Answer {
  const language = view.language ?? 'en';
  const messages = messagesIn(language);
  const known = view.stepUpNeed === undefined ? view.reason : 'step_up_required';
  const message = reasonMessage(messages, known);
  const content = html`<h1>${message.title}</h1>
<p>${message.happened}</p>
<p>${message.todo}</p>
${actions(view, row, messages)}
<dl>
${fact(messages, 'reference', html`<code>${view.id}</code> <span class="muted">${messages.phrases.referenceHint}</span>`)}
${fact(messages, 'reason', html`<code>${view.reason}</code>`)}
${view.detail !== undefined && fact(messages, 'details', html`${view.detail}`)}
${view.stepUpNeed !== undefined && needFacts(view.stepUpNeed, messages)}
${retryAfter !== undefined && fact(messages, 'retryIn', html`${durationText(language, retryAfter)}`)}
${view.traceRule !== undefined && fact(messages, 'rule', ruleText(view.traceRule))}
</dl>`;
  return renderPage({ status: row.status, language, title: message.title, content, headers });
}

const ruleText = (rule: RuleRef): Html => html`<code>${rule.policy}/${rule.rule}</code> (${rule.file}:${rule.line})`;

const fact = (messages: Messages, phrase: Phrase, value: Html): Html =>
  html`<dt>${messages.phrases[phrase]}</dt><dd>${value}</dd>`;

/** What is asked for, as rows of a list. */
export function needFacts(need: Need, messages: Messages): Html {
  return html`${need.level !== 'none' && fact(messages, 'needLevel', html`${need.level}`)}
${need.maxAgeMs !== undefined && fact(messages, 'needAge', html`${Math.floor(need.maxAgeMs / 1000)}`)}
${need.anyOf !== undefined && fact(messages, 'needAnyOf', html`${need.anyOf.join(', ')}`)}
${need.allOf.length > 0 && fact(messages, 'needAllOf', html`${need.allOf.join(', ')}`)}`;
}

/** The buttons: what a person in this situation can do next, most useful first. */
function actions(view: RefusalView, row: ErrorRow, { phrases }: Messages): Html {
  const link = (href: string, text: string, primary = false): Html =>
    html`<a class="button${primary && ' primary'}" href="${href}">${text}</a>`;
  if (view.stepUpNeed !== undefined || view.reason === 'step_up_required') {
    // in a window of its own: this one keeps what was sent, and can send it again
    const href = view.stepUpUrl ?? STEP_UP_PATH;
    return html`<p class="actions"><a class="button primary" href="${href}" target="_blank" rel="noopener">${phrases.stepUpInNewTab}</a></p>`;
  }
  if (row.status === 401) {
    return html`<p class="actions">${link(view.loginUrl ?? SIGN_IN_PATH, phrases.signIn, true)}</p>`;
  }
  switch (view.reason) {
    case 'csrf_failed':
      return html`<p class="actions">${link(view.loginUrl ?? SIGN_IN_PATH, phrases.openFormAgain, true)}</p>`;
    case 'blocked':
    case 'locked_out':
      return html``;
    case 'ambiguous_request':
    case 'no_route':
    case 'method_not_allowed':
    case 'uri_too_long':
      return html`<p class="actions">${link('/', phrases.startPage, true)}</p>`;
    default:
  }
  // an empty reference is the page itself, asked for again by GET
  if (row.status >= 429 || row.status === 408) return html`<p class="actions">${link('', phrases.tryAgain, true)}</p>`;
  if (row.status === 403) {
    return html`<p class="actions">${link('/', phrases.startPage, true)}${link(SIGN_OUT_PATH, phrases.signInAsOther)}</p>`;
  }
  return html``;
}
