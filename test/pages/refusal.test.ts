import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Need } from '../../src/core/decision.ts';
import { ERRORS } from '../../src/core/errors.ts';
import type { Answer } from '../../src/core/handler.ts';
import { REASONS } from '../../src/core/reasons.ts';
import { type RefusalView, refusalStatus, renderRefusal } from '../../src/pages/refusal.ts';

const view = (over: Partial<RefusalView> & { reason: string }): RefusalView => ({
  id: 'abcdefgh',
  html: false,
  ...over,
});
const headerOf = (answer: Answer, name: string) => answer.headers.filter(([n]) => n === name).map(([, v]) => v);
const text = (answer: Answer) => String(answer.body);
const need = (over: Partial<Need> = {}): Need => ({
  level: 'medium',
  maxAgeMs: 900_000,
  anyOf: undefined,
  allOf: [],
  ...over,
});
const REASON_CODES = Object.keys(REASONS);
const HOSTILE = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onfocus='alert(1)",
  '</style><svg onload=alert(1)>',
  '{{7*7}}`$1`',
  '\u0000\u001b[31m',
  '\ud800',
];

describe.each([true, false])('html: %s', (html) => {
  test.each(REASON_CODES)('%s has the status of the error table and is never stored', (reason) => {
    const answer = renderRefusal(view({ reason, html }));
    expect(answer.status).toBe(ERRORS[reason as keyof typeof ERRORS].status);
    expect(refusalStatus(view({ reason, html }))).toBe(answer.status);
    expect(headerOf(answer, 'Cache-Control')).toEqual(['no-store']);
    expect(headerOf(answer, 'X-Content-Type-Options')).toEqual(['nosniff']);
    expect(headerOf(answer, 'WWW-Authenticate')).toHaveLength(answer.status === 401 ? 1 : 0);
    expect(text(answer)).toContain(reason);
    expect(text(answer)).toContain('abcdefgh');
  });

  test("a policy's own code is a 403 that carries the code", () => {
    const answer = renderRefusal(view({ reason: 'country_restriction', html }));
    expect(answer.status).toBe(403);
    expect(text(answer)).toContain('country_restriction');
    expect(headerOf(answer, 'WWW-Authenticate')).toEqual([]);
  });

  test('names on the prototype are not reasons', () => {
    expect(renderRefusal(view({ reason: 'constructor', html })).status).toBe(403);
  });

  test('names no rule unless it is handed over', () => {
    const rule = { policy: 'finance', rule: 'office-only', file: 'finance.yaml', line: 12 };
    expect(text(renderRefusal(view({ reason: 'policy_denied', html })))).not.toContain('office-only');
    expect(text(renderRefusal(view({ reason: 'policy_denied', html, traceRule: rule })))).toContain('office-only');
  });

  test("Retry-After: the table's, or the one given", () => {
    expect(headerOf(renderRefusal(view({ reason: 'rate_limited', html })), 'Retry-After')).toEqual(['1']);
    const given = renderRefusal(view({ reason: 'rate_limited', html, retryAfterSeconds: 12.2 }));
    expect(headerOf(given, 'Retry-After')).toEqual(['13']);
  });

  test.each([
    [-1, '0 seconds', '0'],
    [0.2, '1 second', '1'],
    [119, '119 seconds', '119'],
    [119.5, '2 minutes', '120'],
    [121, '3 minutes', '121'],
    [900, '15 minutes', '900'],
    [7199, '120 minutes', '7199'],
    [7201, '3 hours', '7201'],
    [172_799, '48 hours', '172799'],
    [172_800, '2 days', '172800'],
    [2_591_910, '30 days', '2591910'],
  ])('after %d s: a person reads %s, a program %s', (retryAfterSeconds, read, header) => {
    const answer = renderRefusal(view({ reason: 'locked_out', html, retryAfterSeconds }));
    expect(headerOf(answer, 'Retry-After')).toEqual([header]);
    expect(text(answer).includes(`<dt>Try again after</dt><dd>${read}</dd>`)).toBe(html);
  });

  test('extra headers are carried', () => {
    const answer = renderRefusal(view({ reason: 'method_not_allowed', html, extraHeaders: [['Allow', 'GET']] }));
    expect(headerOf(answer, 'Allow')).toEqual(['GET']);
  });
});

describe('challenges', () => {
  test.each<[string, Partial<RefusalView> & { reason: string }, string]>([
    ['nobody', { reason: 'login_required' }, 'Bearer'],
    ['a bad credential', { reason: 'invalid_token' }, 'Bearer error="invalid_token"'],
    ['an expired session', { reason: 'session_expired' }, 'Bearer error="invalid_token"'],
    ['an ended session', { reason: 'session_revoked' }, 'Bearer error="invalid_token"'],
    [
      'level and age (RFC 9470)',
      { reason: 'step_up_required', stepUpNeed: need() },
      'Bearer error="insufficient_user_authentication", acr_values="urn:sallyport:acr:medium", max_age=900',
    ],
    [
      "a step-up with a policy's own reason",
      { reason: 'fresh_factor', stepUpNeed: need({ maxAgeMs: undefined, level: 'high' }) },
      'Bearer error="insufficient_user_authentication", acr_values="urn:sallyport:acr:high"',
    ],
    [
      'an age alone, rounded down',
      { reason: 'step_up_required', stepUpNeed: need({ level: 'none', maxAgeMs: 1999 }) },
      'Bearer error="insufficient_user_authentication", max_age=1',
    ],
  ])('%s', (_, over, expected) => {
    for (const html of [true, false]) {
      const answer = renderRefusal(view({ ...over, html }));
      expect(answer.status).toBe(401);
      expect(headerOf(answer, 'WWW-Authenticate')).toEqual([expected]);
    }
  });
});

describe('problem+json (RFC 9457)', () => {
  test('has the members that interfaces promise', () => {
    const answer = renderRefusal(view({ reason: 'login_required', loginUrl: '/.sallyport/login?return_to=%2Fa' }));
    expect(headerOf(answer, 'Content-Type')).toEqual(['application/problem+json']);
    expect(JSON.parse(text(answer))).toEqual({
      type: 'urn:sallyport:problem:login_required',
      title: 'Sign in',
      status: 401,
      detail: REASONS.login_required,
      reason: 'login_required',
      correlation_id: 'abcdefgh',
      login_url: '/.sallyport/login?return_to=%2Fa',
    });
  });
  test('leaves out login_url when there is none', () => {
    expect(JSON.parse(text(renderRefusal(view({ reason: 'no_route' }))))).not.toHaveProperty('login_url');
  });
});

describe('page', () => {
  const answer = renderRefusal(view({ reason: 'policy_denied', html: true }));
  test('has a strict CSP whose hash is that of its one stylesheet', () => {
    const styles = [...text(answer).matchAll(/<style>([\s\S]*?)<\/style>/g)];
    expect(styles).toHaveLength(1);
    const hash = createHash('sha256')
      .update(styles[0]?.[1] as string)
      .digest('base64');
    expect(headerOf(answer, 'Content-Security-Policy')).toEqual([
      `default-src 'none'; style-src 'sha256-${hash}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
    ]);
  });
  test('has no script, no inline style and no outside resource', () => {
    expect(text(answer)).not.toMatch(/<script|\sstyle=|\son[a-z]+=|https?:\/\/|url\(/);
  });
  test('does not make browsers send a null Origin with its forms', () => {
    expect(headerOf(answer, 'Referrer-Policy')).toEqual(['same-origin']);
  });
  test('names its language, its viewport and one heading', () => {
    expect(text(answer)).toContain('<html lang="en">');
    expect(text(answer)).toContain('name="viewport"');
    expect(text(answer).match(/<h1>/g)).toHaveLength(1);
  });
  test('offers a sign-in where somebody has to sign in', () => {
    const page = text(
      renderRefusal(view({ reason: 'login_required', html: true, loginUrl: '/.sallyport/login?return_to=%2Fx' })),
    );
    expect(page).toContain('href="/.sallyport/login?return_to=%2Fx"');
  });
  test.each(HOSTILE)('escapes %j wherever it comes from', (hostile) => {
    const page = text(
      renderRefusal(
        view({
          reason: hostile,
          id: hostile,
          html: true,
          detail: hostile,
          loginUrl: hostile,
          traceRule: { policy: hostile, rule: hostile, file: hostile, line: 1 },
        }),
      ),
    );
    const clean = text(
      renderRefusal(
        view({ reason: 'x', html: true, detail: 'x', traceRule: { policy: 'x', rule: 'x', file: 'x', line: 1 } }),
      ),
    );
    expect(tags(page)).toEqual(tags(clean));
  });
});

const tags = (page: string) => [...page.matchAll(/<[^>]*>/g)].map(([tag]) => tag);

test('whatever is inserted, a page keeps exactly its own tags', () => {
  const clean = tags(text(renderRefusal(view({ reason: 'x', html: true, detail: 'x' }))));
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (detail) => {
      expect(tags(text(renderRefusal(view({ reason: 'x', html: true, detail }))))).toEqual(clean);
    }),
    { numRuns: 200 },
  );
});
