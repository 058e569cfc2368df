// Every page, in both languages and colour schemes, at the width of a screen and of a phone: axe finds nothing, nothing is wider
// than the screen, nothing jumps, nothing complains. POSTERN_SCREENSHOTS=DIR keeps a picture of each.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import type axe from 'axe-core';
import type { Page } from 'playwright-core';
import { routes } from '../../web/src/frame/routes.ts';
import { chromiumPath, logOn, openPage, type PageOptions, picture, setUp } from './chromium.ts';
import { startWebGateway } from './web-gateway.ts';

const skip = chromiumPath === null ? 'chromium is not installed' : false;
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** `afresh`: each page is loaded as from a bookmark; else one comes from page to page, as by the links of the navigation. */
const looks: readonly (PageOptions & { readonly name: string; readonly afresh: boolean })[] = [
  { name: 'en-light-1280', language: 'en', colours: 'light', width: 1280, afresh: true },
  { name: 'de-dark-390', language: 'de', colours: 'dark', width: 390, afresh: true },
  { name: 'de-light-1280', language: 'de', colours: 'light', width: 1280, afresh: false },
  { name: 'en-dark-390', language: 'en', colours: 'dark', width: 390, afresh: false },
];
/** Of one page, as browsers score it; below 0.1 counts as good everywhere. Ours reserve the room of what is to come. */
const mostShift = 0.05;

const paths = routes.map(({ path }) => (path === '/system/history/diff' ? `${path}?from=1&to=1` : path));

async function axeFinds(page: Page): Promise<string[]> {
  // Not a <script>: the content security policy would not let it in.
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: typeof axe }).axe.run(document, { resultTypes: ['violations'] }),
  );
  return violations.flatMap(({ id, help, nodes }) => nodes.map(({ target }) => `${id}: ${help} (${target.join(' ')})`));
}

/** What is wrong with the page as it stands. */
async function flaws(page: Page): Promise<string[]> {
  const found = await axeFinds(page);
  const { wide, shift } = await page.evaluate(() => ({
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    shift: (globalThis as unknown as { layoutShift: number }).layoutShift,
  }));
  if (wide > 0) found.push(`${wide} px wider than the screen`);
  if (shift > mostShift) found.push(`jumps: ${shift.toFixed(3)}`);
  return found;
}

/** Counts layout shifts that nobody's click explains. */
function countShifts(): void {
  const counter = globalThis as unknown as { layoutShift: number };
  counter.layoutShift = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as unknown as { value: number; hadRecentInput: boolean }[]) {
      if (!entry.hadRecentInput) counter.layoutShift += entry.value;
    }
  }).observe({ type: 'layout-shift', buffered: true });
}

/** Without a load of the document: what a link does. Shifts are counted from here. */
async function goOn(page: Page, path: string): Promise<void> {
  await page.evaluate((next) => {
    (globalThis as unknown as { layoutShift: number }).layoutShift = 0;
    history.pushState(null, '', next);
    return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  }, path);
}

/** Nothing is loading any more. */
async function settled(page: Page): Promise<void> {
  await page.locator('h1').first().waitFor();
  await page.waitForFunction(() => document.querySelector('[aria-busy="true"]') === null);
  await page.evaluate(() => document.fonts.ready);
}

test('every page in every look', { skip, timeout: 900_000 }, async (t) => {
  const web = await startWebGateway(t);
  const first = await openPage(t, web.origins[0]);
  await setUp(first.page, web);
  const found: string[] = [];
  for (const look of looks) {
    const { page, complaints } = await openPage(t, web.origins[0], look);
    await page.addInitScript(countShifts);
    await page.goto('/');
    await page.getByRole('button', { name: /^(Log In|Anmelden)$/ }).waitFor();
    await picture(page, `logon-${look.name}`);
    found.push(...(await flaws(page)).map((flaw) => `logon, ${look.name}: ${flaw}`));
    await logOn(page);
    for (const path of paths) {
      await (look.afresh ? page.goto(path) : goOn(page, path));
      await settled(page);
      await picture(page, `${path}-${look.name}`);
      found.push(...(await flaws(page)).map((flaw) => `${path}, ${look.name}: ${flaw}`));
    }
    await page.goto('/system/ssl');
    await page
      .getByRole('button', { name: /Edit Settings|Einstellungen bearbeiten/ })
      .first()
      .click();
    await page.getByRole('button', { name: /Submit|Übertragen/ }).waitFor();
    await page
      .getByRole('button', { name: /cipher suite|Verschlüsselungssuite/ })
      .nth(2)
      .waitFor();
    await picture(page, `system-ssl-edit-${look.name}`);
    found.push(...(await flaws(page)).map((flaw) => `edit settings, ${look.name}: ${flaw}`));
    found.push(...complaints.map((complaint) => `${look.name}: ${complaint}`));
  }
  assert.deepEqual(found, []);
});

test('the first page loads less than 300 KB, compressed', { skip }, async (t) => {
  const web = await startWebGateway(t);
  const { page } = await openPage(t, web.origins[0]);
  await setUp(page, web);
  const { page: fresh } = await openPage(t, web.origins[0]);
  const session = await fresh.context().newCDPSession(fresh);
  await session.send('Network.enable');
  let bytes = 0;
  session.on('Network.loadingFinished', ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  await logOn(fresh);
  await settled(fresh);
  t.diagnostic(`logon and first page: ${Math.round(bytes / 1000)} KB`);
  assert.ok(bytes > 50_000 && bytes < 300_000, `${bytes} bytes`);
});
