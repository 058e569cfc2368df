// Firefox ESR: the same work as in Chromium, and the browser test of the reference's documentation: a web interface of TLS 1.3
// alone, and a Firefox whose TLS 1.3 is switched off.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Page } from 'puppeteer-core';
import { firefoxPath, openFirefoxPage, startFirefox } from './firefox.ts';
import { administrator, startWebGateway } from './web-gateway.ts';

const skip = firefoxPath === null ? 'firefox-esr is not installed' : false;

const button = (page: Page, name: string) => page.locator(`::-p-aria([name="${name}"][role="button"])`);

async function says(page: Page, text: string): Promise<void> {
  await page.waitForFunction((wanted: string) => document.body.innerText.includes(wanted), {}, text);
}

/** Opens a page of the gateway and waits for its heading. */
async function visit(page: Page, address: string): Promise<void> {
  await page.goto(address);
  await page.waitForSelector('h1');
}

async function setUp(page: Page, address: string): Promise<void> {
  await visit(page, address);
  await page.locator('input[autocomplete="username"]').fill(administrator.name);
  const passwords = await page.$$('input[autocomplete="new-password"]');
  for (const field of passwords) await field.type(administrator.password);
  await button(page, 'Create the administrator').click();
  await page.waitForSelector('nav a');
}

/** Clicks boxes of GUI HTTPS, submits and commits. */
async function commitGuiBoxes(page: Page, origin: string, versions: readonly string[]): Promise<void> {
  await visit(page, `${origin}/system/ssl`);
  await button(page, 'Edit Settings').click();
  const boxes = page.locator('fieldset input[type="checkbox"]');
  await boxes.wait();
  for (const version of versions) await page.locator(`::-p-aria([name="${version}"][role="checkbox"])`).click();
  await button(page, 'Submit').click();
  await page.locator('a[href="/commit"]').click();
  await says(page, 'tls.gui.versions');
  await button(page, 'Commit Changes').click();
  await says(page, 'Changes committed');
}

test('Firefox: set-up, SSL settings, commit; TLS 1.3 alone: one limited to TLS 1.2 gets its error page on both ports, another works', {
  skip,
  timeout: 280_000,
}, async (t) => {
  const web = await startWebGateway(t);
  // One Firefox at a time: several are slower than their own deadlines on a small machine.
  const modern = await startFirefox(t);
  const page = await openFirefoxPage(modern);
  await setUp(page, `${web.origins[0]}${web.setupPath}`);
  // The first box of that name is that of GUI HTTPS.
  await commitGuiBoxes(page, web.origins[0], ['TLS v1.1']);
  await visit(page, `${web.origins[0]}/system/ssl`);
  await says(page, 'TLS v1.1 is obsolete');
  await button(page, 'Confirm').click();
  await says(page, 'Confirmed: it stays in force.');
  await commitGuiBoxes(page, web.origins[0], ['TLS v1.1', 'TLS v1.2']);
  await visit(page, `${web.origins[0]}/system/history`);
  // A new connection. A cookie belongs to a host, not to a port: one is logged on here too.
  await visit(page, `${web.origins[1]}/`);
  await page.waitForSelector('nav a');
  await modern.close();

  const limited = await startFirefox(t, 'TLSv1.2');
  for (const origin of web.origins) {
    // A page each: Puppeteer misses the end of a navigation that begins on an error page.
    const refused = await openFirefoxPage(limited);
    await assert.rejects(refused.goto(`${origin}/`), /SSL_ERROR_PROTOCOL_VERSION_ALERT|SSL_ERROR_UNSUPPORTED_VERSION/);
    assert.match(await refused.evaluate(() => document.documentURI), /^about:neterror/);
  }
  await limited.close();
  const log = readFileSync(join(web.gateway.data, 'logs', 'system.current'), 'utf8');
  assert.match(log, /Warning: SSL error with client 127\.0\.0\.1:\d+ - \(\d+, 'error:[0-9A-F]{8}:SSL routines:/);
  assert.match(log, /The peer offered TLS v1\.2 at most; GUI HTTPS allows TLS v1\.3\./);
});
