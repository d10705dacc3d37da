import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningCommand, sallyport, startSallyport } from '../support/command.ts';

// the whole demonstration, as `npm start` runs it, with a real browser in front
let directory: string;
let demo: RunningCommand;
let browser: Browser;
let origin: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sallyport-demo-'));
  demo = startSallyport(['demo', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--data', directory]);
  origin = (await demo.says(/Open\s+(http:\/\/127\.0\.0\.1:\d+)\//))[1] as string;
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
}, 90_000);
afterAll(async () => {
  await browser?.close();
  demo?.process.kill('SIGTERM');
  expect(await demo?.ended).toBe(0);
  rmSync(directory, { recursive: true, force: true });
}, 30_000);

async function signIn(page: Page, name: string, password: string, path = '/'): Promise<void> {
  await page.goto(`${origin}${path}`);
  expect(page.url()).toContain('/.sallyport/login');
  await page.getByLabel(/user name/i).fill(name);
  await page.getByLabel(/password/i).fill(password);
  await page.getByRole('button', { name: /sign in/i }).click();
}

/** Writes a page of the wiki through its own editor; resolves with the status of the request that saved it. */
async function writePage(page: Page, title: string): Promise<number> {
  await page.getByRole('button', { name: 'new tiddler' }).first().click();
  const input = page.locator('input.tc-titlebar');
  await input.fill(title);
  const saved = page.waitForResponse(
    (answer) => answer.request().method() === 'PUT' && answer.url().endsWith(`/${title}`),
  );
  await page.getByRole('button', { name: 'Confirm changes to this tiddler' }).click();
  return (await saved).status();
}

const sessionCli = (...args: string[]) =>
  sallyport(['session', ...args, '--config', 'config/demo/sallyport.yaml'], {
    env: { SALLYPORT_DEMO_DATA: directory },
  });

describe('the demonstration in a browser', () => {
  it('signs in, edits a page under its own name, and is refused once the session is revoked', async () => {
    const page = await (await browser.newContext()).newPage();
    const violations: string[] = [];
    page.on('console', (message) => {
      if (/Content Security Policy/.test(message.text()) && page.url().includes('/.sallyport/'))
        violations.push(message.text());
    });
    await signIn(page, 'ann', 'first-flush');
    await page.waitForURL(`${origin}/`);
    await page.getByRole('button', { name: 'new tiddler' }).first().waitFor();

    expect(await writePage(page, 'TeaOfTheDay')).toBe(204);
    const text = await page.evaluate(async () => (await fetch('/recipes/default/tiddlers/TeaOfTheDay')).text());
    expect(JSON.parse(text)).toMatchObject({ title: 'TeaOfTheDay', creator: 'ann', modifier: 'ann' });

    const listed = await sessionCli('list', '--json');
    expect(JSON.parse(listed.stdout)).toMatchObject([{ user: 'demo:ann' }]);
    const revoked = await sessionCli('revoke', '--user', 'ann');
    expect(revoked.stdout).toContain('ended 1 session(s) of demo:ann');
    expect(revoked.code).toBe(0);

    const status = await page.evaluate(async () => (await fetch('/recipes/default/tiddlers/TeaOfTheDay')).status);
    expect(status).toBe(401);
    await page.goto(`${origin}/`);
    expect(page.url()).toContain('/.sallyport/login');
    expect(violations).toEqual([]);
  }, 60_000);

  it('shows a guest the wiki and refuses to let them write', async () => {
    const page = await (await browser.newContext()).newPage();
    await signIn(page, 'bob', 'second-cup');
    const refused = page.waitForResponse((answer) => answer.request().method() === 'PUT');
    await page.getByRole('button', { name: 'new tiddler' }).first().click();
    expect((await refused).status()).toBe(403);
    expect(
      await page.evaluate(async () => (await fetch('/recipes/default/tiddlers/NotBobs', { method: 'PUT' })).status),
    ).toBe(403);
  }, 60_000);

  it('tells a suspended person so, on a page with a reference', async () => {
    const page = await (await browser.newContext()).newPage();
    await signIn(page, 'eve', 'cold-water');
    await page.getByText('account_suspended').waitFor();
    expect(await page.locator('code').first().textContent()).toMatch(/^[a-z2-7]{26}$/);
  }, 60_000);

  it('keeps a wrong password out, in the same words as an unknown name', async () => {
    const page = await (await browser.newContext()).newPage();
    await signIn(page, 'ann', 'wrong-password');
    const first = await page.getByRole('alert').textContent();
    await page.getByLabel(/user name/i).fill('nobody');
    await page.getByLabel(/password/i).fill('wrong-password');
    await page.getByRole('button', { name: /sign in/i }).click();
    await page.waitForLoadState();
    expect(await page.getByRole('alert').textContent()).toBe(first);
  }, 60_000);

  it('lets everybody read what is public, and an API client use the API', async () => {
    expect(await (await fetch(`${origin}/api/announcements`)).json()).toHaveLength(1);
    expect((await fetch(`${origin}/api/announcements`, { method: 'POST' })).status).toBe(403);
    expect((await fetch(`${origin}/api/orders`)).status).toBe(401);
  });
});
