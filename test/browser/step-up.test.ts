import { generateSync } from 'otplib';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import decodeQr from 'qr/decode.js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/app/clock.ts';
import { handClock } from '../stores/ports.ts';
import { openTestGateway, PASSWORD, type TestGateway } from '../support/gateway.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';

const POLICY = `
version: 1
policy: careful
rules:
  - allow: staff
    when: { identity.groups: { any_of: [staff] } }
  - step_up: fresh
    when: { any: [{ request.path: { prefix: /vault } }, { request.method: { none_of: [GET, HEAD] } }] }
    require: { level: medium, max_age: 5m }
`;
const FORM =
  '<!doctype html><title>Notes</title><form method="post" action="/notes"><input name="text"><button>Save</button></form>';

// codes are good for once and for half a minute: the gateway's clock is turned by hand, the browser's runs
const clock = handClock(systemClock().now());
let upstream: RecordingUpstream;
let gate: TestGateway;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let origin: string;
let secret: string;
let backupCode: string;
const violations: string[] = [];

beforeAll(async () => {
  upstream = await openUpstream((request, response, body) => {
    response.setHeader('Content-Type', 'text/html');
    response.end(request.method === 'POST' ? `<!doctype html><title>Saved</title><p>Saved: ${body}` : FORM);
  });
  gate = await openTestGateway({
    config: `routes:\n  - { route: app, upstream: "${upstream.origin}", policy: careful }\n`,
    policies: { 'careful.yaml': POLICY },
    clock,
  });
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
  context = await browser.newContext();
  page = await context.newPage();
  page.on('console', (message) => {
    if (/Content Security Policy/.test(message.text()) && page.url().includes('/.sallyport/'))
      violations.push(message.text());
  });
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await gate?.close();
  await upstream?.close();
});

/** The code that the app shows now; the next call is of the next step. */
function nextCode(): string {
  clock.advance(30_000);
  return generateSync({ secret, epoch: Math.floor(clock.now() / 1000) });
}
/** What got through to the application, apart from the icon that browsers ask for when they like. */
const reached = (): string[] =>
  upstream.hits.filter(({ url }) => url !== '/favicon.ico').map(({ method, url, body }) => `${method} ${url} ${body}`);
async function password(): Promise<void> {
  await page.getByLabel('User name').fill('ann');
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
}
async function confirm(code: string, on = page): Promise<void> {
  await on.getByLabel('Code', { exact: true }).fill(code);
  await on.getByRole('button', { name: 'Confirm' }).click();
}
async function signOut(): Promise<void> {
  await page.goto(`${origin}/.sallyport/logout`);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('You are signed out').waitFor();
}
/** What a camera sees: the pixels of the picture on the screen, decoded by another program than the one that drew it. */
async function readPicture(): Promise<string> {
  const picture = await page.locator('svg.qr').screenshot({ scale: 'css' });
  // as text: it runs in the page, whose types this program does not have
  const pixels = (await page.evaluate(`(async () => {
    const bytes = Uint8Array.from(atob('${picture.toString('base64')}'), (char) => char.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const drawing = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    drawing.drawImage(bitmap, 0, 0);
    const { data, width, height } = drawing.getImageData(0, 0, bitmap.width, bitmap.height);
    return { data: [...data], width, height };
  })()`)) as { readonly data: number[]; readonly width: number; readonly height: number };
  return decodeQr({ width: pixels.width, height: pixels.height, data: Uint8Array.from(pixels.data) });
}

beforeEach(() => upstream.reset());

describe('a second factor in a browser', () => {
  it('is enrolled by reading the picture', async () => {
    await page.goto(`${origin}/.sallyport/me`);
    await password();
    await page.waitForURL(`${origin}/.sallyport/me`);
    await page.getByRole('button', { name: 'Add an authenticator app' }).click();
    const uri = await readPicture();
    expect(uri).toMatch(/^otpauth:\/\/totp\/127\.0\.0\.1:ann\?/);
    secret = new URLSearchParams(uri.slice(uri.indexOf('?'))).get('secret') ?? '';
    expect(await page.locator('code').first().textContent()).toBe(secret);
    await page.getByLabel('The code that the app shows now').fill(nextCode());
    await page.getByRole('button', { name: 'Confirm' }).click();
    await page.waitForURL(`${origin}/.sallyport/me`);
    await page.getByText('Authenticator app').first().waitFor();

    await page.getByRole('button', { name: 'Make backup codes' }).click();
    // reading does not wait by itself for the page that shows them
    await page.getByRole('link', { name: 'I have kept them' }).waitFor();
    const codes = await page.locator('.codes code').allTextContents();
    expect(new Set(codes).size).toBe(10);
    backupCode = codes[0] as string;
    await page.getByRole('link', { name: 'I have kept them' }).click();
    await signOut();
  });

  it('is asked for at the next sign-in, and the person gets where they wanted to', async () => {
    await page.goto(`${origin}/vault/door?a=b`);
    await password();
    await confirm('000000');
    await page.getByRole('alert').waitFor();
    await confirm(nextCode());
    await page.waitForURL(`${origin}/vault/door?a=b`);
    expect(reached()).toEqual(['GET /vault/door?a=b ']);
  });

  it('is asked for again by a policy once it is too old, and the person comes back', async () => {
    clock.advance(5 * 60_000 + 1);
    await page.goto(`${origin}/vault/door?c=d`);
    expect(page.url()).toContain('/.sallyport/step-up?return_to=%2Fvault%2Fdoor%3Fc%3Dd');
    await confirm(nextCode());
    await page.waitForURL(`${origin}/vault/door?c=d`);
    expect(reached()).toEqual(['GET /vault/door?c=d ']);
  });

  it('does not lose a form that it interrupts: confirmed in a new window, it is sent again', async () => {
    await page.goto(`${origin}/notes`);
    await page.locator('input[name=text]').fill('a long text');
    clock.advance(5 * 60_000 + 1);
    upstream.reset();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('was not delivered').waitFor();
    expect(reached()).toEqual([]);
    const opening = context.waitForEvent('page');
    await page.getByRole('link', { name: 'Confirm in a new window' }).click();
    const window = await opening;
    await confirm(nextCode(), window);
    await window.getByText('reload').waitFor();
    await window.close();
    await page.reload();
    await page.getByText('Saved').waitFor();
    expect(reached()).toEqual(['POST /notes text=a+long+text']);
  });

  it('a backup code does once what the phone does', async () => {
    for (const works of [true, false]) {
      await signOut();
      await page.goto(`${origin}/notes`);
      await password();
      await page.getByLabel('Kind of code').selectOption('backup_code');
      await confirm(backupCode);
      if (works) await page.waitForURL(`${origin}/notes`);
      else await page.getByRole('alert').waitFor();
    }
    expect(page.url()).toBe(`${origin}/.sallyport/login`);
    await page.goto(`${origin}/notes`);
    expect(page.url()).toContain('/.sallyport/login');
  });

  it('no page of ours broke its own content security policy', () => {
    expect(violations).toEqual([]);
  });
});
