// DNS Records in Chromium: a key is made, cannot sign unseen, signs when one insists.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chromiumPath, openPage, picture, setUp } from './chromium.ts';
import { startWebGateway } from './web-gateway.ts';

const skip = chromiumPath === null ? 'chromium is not installed' : false;

test('a key for signing is made, published, and put to use', { skip }, async (t) => {
  // Nobody answers there.
  const web = await startWebGateway(t, 'dns: { servers: ["127.0.0.1:1"] }\n');
  const { page, complaints } = await openPage(t, web.origins[0]);
  await setUp(page, web);
  await page.goto('/network/dns');
  await page.getByText('No mail is signed.').waitFor();
  await page.getByText('Unknown').first().waitFor();

  await page.getByRole('button', { name: 'Make a key' }).click();
  const dialog = page.getByRole('dialog', { name: 'Make a key' });
  await dialog.getByLabel('Domain').fill('com');
  await dialog.getByRole('button', { name: 'Add' }).click();
  await dialog.getByText("is nobody's domain").waitFor();
  await dialog.getByLabel('Domain').fill('example.com');
  await dialog.getByLabel('Selector (optional)').fill('web1');
  await dialog.getByRole('button', { name: 'Add' }).click();
  const record = dialog.getByLabel('Record of web1._domainkey.example.com');
  assert.match(await record.inputValue(), /^web1\._domainkey\.example\.com\. IN TXT "v=DKIM1; k=rsa; p=/);
  await dialog.getByRole('button', { name: 'Close' }).last().click();

  const keys = page.getByRole('region', { name: 'Keys that sign mail (DKIM)' });
  await keys.getByText('Waits for its record').waitFor();
  await picture(page, 'dns-key');
  await keys.getByRole('button', { name: 'Sign with it' }).click();
  const question = page.getByRole('dialog', { name: 'Sign all the same?' });
  await question.getByText('DNS does not answer').waitFor();
  await question.getByRole('button', { name: 'Sign all the same' }).click();
  await keys.getByText('Signs', { exact: true }).waitFor();
  // Refusals that the page asks for and shows are no complaint.
  assert.deepEqual(
    complaints.filter((text) => !/status of (400|409|422)/.test(text)),
    [],
  );
});
