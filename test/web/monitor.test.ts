// The pages of the monitor as an administrator uses them, with real mail going through the gateway.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { sendMail } from '../gateway/client.ts';
import { chromiumPath, openPage, setUp } from './chromium.ts';
import { sendFromPartners, sendToNobody, startTraffic } from './traffic.ts';
import { startWebGateway } from './web-gateway.ts';

const skip = chromiumPath === null ? 'chromium is not installed' : false;

/** Asks the page again until it shows what the gateway has noted meanwhile. */
async function eventually(page: Page, path: string, shown: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    await page.goto(path);
    await page.locator('h1').waitFor();
    await page.waitForFunction(() => document.querySelector('[aria-busy="true"]') === null);
    if (await shown()) return;
    assert.ok(Date.now() < deadline, `${path} does not show it:\n${await page.locator('main').innerText()}`);
  }
}

const row = (page: Page, text: string | RegExp) => page.getByRole('row').filter({ hasText: text });

test('the monitor, with mail', { skip, timeout: 600_000 }, async (t) => {
  const traffic = await startTraffic(t);
  const bank = `  - { domain: bank.example, to: ["localhost:${traffic.destination.port}"] }
destinations:
  - { domain: bank.example, tls: required-verify }
`;
  const web = await startWebGateway(t, `${traffic.config}${bank}`);
  const { page, complaints } = await openPage(t, web.origins[0]);
  await setUp(page, web);
  assert.equal(await sendFromPartners(web.smtpPort, 'quarterly figures'), 3);
  const waiting = await sendToNobody(web.smtpPort, 3);
  await web.gateway.logged(/Connection Error: DCID \d+ domain: away\.example/);

  await t.test('the overview counts live', async () => {
    await page.goto('/monitor/overview');
    const now = page.getByRole('list', { name: 'Now' });
    await now.getByRole('listitem').filter({ hasText: 'In the queue' }).getByText('3', { exact: true }).waitFor();
    await now.getByText('Online').waitFor();
    const figure = page.getByRole('figure', { name: 'Queue' });
    await figure.getByText('The newest values as a table').click();
    await figure.getByRole('cell', { name: '3', exact: true }).first().waitFor();
    await page.getByText('1 hour', { exact: true }).click();
    await page.getByRole('figure', { name: 'Mail in and out' }).getByText('The newest values as a table').click();
    await page
      .getByRole('figure', { name: 'Mail in and out' })
      .getByRole('cell', { name: '6', exact: true })
      .first()
      .waitFor();
  });

  await t.test('a message is found by its subject, and its whole story is told', async () => {
    const search = '/monitor/tracking?subject=figures&sender=%40modern.demo';
    await eventually(page, search, async () => (await row(page, 'Delivered').count()) === 1);
    assert.equal(await page.getByRole('row').count(), 2);
    await row(page, 'quarterly figures').getByRole('link').click();
    await page.getByRole('heading', { name: /^Message \d+$/ }).waitFor();
    const incoming = page.getByRole('region', { name: 'How it came in' });
    await incoming.getByText('TLSv1.3, TLS_', { exact: false }).waitFor();
    await page
      .getByRole('region', { name: 'How it went out' })
      .getByText(`127.0.0.1:${traffic.destination.port}`)
      .waitFor();
    await page.getByRole('region', { name: 'How it went out' }).getByText('TLSv1.3, TLS_', { exact: false }).waitFor();
    const story = page.getByRole('region', { name: 'What happened' }).getByRole('listitem');
    await story.filter({ hasText: 'Delivered to you@example.com.' }).waitFor();
    await story.filter({ hasText: 'Every recipient is settled.' }).waitFor();
  });

  await t.test('the form finds by MID, sender, recipient and time', async () => {
    await page.goto('/monitor/tracking');
    await page.getByLabel('Message ID (MID)').fill(String(waiting[1]));
    await page.getByRole('button', { name: 'Search' }).click();
    await row(page, 'sender2@example.org').waitFor();
    assert.equal(await page.getByRole('row').count(), 2);
    await page.getByRole('button', { name: 'Clear' }).click();
    await row(page, 'sender@erp.demo').waitFor();
    await page.getByRole('textbox', { name: 'Recipient' }).fill('@away.example');
    await page.getByRole('button', { name: 'Search' }).click();
    await row(page, 'sender@erp.demo').waitFor({ state: 'detached' });
    assert.equal(await row(page, '@away.example').count(), 3);
    await page.getByLabel('From', { exact: true }).fill('2001-01-01T00:00');
    await page.getByLabel('Until').fill('2001-01-02T00:00');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByText('No message matches').waitFor();
  });

  await t.test('the queue: why it waits, hold, release, deliver now, delete', async () => {
    await page.goto('/monitor/queue');
    const mine = row(page, 'sender1@example.org');
    await mine.getByText('Connection refused', { exact: false }).waitFor();
    await mine.getByRole('checkbox').check();
    await page.getByRole('button', { name: 'Hold' }).click();
    await page.getByText('1 delivery is on hold.').waitFor();
    await mine.getByText('On hold').waitFor();
    await mine.getByRole('checkbox').check();
    await page.getByRole('button', { name: 'Release' }).click();
    await page.getByText('1 delivery was released.').waitFor();
    await page.getByRole('checkbox', { name: 'Select all on this page' }).check();
    await page.getByRole('button', { name: 'Deliver now' }).click();
    await page.getByText('are tried now', { exact: false }).waitFor();
    await mine.getByRole('checkbox').check();
    await page.getByRole('button', { name: 'Delete' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('it cannot be undone', { exact: false }).waitFor();
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await dialog.waitFor({ state: 'hidden' });
    await mine.waitFor();
    await page.getByRole('button', { name: 'Delete' }).click();
    await dialog.getByRole('button', { name: 'Delete' }).click();
    await page.getByText('1 delivery was deleted.').waitFor();
    await mine.waitFor({ state: 'detached' });
    await web.gateway.logged(/MID \d+ deleted by anna/);
  });

  await t.test('the queue by destination', async () => {
    await page.goto('/monitor/queue?view=destinations');
    const away = row(page, 'Down');
    await away.getByRole('link').click();
    await row(page, 'sender2@example.org').waitFor();
    assert.match(page.url(), /destination=/);
  });

  await t.test('the mail log: live, filtered, paused', async () => {
    await page.goto('/monitor/log');
    const log = page.getByRole('log');
    await log.getByText('Info: Version:', { exact: false }).first().waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    const [mid] = await sendToNobody(web.smtpPort, 1);
    await log
      .getByText(`MID ${mid} queued for delivery`, { exact: false })
      .or(log.getByRole('link', { name: `MID ${mid}` }).first())
      .first()
      .waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    const [second] = await sendToNobody(web.smtpPort, 1);
    await page.getByText(/Paused; [1-9]\d* new lines?/).waitFor();
    assert.equal(await log.getByRole('link', { name: `MID ${second}`, exact: true }).count(), 0);
    await page.getByRole('button', { name: 'Go on' }).click();
    await log
      .getByRole('link', { name: `MID ${second}`, exact: true })
      .first()
      .waitFor();
    await page.getByRole('textbox', { name: 'Only lines with these words' }).fill('tls failed');
    await page.waitForFunction(() => {
      const lines = [...document.querySelectorAll('[role="log"] > div')];
      return lines.length > 0 && lines.every(({ textContent }) => /tls failed/i.test(textContent ?? ''));
    });
  });

  await t.test('a message whose TLS fails: what was wanted, and why it was not got', async () => {
    const mid = await sendMail(web.smtpPort, { from: 'sender@example.org', to: 'clerk@bank.example' });
    const outgoing = page.getByRole('region', { name: 'How it went out' });
    const told = outgoing.getByText('required-verify:failed');
    await eventually(page, `/monitor/tracking/${mid}`, async () => (await told.count()) === 1);
    await outgoing.getByText('TLS failed').waitFor();
    await outgoing.getByText('self-signed', { exact: false }).first().waitFor();
    const story = page.getByRole('region', { name: 'What happened' }).getByRole('listitem');
    await story.filter({ hasText: 'Delayed for clerk@bank.example (4.7.5).' }).waitFor();
  });

  await t.test('TLS connections: a column a version, and the same as a file', async () => {
    await eventually(page, '/monitor/tls-connections', async () => (await page.getByRole('row').count()) > 1);
    const sum = page.getByRole('region', { name: /domain/ });
    assert.match(await sum.innerText(), /TLS v1\.3/);
    for (const version of ['TLS v1.0', 'TLS v1.1', 'TLS v1.2', 'TLS v1.3']) {
      await page.getByRole('table', { name: 'TLS Connections' }).getByRole('columnheader', { name: version }).waitFor();
    }
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Export as CSV' }).click(),
    ]);
    const lines = readFileSync(await file.path(), 'utf8')
      .trimEnd()
      .split('\r\n');
    assert.match(lines[0] ?? '', /^Domain,.*TLS v1\.0,TLS v1\.1,TLS v1\.2,TLS v1\.3,Total,Messages$/);
    const shown = (await page.getByRole('table', { name: 'TLS Connections' }).getByRole('row').count()) - 1;
    assert.equal(lines.length - 1, shown);
    await page.getByText('Outgoing', { exact: true }).click();
    await row(page, 'example.com').waitFor();
    const secured = page.getByRole('table', { name: 'TLS wanted and got' }).getByRole('row');
    await secured.filter({ hasText: 'required-verify' }).getByText('failed').waitFor();
  });

  await t.test('failures say what to do', async () => {
    await eventually(
      page,
      '/monitor/failures?direction=incoming',
      async () => (await page.getByRole('row').count()) > 1,
    );
    const explanation = await page.getByRole('row').nth(1).innerText();
    assert.match(explanation, /TLS 1\.0|TLSv1\.0|TLS v1\.0/);
    await page.getByLabel('Contains').fill('nothing has this text');
    await page.getByText('Nothing failed').waitFor();
  });

  assert.deepEqual(complaints, []);
});

test('all that match, piece by piece', { skip, timeout: 600_000 }, async (t) => {
  const traffic = await startTraffic(t);
  const web = await startWebGateway(t, traffic.config);
  const { page, complaints } = await openPage(t, web.origins[0], { language: 'de' });
  await setUp(page, web);
  await page.setViewportSize({ width: 390, height: 900 });
  await sendToNobody(web.smtpPort, 120);
  await page.goto('/monitor/queue?recipient=%40away.example');
  await row(page, 'sender100@example.org').waitFor();
  await page.getByRole('button', { name: 'Alle auf dieser Seite auswählen' }).click();
  await page.getByRole('button', { name: 'Alle Treffer der Suche auswählen' }).click();
  await page.getByRole('button', { name: 'Anhalten' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Anhalten' }).click();
  await page.getByText('120 Zustellungen sind angehalten.').waitFor();
  assert.deepEqual(complaints, []);
});
