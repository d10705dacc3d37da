import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { StoreUnavailable } from '../../src/core/store.ts';
import { portalEndpoints } from '../../src/portal/endpoints.ts';
import { SessionRefused } from '../../src/sessions/sessions.ts';
import { bodyOf, FORM_HEADERS, headerOf, ORIGIN } from './browser.ts';
import { openWorld, PASSWORD, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
beforeEach(() => {
  world.events.length = 0;
  world.durable.length = 0;
  world.hooks.onDurable = () => {};
  world.hooks.onCreate = async () => {};
  world.options.plainLoopback = false;
});

describe('the form', () => {
  test('comes with a login cookie of ten minutes that scripts cannot read', async () => {
    const answer = await world.browser().get('login');
    expect(answer.status).toBe(200);
    const [cookie, ...others] = headerOf(answer, 'Set-Cookie');
    expect(cookie).toMatch(
      /^__Host-sallyport-login=[A-Za-z0-9_-]{22}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600; Secure$/,
    );
    expect(others).toEqual([]);
    expect(headerOf(answer, 'Cache-Control')).toEqual(['no-store']);
  });
  test('two tabs share the nonce, so that both can be sent', async () => {
    const browser = world.browser();
    const first = await browser.openForm('login?return_to=/a');
    await browser.openForm('login?return_to=/b');
    expect((await browser.post('login', { ...first, username: 'ann', password: PASSWORD })).status).toBe(303);
  });
  test.each([
    ['/wiki?a=1&b=2', '/wiki?a=1&b=2'],
    ['https://wiki.example.com/x', 'https://wiki.example.com/x'],
    ['https://shop.example.com/x', 'https://shop.example.com/x'],
    ['https://evil.example/', '/'],
    ['https://shop.example.com:8443/', '/'],
    ['http://shop.example.com/', '/'],
    ['//evil.example/', '/'],
    ['/\\evil.example', '/'],
    ['https://shop.example.com@evil.example/', '/'],
    ['javascript:alert(1)', '/'],
    ['/a\tb', '/'],
  ])('return_to %j becomes %j', async (given, kept) => {
    const { return_to } = await world.browser().openForm(`login?return_to=${encodeURIComponent(given)}`);
    expect(return_to).toBe(kept);
  });
  test('two return_to are none', async () => {
    expect((await world.browser().openForm('login?return_to=/a&return_to=/b')).return_to).toBe('/');
  });
  test('somebody who is signed in goes straight on', async () => {
    const browser = world.browser();
    await browser.signIn('ann', PASSWORD);
    const answer = await browser.get('login?return_to=%2Fwiki');
    expect([answer.status, headerOf(answer, 'Location')]).toEqual([303, ['/wiki']]);
  });
  test('a dead session cookie is taken away, so that the form can be sent', async () => {
    const browser = world.browser();
    browser.cookies.set('__Host-sallyport', 'dead');
    await browser.get('login');
    expect(browser.sessionCookie).toBeUndefined();
  });
});

describe('success', () => {
  test('is 303 with a session cookie of this host, and the login cookie is gone', async () => {
    const browser = world.browser();
    const answer = await browser.signIn('Ann', PASSWORD, '/wiki?a=1');
    expect(answer.status).toBe(303);
    expect(headerOf(answer, 'Location')).toEqual(['/wiki?a=1']);
    expect(headerOf(answer, 'Set-Cookie')).toEqual([
      expect.stringMatching(/^__Host-sallyport=[^;]+; Path=\/; HttpOnly; SameSite=Lax; Secure$/),
      expect.stringMatching(
        /^__Host-sallyport-device=[\w-]{22}\.[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=31536000; Secure$/,
      ),
      '__Host-sallyport-login=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure',
    ]);
    const session = await world.sessionOf(browser.sessionCookie ?? '');
    expect(session?.subject).toMatchObject({ user: 'staff:ann', groups: ['finance'] });
    expect(session?.proofs).toEqual([{ method: 'password', level: 'none', at: world.clock.now() }]);
  });
  test('is on disk before the answer, and what is recorded holds no secret', async () => {
    const browser = world.browser();
    await browser.signIn('ann', PASSWORD);
    expect(world.durable).toEqual([
      expect.objectContaining({
        type: 'authentication',
        action: 'sign_in',
        result: 'success',
        user: 'staff:ann',
        factors: 'password',
        status: 303,
        session: (await world.sessionOf(browser.sessionCookie ?? ''))?.id,
      }),
    ]);
    expect(JSON.stringify(world.events)).not.toContain(PASSWORD);
    expect(JSON.stringify(world.events)).not.toContain(browser.sessionCookie);
  });
  test('ends the session that the browser had: no fixation', async () => {
    const browser = world.browser();
    const form = await browser.openForm('login');
    await browser.signIn('bob', PASSWORD);
    const old = browser.sessionCookie ?? '';
    // the form that was opened before; the first sign-in took its cookie, a second tab would have renewed it
    const again = world.browser();
    const fresh = await again.openForm('login');
    again.cookies.set('__Host-sallyport', old);
    expect((await again.post('login', { ...fresh, username: 'ann', password: PASSWORD })).status).toBe(303);
    expect(form.csrf).not.toBe(fresh.csrf);
    expect(await world.sessionOf(old)).toBeUndefined();
    expect((await world.sessionOf(again.sessionCookie ?? ''))?.subject.user).toBe('staff:ann');
  });
  test('without the record there is no session', async () => {
    world.hooks.onDurable = () => {
      throw new Error('disk full');
    };
    const browser = world.browser();
    const before = (await world.sessions.listUser('staff:bob')).length;
    await expect(browser.signIn('bob', PASSWORD)).rejects.toThrow('disk full');
    expect(browser.sessionCookie).toBeUndefined();
    const after = (await world.sessions.listUser('staff:bob')).length;
    expect(after).toBe(before);
  });
  test('a store that goes away on the way is 503, and no cookie is given out', async () => {
    const gone = () => Promise.reject(new StoreUnavailable('gone'));
    const browser = world.browser(
      portalEndpoints({ ...world.deps, sessions: { ...world.deps.sessions, revoke: gone } }),
    );
    await browser.signIn('ann', PASSWORD);
    const cookie = browser.sessionCookie ?? '';
    const { csrf } = await browser.openForm('logout');
    expect((await browser.post('logout', { csrf: csrf ?? '' })).status).toBe(503);
    const again = world.browser();
    const fields = await again.openForm('login');
    browser.cookies.set('__Host-sallyport-login', again.loginCookie ?? '');
    const answer = await browser.post('login', { ...fields, username: 'bob', password: PASSWORD });
    expect(answer.status).toBe(503);
    expect(headerOf(answer, 'Set-Cookie')).toEqual([]);
    expect(browser.sessionCookie).toBe(cookie);
  });
  test('an account that is disabled between check and session gets none', async () => {
    await world.accounts.add('late', { password: PASSWORD });
    world.hooks.onCreate = async () => {
      await world.accounts.disable('late');
    };
    const browser = world.browser();
    expect((await browser.signIn('late', PASSWORD)).status).toBe(401);
    expect(browser.sessionCookie).toBeUndefined();
    const left = await world.sessions.listUser('staff:late');
    expect(left).toEqual([]);
  });
  test('nor does somebody whose sessions are all being ended', async () => {
    const refusing = portalEndpoints({
      ...world.deps,
      sessions: { ...world.deps.sessions, create: () => Promise.reject(new SessionRefused()) },
    });
    const browser = world.browser(refusing);
    expect((await browser.signIn('bob', PASSWORD)).status).toBe(401);
    expect(world.durable).toEqual([expect.objectContaining({ result: 'failure', reason: 'account_changed' })]);
  });
});

describe('failure', () => {
  const page = async (username: string, password: string) => {
    const browser = world.browser();
    const answer = await browser.signIn(username, password, '/wiki');
    expect(browser.sessionCookie).toBeUndefined();
    return answer;
  };
  // a token and a nonce differ from page to page; everything else must not
  const leveled = (text: string, username: string) =>
    text.replace(/name="csrf" value="[^"]*"/, '').replaceAll(`value="${username}"`, 'value=""');

  test('wrong password, unknown user and disabled account read the same', async () => {
    await world.accounts.add('frozen', { password: PASSWORD });
    await world.accounts.disable('frozen');
    const wrong = await page('ann', 'wrong password');
    const unknown = await page('ghost', PASSWORD);
    const disabled = await page('frozen', PASSWORD);
    expect([wrong.status, unknown.status, disabled.status]).toEqual([401, 401, 401]);
    expect(leveled(bodyOf(unknown), 'ghost')).toBe(leveled(bodyOf(wrong), 'ann'));
    expect(leveled(bodyOf(disabled), 'frozen')).toBe(leveled(bodyOf(wrong), 'ann'));
    const names = (headers: readonly (readonly [string, string])[]) => headers.map(([name]) => name);
    expect(names(unknown.headers)).toEqual(names(wrong.headers));
    expect(headerOf(wrong, 'WWW-Authenticate')).toEqual(['Bearer']);
  });
  test('keeps return_to and the user name, and the form works again', async () => {
    const browser = world.browser();
    const answer = await browser.signIn('ann', 'wrong password', '/wiki');
    expect(bodyOf(answer)).toContain('name="return_to" value="/wiki"');
    expect(bodyOf(answer)).toContain('value="ann"');
    expect(bodyOf(answer)).not.toContain('wrong password');
    const csrf = /name="csrf" value="([^"]*)"/.exec(bodyOf(answer))?.[1] ?? '';
    const again = await browser.post('login', { csrf, return_to: '/wiki', username: 'ann', password: PASSWORD });
    expect([again.status, headerOf(again, 'Location')]).toEqual([303, ['/wiki']]);
  });
  test('is on disk before the answer, with the cause', async () => {
    await page('ann', 'wrong password');
    await page('ghost', PASSWORD);
    expect(world.durable.map(({ result, reason, user }) => [result, reason, user])).toEqual([
      ['failure', 'wrong_password', 'staff:ann'],
      // a name that is nobody's may be a password
      ['failure', 'unknown_user', expect.stringMatching(/^unknown:[\w-]{12}$/)],
    ]);
  });
  test.each(['My Secret Passphrase', 'x'.repeat(65), '<script>alert(1)</script>', 'a\r\nb'])(
    'what was typed as a user name by mistake is not recorded: %j',
    async (typed) => {
      const answer = await page(typed, 'whatever it is');
      expect(answer.status).toBe(401);
      expect(bodyOf(answer)).not.toContain('<script');
      expect(world.durable).toEqual([expect.objectContaining({ user: 'invalid' })]);
      expect(JSON.stringify(world.events)).not.toContain(JSON.stringify(typed).slice(1, -1));
    },
  );
  test('a full queue is 503 with Retry-After, not a failure', async () => {
    const busy = portalEndpoints({
      ...world.deps,
      signIn: async () => ({ ok: false, reason: 'busy', user: 'staff:ann' }),
    });
    const answer = await world.browser(busy).signIn('ann', PASSWORD);
    expect(answer.status).toBe(503);
    expect(headerOf(answer, 'Retry-After')).toEqual(['2']);
    expect(world.events).toEqual([expect.objectContaining({ result: 'refused', reason: 'busy' })]);
  });
  test('without the store it is 503 store_unavailable', async () => {
    const lost = portalEndpoints({
      ...world.deps,
      signIn: async () => {
        throw new StoreUnavailable('gone');
      },
    });
    const answer = await world.browser(lost).signIn('ann', PASSWORD);
    expect(answer.status).toBe(503);
    expect(bodyOf(answer)).toContain('store_unavailable');
  });
});

describe('forms from elsewhere (security rule 22)', () => {
  const without = (name: string) => {
    const at = FORM_HEADERS.indexOf(name);
    return [...FORM_HEADERS.slice(0, at), ...FORM_HEADERS.slice(at + 2)];
  };
  const withOrigin = (...origins: string[]) => [...without('Origin'), ...origins.flatMap((o) => ['Origin', o])];
  const withSite = (site: string) => [...without('Sec-Fetch-Site'), 'Sec-Fetch-Site', site];
  const form = async () => {
    const browser = world.browser();
    return { browser, fields: { ...(await browser.openForm('login')), username: 'ann', password: PASSWORD } };
  };

  test.each<[string, readonly string[]]>([
    ['no Origin', without('Origin')],
    ['null', withOrigin('null')],
    ['another site', withOrigin('https://evil.example')],
    ['another scheme', withOrigin('http://wiki.example.com')],
    ['another port', withOrigin(`${ORIGIN}:8443`)],
    ['a prefix of it', withOrigin(`${ORIGIN}.evil.example`)],
    ['upper case', withOrigin(ORIGIN.toUpperCase())],
    ['with a slash', withOrigin(`${ORIGIN}/`)],
    ['two of them', withOrigin(ORIGIN, ORIGIN)],
    ['Sec-Fetch-Site cross-site', withSite('cross-site')],
    ['Sec-Fetch-Site same-site', withSite('same-site')],
    ['Sec-Fetch-Site none', withSite('none')],
  ])('%s: 403', async (_, headers) => {
    const { browser, fields } = await form();
    const answer = await browser.post('login', fields, { headers });
    expect(answer.status).toBe(403);
    expect(bodyOf(answer)).toContain('csrf_failed');
    expect(browser.sessionCookie).toBeUndefined();
    expect(world.events).toEqual([expect.objectContaining({ result: 'refused', reason: 'csrf_failed' })]);
  });
  test('a client without Sec-Fetch headers needs Origin and token alone', async () => {
    const { browser, fields } = await form();
    expect((await browser.post('login', fields, { headers: ['Origin', ORIGIN] })).status).toBe(303);
  });
  test("the scheme's own port in Host is the same origin", async () => {
    const { browser, fields } = await form();
    const facts = { authority: 'wiki.example.com:443' };
    expect((await browser.post('login', fields, { facts })).status).toBe(303);
  });
  test('no login cookie, another one, or two: 403', async () => {
    const { browser, fields } = await form();
    expect((await browser.post('login', fields, { facts: { loginCookie: null } })).status).toBe(403);
    const other = world.browser();
    expect((await other.post('login', fields)).status).toBe(403);
    await other.openForm('login');
    expect((await other.post('login', fields)).status).toBe(403);
  });
  test('no token, a changed one, one of another form: 403', async () => {
    const { browser, fields } = await form();
    const { csrf, ...rest } = fields as Record<string, string>;
    expect((await browser.post('login', rest)).status).toBe(403);
    for (const token of ['', 'x', `${csrf}x`, `1${csrf}`, csrf?.replace('.', '..')]) {
      expect((await browser.post('login', { ...rest, csrf: token ?? '' })).status).toBe(403);
    }
    const signedIn = world.browser();
    await signedIn.signIn('ann', PASSWORD);
    const { csrf: logoutToken } = await signedIn.openForm('logout');
    expect((await browser.post('login', { ...rest, csrf: logoutToken ?? '' })).status).toBe(403);
  });
  test('a form that was open for ten minutes is accepted, a moment later it is not', async () => {
    const { browser, fields } = await form();
    world.clock.advance(600_001);
    expect((await browser.post('login', fields)).status).toBe(403);
    const second = await form();
    world.clock.advance(600_000);
    expect((await second.browser.post('login', second.fields)).status).toBe(303);
  });
  test('tokens of an older key are accepted, those of a strange one are not', async () => {
    const { browser, fields } = await form();
    const young = world.browser(
      portalEndpoints({ ...world.deps, csrfKeys: [new Uint8Array(32), ...world.deps.csrfKeys] }),
    );
    young.cookies.set('__Host-sallyport-login', browser.loginCookie ?? '');
    expect((await young.post('login', fields)).status).toBe(303);
    const strange = world.browser(portalEndpoints({ ...world.deps, csrfKeys: [new Uint8Array(32)] }));
    strange.cookies.set('__Host-sallyport-login', browser.loginCookie ?? '');
    expect((await strange.post('login', fields)).status).toBe(403);
  });
  test('the refusal leads back to a fresh form and nowhere else', async () => {
    const { browser, fields } = await form();
    const answer = await browser.post('login', { ...fields, csrf: 'x', return_to: '//evil.example' });
    expect(bodyOf(answer)).toContain('href="/.sallyport/login?return_to=%2F"');
    expect(bodyOf(answer)).not.toContain('evil.example');
  });
});

describe('bodies', () => {
  const send = async (over: { body?: string | Uint8Array; contentType?: string }) => {
    const browser = world.browser();
    const fields = { ...(await browser.openForm('login')), username: 'ann', password: PASSWORD };
    const body = over.body ?? new URLSearchParams(fields).toString();
    return (await browser.post('login', fields, { ...over, body })).status;
  };
  test.each([
    ['application/x-www-form-urlencoded; charset=UTF-8', 303],
    ['application/X-WWW-Form-Urlencoded', 303],
    ['application/json', 403],
    ['text/plain', 403],
    ['multipart/form-data; boundary=x', 403],
    ['application/x-www-form-urlencoded; charset=utf-7', 403],
  ])('%s: %i', async (contentType, status) => {
    expect(await send({ contentType })).toBe(status);
  });
  test.each<[string, string | Uint8Array, number]>([
    ['a field twice', 'username=ann&username=bob', 400],
    ['a field twice, spelled differently', 'username=ann&user%6Eame=bob', 400],
    ['a bad escape', 'username=%zz', 400],
    ['escapes that are not UTF-8', 'username=%ff', 400],
    ['bytes that are not UTF-8', Buffer.from([0x61, 0x3d, 0xff]), 400],
    ['too many fields', Array.from({ length: 65 }, (_, i) => `f${i}=1`).join('&'), 400],
    ['too many bytes', `username=${'x'.repeat(20_000)}`, 413],
    ['nothing', '', 403],
    ['names of the prototype', '__proto__=1&constructor=2', 403],
  ])('%s: %i', async (_, body, status) => {
    expect(await send({ body })).toBe(status);
  });
  test('of another origin are not even read', async () => {
    const browser = world.browser();
    const answer = await browser.post(
      'login',
      {},
      { headers: ['Origin', 'https://evil.example'], body: 'x'.repeat(20_000) },
    );
    expect(answer.status).toBe(403);
  });
});

describe('plain HTTP', () => {
  test('from elsewhere nobody signs in: a page, or JSON, that says why', async () => {
    const browser = world.browser();
    const page = await browser.get('login', { scheme: 'http' });
    expect(page.status).toBe(403);
    expect(bodyOf(page)).toContain('plain HTTP');
    expect(headerOf(page, 'Set-Cookie')).toEqual([]);
    const json = await browser.get('login', { scheme: 'http' }, []);
    expect(JSON.parse(bodyOf(json))).toMatchObject({ reason: 'plain_http', status: 403 });
    const post = await browser.post('login', { username: 'ann', password: PASSWORD }, { facts: { scheme: 'http' } });
    expect(post.status).toBe(403);
    expect(world.events).toEqual([]);
  });
  test('on a loopback listener the cookies are plain and not Secure', async () => {
    world.options.plainLoopback = true;
    const browser = world.browser();
    browser.secure = false;
    const over = { scheme: 'http', authority: 'wiki.example.com:8080' } as const;
    const fields = await browser.openForm('login', over);
    const answer = await browser.post(
      'login',
      { ...fields, username: 'ann', password: PASSWORD },
      { facts: over, headers: ['Origin', 'http://wiki.example.com:8080'] },
    );
    expect(answer.status).toBe(303);
    expect(headerOf(answer, 'Set-Cookie')).toEqual([
      expect.stringMatching(/^sallyport=[^;]+; Path=\/; HttpOnly; SameSite=Lax$/),
      expect.stringMatching(/^sallyport-device=[^;]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=31536000$/),
      'sallyport-login=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0',
    ]);
  });
  test('behind a proxy that says https, even a loopback listener uses the secure cookies', async () => {
    world.options.plainLoopback = true;
    const [cookie] = headerOf(await world.browser().get('login', { scheme: 'https' }), 'Set-Cookie');
    expect(cookie).toContain('__Host-sallyport-login=');
  });
});
