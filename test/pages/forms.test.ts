import { describe, expect, test } from 'vitest';
import type { Answer } from '../../src/core/handler.ts';
import { renderCode } from '../../src/pages/code-page.ts';
import { escapeHtml, html } from '../../src/pages/html.ts';
import { renderMe } from '../../src/pages/me-page.ts';
import { renderPassword } from '../../src/pages/password-page.ts';
import { freshSignInUrl, signInUrl, stepUpUrl } from '../../src/pages/paths.ts';
import { renderSignIn, type SignInView } from '../../src/pages/sign-in-page.ts';
import { renderSignedOut, renderSignOut } from '../../src/pages/sign-out-page.ts';
import { renderSignInAgain } from '../../src/pages/step-up-page.ts';

const text = (answer: Answer) => String(answer.body);
const headerOf = (answer: Answer, name: string) => answer.headers.filter(([n]) => n === name).map(([, v]) => v);
const signIn = (over: Partial<SignInView> = {}) =>
  renderSignIn({ language: 'en', csrf: 'token', returnTo: '/wiki?a=1&b=2', ...over });

describe('html', () => {
  test('escapes values, keeps markup of its own, drops undefined and false', () => {
    const inner = html`<b>${'<&>"\'`'}</b>`;
    expect(html`${inner}${undefined}${false}${[1, 'a<']}`.text).toBe('<b>&lt;&amp;&gt;&quot;&#39;&#96;</b>1a&lt;');
  });
  test('replaces controls and lone surrogates', () => {
    expect(escapeHtml('a\u0000b\u007f\ud800c\n')).toBe('a\ufffdb\ufffd\ufffdc\n');
  });
});

describe('sign-in form', () => {
  test('has the fields of interfaces.md with autocomplete for password managers', () => {
    const page = text(signIn());
    expect(page).toContain('<form method="post" action="/.sallyport/login"');
    expect(page).toContain('name="csrf" value="token"');
    expect(page).toContain('name="return_to" value="/wiki?a=1&amp;b=2"');
    expect(page).toMatch(/<label for="username">[\s\S]*id="username" name="username"[^>]*autocomplete="username"/);
    expect(page).toMatch(
      /<label for="password">[\s\S]*id="password" name="password" type="password"[^>]*autocomplete="current-password"/,
    );
    expect(page).not.toContain('role="alert"');
  });
  test('a failure is a 401 with an alert that keeps the user name, never a password', () => {
    const answer = signIn({ error: 'invalid', username: 'ann' });
    expect(answer.status).toBe(401);
    expect(text(answer)).toContain('role="alert"');
    expect(text(answer)).toContain('value="ann"');
    expect(text(answer)).not.toMatch(/type="password"[^>]*value=/);
  });
  test('busy is a 503', () => {
    expect(signIn({ error: 'busy' }).status).toBe(503);
  });
  test('a user name cannot leave its attribute', () => {
    expect(text(signIn({ username: '"><script>alert(1)</script>' }))).not.toContain('<script');
  });
  test('another host of ours as return_to may be the end of the form', () => {
    const [csp] = headerOf(signIn({ returnTo: 'https://wiki.example.com:8443/a' }), 'Content-Security-Policy');
    expect(csp).toContain("form-action 'self' https://wiki.example.com:8443;");
  });
});

test('signing out asks with a POST form', () => {
  const page = text(renderSignOut({ language: 'en', csrf: 't<', user: '<b>ann' }));
  expect(page).toContain('<form method="post" action="/.sallyport/logout"');
  expect(page).toContain('value="t&lt;"');
  expect(page).toContain('&lt;b&gt;ann');
  expect(text(renderSignedOut('en'))).toContain('/.sallyport/login');
});

test('signInUrl keeps every byte of the target in one parameter', () => {
  expect(signInUrl('/a b?x=1&return_to=//evil#f')).toBe(
    '/.sallyport/login?return_to=%2Fa%20b%3Fx%3D1%26return_to%3D%2F%2Fevil%23f',
  );
});

describe('pages for codes', () => {
  const view = { language: 'en', purpose: 'step_up', csrf: 't<', returnTo: '/a', methods: ['totp'] } as const;
  test('one kind of code is not asked about, two are', () => {
    expect(text(renderCode(view))).toContain('<input type="hidden" name="method" value="totp">');
    const both = text(renderCode({ ...view, methods: ['totp', 'backup_code'], method: 'backup_code' }));
    expect(both).toContain('<option value="backup_code" selected>');
    expect(both).not.toContain('inputmode="numeric"');
  });
  test('browsers offer the code of a message or an app, and never keep it', () => {
    expect(text(renderCode(view))).toMatch(/name="code"[^>]*autocomplete="one-time-code"/);
  });
  test('what a need says is carried along, escaped', () => {
    const page = text(renderCode({ ...view, hidden: new Map([['level', '"><script>']]) }));
    expect(page).toContain('name="level" value="&quot;&gt;&lt;script&gt;"');
    expect(page).toContain('value="t&lt;"');
  });
  test('the password once more: for password managers, never kept, and no name leaves its place', () => {
    const name = '"><script>';
    const password = { language: 'en', csrf: 't<', returnTo: '/a', user: name, username: name } as const;
    const page = text(renderPassword({ ...password, hidden: new Map([['level', name]]), codeUrl: '/x"&y' }));
    expect(page).toContain('<form method="post" action="/.sallyport/step-up"');
    expect(page).toMatch(/name="password" type="password" autocomplete="current-password"/);
    expect(page).not.toMatch(/<script|type="password"[^>]*value=/);
    expect(page).toContain('href="/x&quot;&amp;y"');
    const statuses = (['invalid', 'busy'] as const).map((error) => renderPassword({ ...password, error }));
    expect(statuses.map(({ status }) => status)).toEqual([401, 503]);
    expect(headerOf(statuses[0] as Answer, 'WWW-Authenticate')).toEqual(['Bearer']);
    expect(headerOf(statuses[1] as Answer, 'Retry-After')).toEqual(['2']);
  });
  test('a link that would be too long comes back to less, whatever else it says', () => {
    const need = { level: 'none', maxAgeMs: 300_000, anyOf: undefined, allOf: [] } as const;
    const long = `/a?${'"'.repeat(100)}`;
    for (const link of [freshSignInUrl(long, 200), stepUpUrl(long, need, 200, 'password')]) {
      expect(link.length).toBeLessThanOrEqual(200);
      expect(link).toMatch(/\?return_to=%2Fa&.*(?:prompt=login|method=password)$/);
    }
  });
  test('the form to sign in again leads to the same place', () => {
    const url = freshSignInUrl('/a?b=c&prompt=none');
    expect(url).toBe('/.sallyport/login?return_to=%2Fa%3Fb%3Dc%26prompt%3Dnone&prompt=login');
    expect(text(renderSignInAgain({ language: 'en', signInUrl: url }))).toContain(
      `href="${url.replace('&', '&amp;')}"`,
    );
  });
  test('a name of a session cannot leave its item', () => {
    const session = { id: 'ses_1', device: '<b>', address: '<i>', createdAt: 0, lastActivityAt: 0, isThis: false };
    const page = text(
      renderMe({ language: 'en', csrf: 't', user: '<u>', sessions: [session], factors: [], canEnrol: true }),
    );
    expect(page).not.toMatch(/<b>|<i>|<u>/);
  });
});
