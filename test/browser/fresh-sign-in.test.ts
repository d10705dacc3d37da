import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/app/clock.ts';
import { handClock } from '../stores/ports.ts';
import { openTestGateway, PASSWORD, type TestGateway } from '../support/gateway.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';

const POLICY = `
version: 1
policy: fresh
rules:
  - allow: staff
    when: { identity.groups: { any_of: [staff] } }
  - step_up: signed-in-lately
    when: { any: [{ request.path: { prefix: /vault } }, { request.method: { none_of: [GET, HEAD] } }] }
    require: { max_age: 5m }
`;
const FORM =
  '<!doctype html><title>Notes</title><form method="post" action="/notes"><input name="text"><button>Save</button></form>';
const STALE_MS = 5 * 60_000 + 1;

const clock = handClock(systemClock().now());
let upstream: RecordingUpstream;
let gate: TestGateway;
let browser: Browser;
let origin: string;
beforeAll(async () => {
  upstream = await openUpstream((request, response, body) => {
    response.setHeader('Content-Type', 'text/html');
    response.end(request.method === 'POST' ? `<!doctype html><title>Saved</title><p>Saved: ${body}` : FORM);
  });
  const config = `routes:\n  - { route: app, upstream: "${upstream.origin}", policy: fresh }\n`;
  gate = await openTestGateway({ config, policies: { 'fresh.yaml': POLICY }, clock });
  await gate.addUser('ann');
  origin = `http://127.0.0.1:${gate.port}`;
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await gate?.close();
  await upstream?.close();
});
beforeEach(() => upstream.reset());

/** What got through to the application, apart from the icon that browsers ask for when they like. */
const reached = (): string[] =>
  upstream.hits.filter(({ url }) => url !== '/favicon.ico').map(({ method, url, body }) => `${method} ${url} ${body}`);

async function signIn(page: Page): Promise<void> {
  await page.getByLabel('User name').fill('ann');
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
}
async function confirm(page: Page, password = PASSWORD): Promise<void> {
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Confirm' }).click();
}

describe.each([
  { colorScheme: 'light', javaScriptEnabled: true },
  { colorScheme: 'dark', javaScriptEnabled: false },
] as const)('in a browser ($colorScheme, scripts: $javaScriptEnabled)', (how) => {
  let context: BrowserContext;
  let page: Page;
  const violations: string[] = [];
  beforeAll(async () => {
    context = await browser.newContext(how);
    page = await context.newPage();
    page.on('console', (message) => {
      if (/Content Security Policy/.test(message.text()) && page.url().includes('/.sallyport/'))
        violations.push(message.text());
    });
    await page.goto(`${origin}/notes`);
    await signIn(page);
    await page.waitForURL(`${origin}/notes`);
  });
  afterAll(() => context?.close());

  it('the password is asked for once more, and the person comes back', async () => {
    clock.advance(STALE_MS);
    await page.goto(`${origin}/vault/door?a=b`);
    expect(page.url()).toContain('/.sallyport/step-up?return_to=%2Fvault%2Fdoor%3Fa%3Db');
    await page.getByText('your password once more').waitFor();
    expect(await page.getByLabel('User name').count()).toBe(0);
    await confirm(page, 'wrong password');
    const alert = page.getByRole('alert');
    await alert.waitFor();
    expect(await page.getByLabel('Password').getAttribute('aria-describedby')).toBe(await alert.getAttribute('id'));
    expect(reached()).toEqual([]);
    await confirm(page);
    await page.waitForURL(`${origin}/vault/door?a=b`);
    expect(reached()).toEqual(['GET /vault/door?a=b ']);
  });

  it('the keyboard alone does it', async () => {
    clock.advance(STALE_MS);
    await page.goto(`${origin}/vault`);
    await page.getByLabel('Password').and(page.locator(':focus')).waitFor();
    await page.keyboard.press('Tab');
    await page.getByRole('button', { name: 'Confirm' }).and(page.locator(':focus')).waitFor();
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press('Enter');
    await page.waitForURL(`${origin}/vault`);
  });

  it('a form that it interrupts is not lost: confirmed in a new window, it is sent again', async () => {
    await page.goto(`${origin}/notes`);
    await page.locator('input[name=text]').fill('a long text');
    clock.advance(STALE_MS);
    upstream.reset();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('was not delivered').waitFor();
    const opening = context.waitForEvent('page');
    await page.getByRole('link', { name: 'Confirm in a new window' }).click();
    const window = await opening;
    await confirm(window);
    await window.getByText('reload').waitFor();
    await window.close();
    expect(reached()).toEqual([]);
    await page.reload();
    await page.getByText('Saved').waitFor();
    expect(reached()).toEqual(['POST /notes text=a+long+text']);
  });

  it('an account whose password is not to be asked for signs in again, in the same browser, and comes back', async () => {
    const accounts = gate.gateway.services.accounts.get('staff');
    clock.advance(STALE_MS);
    await accounts?.setPassword('ann', undefined);
    await page.goto(`${origin}/vault/again`);
    await page.getByText('a fresh sign-in').waitFor();
    await accounts?.setPassword('ann', PASSWORD);
    await page.getByRole('link', { name: 'Sign in again' }).click();
    await signIn(page);
    await page.waitForURL(`${origin}/vault/again`);
    expect(reached()).toEqual(['GET /vault/again ']);
  });

  it('no page of ours broke its own content security policy', () => {
    expect(violations).toEqual([]);
  });
});
