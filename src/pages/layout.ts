import type { Answer } from '../core/handler.ts';
import { type Html, html, raw } from './html.ts';
import { type Language, messagesIn } from './languages.ts';
import { STYLE_HASH, STYLESHEET } from './style.ts';

export type HeaderPair = readonly [name: string, value: string];

export interface Page {
  readonly status: number;
  readonly language: Language;
  readonly title: string;
  /** what stands inside `<main>` below the brand */
  readonly content: Html;
  /** `scheme://host[:port]` that a form on the page may end up at besides our own; browsers hold redirects to it too */
  readonly formOrigin?: string | undefined;
  readonly headers?: readonly HeaderPair[];
}

/**
 * One page as a whole answer: never stored, never framed, no script, no outside resource, one stylesheet allowed by hash.
 * `Referrer-Policy` is same-origin and not no-referrer because browsers send `Origin: null` with a form of a page that has
 * the latter (Fetch, "append a request Origin header"), and then no sign-in would pass the Origin check.
 */
export function renderPage(page: Page): Answer {
  const { phrases } = messagesIn(page.language);
  const document = html`<!doctype html>
<html lang="${page.language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${page.title} · ${phrases.product}</title>
<style>${raw(STYLESHEET)}</style>
</head>
<body>
<main>
<div class="brand">${LOGO}<span>${phrases.product}</span></div>
${page.content}
</main>
</body>
</html>
`;
  return {
    status: page.status,
    headers: [
      ['Content-Type', 'text/html; charset=utf-8'],
      ['Content-Security-Policy', contentSecurityPolicy(page.formOrigin)],
      ['X-Frame-Options', 'DENY'],
      ...PROTECTIVE_HEADERS,
      ...(page.headers ?? []),
    ],
    body: document.text,
  };
}

/** Carried by every answer of ours that has a body, whatever its type. */
export const PROTECTIVE_HEADERS: readonly HeaderPair[] = [
  ['Cache-Control', 'no-store'],
  ['X-Content-Type-Options', 'nosniff'],
  ['Referrer-Policy', 'same-origin'],
];

/**
 * The origin of a `return_to` that may be another host of ours, for `formOrigin`: without it a browser stops at the redirect that
 * follows the form. Undefined for a path.
 */
export const originOf = (returnTo: string): string | undefined => /^https?:\/\/[a-z0-9.:[\]-]+/.exec(returnTo)?.[0];

function contentSecurityPolicy(formOrigin: string | undefined): string {
  const forms = formOrigin === undefined ? "'self'" : `'self' ${formOrigin}`;
  return `default-src 'none'; style-src ${STYLE_HASH}; form-action ${forms}; frame-ancestors 'none'; base-uri 'none'`;
}

// a gate in a wall; drawn inline because the CSP allows no image
const LOGO = raw(
  '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="M3 21V5l3 2 3-2 3 2 3-2 3 2 3-2v16H3Z"/><path d="M9 21v-6a3 3 0 0 1 6 0v6"/></svg>',
);
