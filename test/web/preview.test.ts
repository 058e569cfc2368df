// Who would break: beside the boxes while one clicks, and before the commit, which asks once more.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Peer } from '../delivery/peer.ts';
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

test('rehearsal and verification show how far they are, and then what each destination would do', {
  skip,
}, async (t) => {
  const tls = await startOpensslDestination(rsa, ['-tls1_3', ...anyLevel], '127.0.0.23');
  const many = await Peer.start({ tls: { key: rsa.key, cert: rsa.cert } });
  t.after(() => Promise.all([tls.close(), many.close()]));
  const web = await startWebGateway(
    t,
    `relay: [127.0.0.1]
routes:
  - { domain: only.example, to: ["${tls.address}:${tls.port}"] }
  - { domain: .many.example, to: ["127.0.0.1:${many.port}"] }
destinations:
  - { domain: strict.many.example, tls: required-verify }
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

  await page.goto('/monitor/verification');
  await page.getByText('Nothing verified yet').waitFor();
  const names = Array.from({ length: 98 }, (_, n) => `d${String(n).padStart(2, '0')}.many.example`);
  await page
    .getByRole('textbox', { name: 'Domains' })
    .fill(['strict.many.example', 'only.example', ...names].join('\n'));
  await page.getByLabel(/Try every host/).check();
  await page.getByRole('button', { name: 'Verify' }).click();
  await page.getByRole('button', { name: 'End it' }).waitFor();
  await page.getByText('100 of 100 domains are done').waitFor();
  await page.getByText('Mail to 1 domain would not go out as it should.').waitFor();
  await page
    .getByRole('row', {
      name: /strict\.many\.example failed TLSv1\.3 TLS_AES_256_GCM_SHA384 not verified required-verify .* self-signed/,
    })
    .waitFor();
  await picture(page, 'verification');
  const whole = page.getByRole('dialog', { name: 'Everything about only.example' });
  const look = async (name: string) => {
    await page.getByRole('button', { name: 'only.example' }).click();
    for (const text of [
      'Host 127.0.0.23',
      'Name signed (DNSSEC) or configured',
      'preferred, at least clear text',
      'the level of the destination is preferred',
      'TLSv1.3 TLS_AES_256_GCM_SHA384',
      'X25519',
      'TLSv1.2: no (',
      'TLSv1.3: yes, TLS_AES_256_GCM_SHA384',
    ]) {
      await whole.getByText(text).first().waitFor();
    }
    await whole.getByText('In the words of tlsverify').click();
    await whole.getByText('TLS connection succeeded only.example.').waitFor();
    await picture(page, name);
    await whole.getByRole('button', { name: 'Close' }).click();
    await whole.waitFor({ state: 'detached' });
  };
  await look('verification-domain-100');
  await page.setViewportSize({ width: 390, height: 800 });
  await page.getByRole('textbox', { name: 'Domains' }).fill('strict.many.example only.example');
  await page.getByRole('button', { name: 'Verify' }).click();
  await page.getByText('2 of 2 domains are done').waitFor();
  await picture(page, 'verification-390');
  await look('verification-domain-390');
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth));
  assert.deepEqual(complaints, []);
});
