// Chromium (Debian's), driven by Playwright. A page that complains on its console, breaks the content security policy or asks
// another host for anything fails its test.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, type TestContext } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';
import { administrator, debianProgram, type WebGateway } from './web-gateway.ts';

export const chromiumPath: string | null = debianProgram('chromium');

let running: Promise<Browser> | null = null;
after(async () => (await running)?.close());

/** One browser for all tests of a file. */
function browser(): Promise<Browser> {
  if (running !== null) return running;
  assert.ok(chromiumPath !== null, 'chromium is not installed');
  const args = ['--no-sandbox', '--headless=new', '--disable-background-networking'];
  running = chromium.launch({ executablePath: chromiumPath, args, timeout: 120_000 });
  return running;
}

export interface PageOptions {
  readonly language?: 'en' | 'de';
  readonly colours?: 'light' | 'dark';
  readonly width?: number;
}

/** What nobody may see on a console: errors, refusals of the policy, requests to elsewhere. */
export interface Watched {
  readonly page: Page;
  readonly complaints: readonly string[];
}

/** A page of a browser that knows nothing yet. */
export async function openPage(t: TestContext, origin: string, options: PageOptions = {}): Promise<Watched> {
  const context = await (await browser()).newContext({
    baseURL: origin,
    // The demo certificate.
    ignoreHTTPSErrors: true,
    locale: options.language === 'de' ? 'de-DE' : 'en-GB',
    colorScheme: options.colours ?? 'light',
    viewport: { width: options.width ?? 1280, height: 900 },
    reducedMotion: 'reduce',
  });
  t.after(() => context.close());
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    // A browser reports every answer with an error status, 401 before the logon included.
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (!request.url().startsWith(`${origin}/`)) complaints.push(`a request to ${request.url()}`);
  });
  return { page, complaints };
}

/** Makes the first administrator, who is logged on then. */
export async function setUp(page: Page, { setupPath }: WebGateway, name: string = administrator.name): Promise<void> {
  await page.goto(setupPath);
  await page.getByLabel(/^(Username|Benutzername)/).fill(name);
  await page
    .getByRole('textbox', { name: /^(New password|Neues Kennwort)\b(?!.*(again|wiederholen))/ })
    .fill(administrator.password);
  await page.getByRole('textbox', { name: /again|wiederholen/ }).fill(administrator.password);
  await page.getByRole('button', { name: /Create the administrator|Administrator anlegen/ }).click();
  await page.getByRole('navigation').first().waitFor();
}

export async function logOn(page: Page): Promise<void> {
  await page.goto('/');
  await page.getByLabel(/^(Username|Benutzername)/).fill(administrator.name);
  await page.getByRole('textbox', { name: /^(Password|Kennwort)/ }).fill(administrator.password);
  await page.getByRole('button', { name: /^(Log In|Anmelden)$/ }).click();
  await page.locator('header').waitFor();
}

/** Kept where POSTERN_SCREENSHOTS names a directory. */
export async function picture(page: Page, name: string): Promise<void> {
  const directory = process.env['POSTERN_SCREENSHOTS'];
  if (directory === undefined) return;
  const path = join(directory, `${name.replaceAll(/[^a-z0-9]+/gi, '-').replace(/^-/, '')}.png`);
  await page.screenshot({ path, fullPage: true });
}
