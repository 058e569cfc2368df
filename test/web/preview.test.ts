// Who would break: beside the boxes while one clicks, and before the commit, which asks once more.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { sendMail } from '../gateway/client.ts';
import { startOpensslDestination } from '../gateway/openssl-destination.ts';
import { anyLevel, CertificateDirectory } from '../tls/peers.ts';
import { chromiumPath, openPage, picture, setUp } from './chromium.ts';
import { handshake, startWebGateway } from './web-gateway.ts';

const certificates = new CertificateDirectory();
const rsa = certificates.make('rsa:2048');
after(() => certificates.remove());
const skip = chromiumPath === null ? 'chromium is not installed' : false;

test('the panel names who would break, keeps them with one click, and the commit asks once more', {
  skip,
}, async (t) => {
  const web = await startWebGateway(t);
  const { page, complaints } = await openPage(t, web.origins[0]);
  await setUp(page, web);
  assert.match(await handshake(web, '-tls1_2'), /TLSv1\.2/);
  assert.match(await handshake(web, '-tls1_3'), /TLSv1\.3/);

  await page.goto('/system/ssl');
  await page.getByRole('region', { name: 'Advice' }).waitFor();
  await page.getByRole('button', { name: 'Edit Settings' }).first().click();
  const panel = page.getByRole('region', { name: 'Who would be affected' });
  await panel.getByText('Nothing about TLS is changed.').waitFor();
  const box = page
    .getByRole('group', { name: 'TLS versions of Inbound SMTP' })
    .getByRole('checkbox', { name: 'TLS v1.2' });
  await box.click();
  const breaks = panel.getByText('1 peer of the last 30 days would break.');
  await breaks.waitFor();
  await panel.getByText('Breaks: 1 peer, 1 connection, 0 messages').waitFor();
  await panel.getByText(/127\.0\.0\.1\)?, 1 connection in 30 days.*offers TLS 1\.2/).waitFor();
  await panel.getByRole('button', { name: 'Keep them: also keep TLS v1.2 for Inbound SMTP' }).click();
  await panel.getByText('Nothing about TLS is changed.').waitFor();
  assert.ok(await box.isChecked(), 'one click has kept them');
  await box.click();
  await breaks.waitFor();
  await picture(page, 'edit');
  await page.getByRole('button', { name: 'Submit' }).click();

  await page.getByRole('link', { name: /Commit Changes/ }).click();
  await breaks.waitFor();
  await panel.getByText('As a table').click();
  await panel.getByRole('row', { name: 'TLS v1.2 refused 1 1 0' }).waitFor();
  await picture(page, 'commit');
  await page.setViewportSize({ width: 390, height: 800 });
  await picture(page, 'commit-390');
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth));
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.getByRole('button', { name: 'Commit Changes' }).click();
  const dialog = page.getByRole('dialog', { name: 'Commit although somebody breaks?' });
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('link', { name: /Commit Changes/ }).waitFor();
  await page.getByRole('button', { name: 'Commit Changes' }).click();
  await dialog.getByRole('button', { name: 'Commit anyway' }).click();
  await page.getByText('Changes committed').waitFor();
  assert.match(await handshake(web, '-tls1_2'), /alert protocol version|unsupported protocol/);
  assert.deepEqual(complaints, []);
});

test('a rehearsal shows how far it is, and then what each destination would do', { skip }, async (t) => {
  const tls = await startOpensslDestination(rsa, ['-tls1_3', ...anyLevel], '127.0.0.23');
  t.after(() => tls.close());
  const web = await startWebGateway(
    t,
    `relay: [127.0.0.1]
routes:
  - { domain: only.example, to: ["${tls.address}:${tls.port}"] }
limits: { destinationMessages: 1 }
`,
  );
  await sendMail(web.smtpPort, { from: 'a@example.org', to: 'b@only.example' });
  while (tls.recipients.length < 1) await sleep(20);
  const { page, complaints } = await openPage(t, web.origins[0]);
  await setUp(page, web);
  await page.goto('/system/rehearsal');
  await page.getByText('No rehearsal yet').waitFor();
  await page.getByRole('button', { name: 'Begin' }).click();
  await page.getByText('Mail would reach every destination that answered.').waitFor();
  await page.getByRole('row', { name: /only\.example .* secure TLS v1\.3 TLS_AES_256_GCM_SHA384 TLSv1\.3/ }).waitFor();
  await picture(page, 'rehearsal');

  await page.goto('/system/ssl');
  await page.getByRole('button', { name: 'Edit Settings' }).last().click();
  const boxes = page.getByRole('group', { name: 'TLS versions of Outbound SMTP' });
  await boxes.getByRole('checkbox', { name: 'TLS v1.3' }).click();
  const outgoing = page.getByRole('region', { name: 'Outbound SMTP' });
  const told = await outgoing.getByRole('listitem').innerText();
  assert.equal(told.match(/it chose TLS 1\.3/g)?.length, 1, told);
  assert.deepEqual(complaints, []);
});
