// Firefox ESR (Debian's), driven by Puppeteer over WebDriver BiDi.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { debianProgram } from './web-gateway.ts';

export const firefoxPath: string | null = debianProgram('firefox-esr');

/** `security.tls.version.max` of about:config. */
const versionNumbers = { 'TLSv1.2': 3, 'TLSv1.3': 4 } as const;

export async function startFirefox(t: TestContext, maximum: keyof typeof versionNumbers = 'TLSv1.3'): Promise<Browser> {
  assert.ok(firefoxPath !== null, 'firefox-esr is not installed');
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: firefoxPath,
    headless: true,
    acceptInsecureCerts: true,
    timeout: 180_000,
    protocolTimeout: 180_000,
    extraPrefsFirefox: {
      'security.tls.version.max': versionNumbers[maximum],
      'intl.accept_languages': 'en-GB',
      // Nothing that a browser does for itself.
      'app.normandy.enabled': false,
      'browser.safebrowsing.malware.enabled': false,
      'network.captive-portal-service.enabled': false,
      'network.connectivity-service.enabled': false,
    },
  });
  t.after(() => (browser.connected ? browser.close() : undefined));
  return browser;
}

export async function openFirefoxPage(browser: Browser): Promise<Page> {
  const page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  await page.setViewport({ width: 1280, height: 900 });
  return page;
}
