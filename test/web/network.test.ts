// The pages of Network and Mail Policies as an administrator uses them: everything goes into the candidate, errors stand at their
// fields, nothing that was typed is lost.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Page } from 'playwright-core';
import { temporaryDirectory } from '../gateway/harness.ts';
import { chromiumPath, openPage, picture, setUp } from './chromium.ts';
import { startWebGateway } from './web-gateway.ts';

const skip = chromiumPath === null ? 'chromium is not installed' : false;
const row = (page: Page, text: string | RegExp) => page.getByRole('row').filter({ hasText: text });
const dialog = (page: Page) => page.getByRole('dialog');
const submit = (page: Page) => dialog(page).getByRole('button', { name: 'Submit' }).click();
const closed = (page: Page) => dialog(page).waitFor({ state: 'hidden' });

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'ignore' });
}

/** An authority's signed certificate, its chain and its key, in files. */
function certificate(t: TestContext) {
  const directory = temporaryDirectory(t);
  const file = (name: string) => join(directory, name);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const sign = (name: string, by: string, days: string) => {
    const signer = ['-CA', file(`${by}.crt`), '-CAkey', file(`${by}.key`)];
    const how = ['-copy_extensions', 'copy', '-days', days];
    openssl('x509', '-req', '-in', file(`${name}.csr`), ...signer, ...how, '-out', file(`${name}.crt`));
  };
  const root = ['-subj', '/CN=Test Root', '-days', '300', '-keyout', file('root.key'), '-out', file('root.crt')];
  openssl('req', '-x509', ...key, ...root);
  const authority = ['-subj', '/CN=Test Authority', '-addext', 'basicConstraints=critical,CA:TRUE'];
  openssl('req', ...key, ...authority, '-keyout', file('ca.key'), '-out', file('ca.csr'));
  sign('ca', 'root', '200');
  const host = ['-subj', '/CN=mx.example.com', '-addext', 'subjectAltName=DNS:mx.example.com'];
  openssl('req', ...key, ...host, '-keyout', file('mx.key'), '-out', file('mx.csr'));
  sign('mx', 'ca', '20');
  const parts = ['-in', file('mx.crt'), '-inkey', file('mx.key'), '-certfile', file('ca.crt')];
  openssl('pkcs12', '-export', ...parts, '-passout', 'pass:secret words', '-out', file('mx.p12'));
  return { file, text: (name: string) => readFileSync(file(name), 'utf8') };
}

test('tables of the configuration', { skip, timeout: 600_000 }, async (t) => {
  const web = await startWebGateway(t);
  const { page, complaints } = await openPage(t, web.origins[0]);
  await setUp(page, web);

  await t.test('a listener: an error at its field, then the change is pending', async () => {
    await page.goto('/network/listeners');
    await row(page, `127.0.0.1:${web.smtpPort}`).waitFor();
    await page.getByRole('button', { name: 'Add listener' }).click();
    await dialog(page).getByLabel('Name').fill('submission');
    await dialog(page).getByLabel('IP address').fill('not an address');
    await dialog(page).getByRole('textbox', { name: 'Port' }).fill('2587');
    await submit(page);
    await dialog(page).getByText('is not an IPv4 or IPv6 address', { exact: false }).waitFor();
    assert.equal(await dialog(page).getByLabel('Name').inputValue(), 'submission');
    assert.equal(await dialog(page).getByLabel('IP address').getAttribute('aria-invalid'), 'true');
    await dialog(page).getByLabel('IP address').fill('127.0.0.1');
    await submit(page);
    await closed(page);
    await row(page, '127.0.0.1:2587').getByText('Added').waitFor();
    await page
      .getByRole('link', { name: 'Commit Changes' })
      .or(page.getByRole('button', { name: 'Commit Changes' }))
      .waitFor();
  });

  await t.test('domains, several at once: all or none', async () => {
    await page.goto('/policies/recipients');
    await row(page, 'example.com').waitFor();
    await page.getByRole('button', { name: 'Add domains' }).click();
    await dialog(page).getByLabel('Domain').fill('one.example\nnot/a/domain\ntwo.example');
    await dialog(page).getByRole('button', { name: 'Add 3' }).click();
    await dialog(page).getByText('not/a/domain', { exact: false }).last().waitFor();
    assert.match(await dialog(page).getByLabel('Domain').inputValue(), /two\.example/);
    await dialog(page).getByLabel('Domain').fill('one.example\ntwo.example');
    await dialog(page).getByRole('button', { name: 'Add 2' }).click();
    await closed(page);
    await row(page, 'two.example').waitFor();
    await page.getByRole('textbox', { name: 'Search' }).fill('one.');
    await row(page, 'two.example').waitFor({ state: 'detached' });
    await row(page, 'one.example').getByRole('checkbox').check();
    await page.getByRole('button', { name: 'Delete selected' }).click();
    await dialog(page).getByRole('button', { name: 'Delete' }).click();
    await page.getByText('Nothing matches').waitFor();
  });

  await t.test('a route is added and changed', async () => {
    await page.goto('/network/routes');
    await page.getByText('No routes').waitFor();
    await page.getByRole('button', { name: 'Add route' }).click();
    await dialog(page).getByLabel('Domain').fill('two.example');
    await dialog(page).getByLabel('Destination hosts').fill('192.0.2.7:2525\nmail.two.example:0');
    await submit(page);
    await dialog(page).getByText('is not a port', { exact: false }).waitFor();
    await dialog(page).getByLabel('Destination hosts').fill('192.0.2.7:2525');
    await submit(page);
    await closed(page);
    await page.getByRole('button', { name: 'Edit: two.example' }).click();
    await dialog(page).getByLabel('Destination hosts').fill('USEDNS');
    await submit(page);
    await closed(page);
    await row(page, 'two.example').getByText('by DNS').waitFor();
  });

  await t.test('sender groups keep the order that they are given', async () => {
    await page.goto('/policies/groups');
    for (const [name, match] of [
      ['FIRST', '192.0.2.0/24'],
      ['SECOND', '.spam.example'],
    ] as const) {
      await page.getByRole('button', { name: 'Add sender group' }).click();
      await dialog(page).getByLabel('Name').fill(name);
      await dialog(page).getByLabel('Matches').fill(match);
      await submit(page);
      await closed(page);
      await row(page, name).waitFor();
    }
    await page.getByRole('button', { name: 'Move up: SECOND' }).click();
    await page.getByRole('row').nth(1).filter({ hasText: 'SECOND' }).waitFor();
  });

  /** Opens a list of the dialog and chooses from it. */
  const select = async (list: string, option: string) => {
    const name = new RegExp(`^${list}`);
    await dialog(page).getByRole('combobox', { name }).or(dialog(page).getByRole('textbox', { name })).first().click();
    await page.getByRole('option', { name: option, exact: true }).click();
  };

  await t.test('a destination with TLS that is verified, by CAs of its own', async () => {
    await page.goto('/policies/destinations');
    await page.getByRole('button', { name: 'Add destination' }).click();
    await dialog(page).getByRole('textbox', { name: 'Destination' }).fill('partner.example');
    await select('TLS', 'Required, verify');
    await dialog(page).getByLabel('Names in the certificate').fill('mx.partner.example');
    await select('Trust anchors', "Custom CAs and the system's");
    await dialog(page).getByLabel('File of the custom CAs').fill('nowhere.pem');
    await select('Client certificate', 'demo');
    await select('MTA-STS', 'Do not ask for a policy');
    await submit(page);
    await dialog(page).getByText('there is no such file', { exact: false }).waitFor();
    assert.equal(await dialog(page).getByLabel('File of the custom CAs').getAttribute('aria-invalid'), 'true');
    const demo = join(web.gateway.data, 'certificates', 'demo-ecdsa');
    const upload = dialog(page).locator('input[type="file"]');
    await upload.setInputFiles(`${demo}.key`);
    await dialog(page).getByText('has no certificate in it', { exact: false }).waitFor();
    // The key that stands beside it does not come along.
    const both = {
      name: 'ca.pem',
      mimeType: 'text/plain',
      buffer: Buffer.from(readFileSync(`${demo}.key`, 'utf8') + readFileSync(`${demo}.crt`, 'utf8')),
    };
    await upload.setInputFiles(both);
    await page.waitForFunction(() =>
      [...document.querySelectorAll('input')].some(({ value }) => /^certificates\/ca-[0-9a-f]{16}\.crt$/.test(value)),
    );
    const stored = await dialog(page).getByLabel('File of the custom CAs').inputValue();
    const kept = readFileSync(join(web.gateway.data, stored), 'utf8');
    assert.match(kept, /BEGIN CERTIFICATE/);
    assert.doesNotMatch(kept, /PRIVATE KEY/);
    await submit(page);
    await closed(page);
    const added = row(page, 'partner.example');
    for (const text of [
      'Required, verify',
      'Names: mx.partner.example',
      `Custom CAs: ${stored}, and the system's`,
      'Client certificate: demo',
      'MTA-STS is not asked for',
    ]) {
      await added.getByText(text, { exact: true }).waitFor();
    }
    await page.getByRole('button', { name: 'Edit: partner.example' }).click();
    await picture(page, 'destination-edit-1280');
    await select('MTA-STS', 'Default');
    await submit(page);
    await closed(page);
    await added.getByText('MTA-STS is not asked for').waitFor({ state: 'detached' });
  });

  await t.test('the default for all others, and what a sender demands', async () => {
    await page.getByRole('button', { name: 'Add destination' }).click();
    await dialog(page).getByRole('textbox', { name: 'Destination' }).fill('*');
    await select('TLS', 'DANE where there is one');
    await submit(page);
    await closed(page);
    await row(page, 'All others').getByText('DANE where there is one').waitFor();
    await picture(page, 'destinations-1280');
    await page.goto('/policies/senders');
    await page.getByRole('button', { name: 'Add sender' }).click();
    await dialog(page).getByLabel('Sender').fill('*@example.com');
    await submit(page);
    await dialog(page).getByText('has a "*"', { exact: false }).waitFor();
    await dialog(page).getByLabel('Sender').fill('@legal.example');
    await select('At least', 'Required, verify');
    await picture(page, 'sender-add-1280');
    await submit(page);
    await closed(page);
    await row(page, '@legal.example').getByText('Required, verify').waitFor();
  });

  await t.test('all of it is committed', async () => {
    await page.goto('/commit');
    await page.getByRole('button', { name: 'Commit Changes' }).last().click();
    await page.getByText('No Changes Pending').first().waitFor();
    const { output } = await web.gateway.shell(['showconfig']);
    const words = ['submission', 'two.example', 'USEDNS', 'SECOND', 'mx.partner.example', 'certificates/ca-', '@legal'];
    for (const word of words) assert.match(output, new RegExp(word));
    await page.goto('/network/certificates');
    await page.getByText('Destination partner.example (as a client)', { exact: false }).waitFor();
  });
  assert.deepEqual(complaints, []);
});

test('certificates', { skip, timeout: 600_000 }, async (t) => {
  const { file, text } = certificate(t);
  const web = await startWebGateway(t);
  const { page, complaints } = await openPage(t, web.origins[0]);
  await setUp(page, web);
  await page.goto('/network/certificates');
  await page.getByRole('heading', { name: 'demo' }).waitFor();

  await t.test('PEM: what is wrong is said, then it is there with its chain and expiry', async () => {
    await page.getByRole('button', { name: 'Upload' }).click();
    await dialog(page).getByRole('textbox', { name: 'Name' }).fill('mx');
    const pem = dialog(page).getByLabel('Certificate with its chain (PEM)');
    await pem.fill(text('mx.crt'));
    await dialog(page).getByLabel('Private key (PEM)').fill(text('ca.key'));
    await submit(page);
    await dialog(page).getByText('no certificate belongs to the private key', { exact: false }).waitFor();
    await pem.fill(text('mx.crt') + text('ca.crt'));
    await dialog(page).getByLabel('Private key (PEM)').fill(text('mx.key'));
    await submit(page);
    await closed(page);
    const card = page.getByRole('region', { name: 'mx', exact: true });
    await card.getByText('mx.example.com').first().waitFor();
    await card.getByText(/\d+ days left/).waitFor();
    await card.getByText('Chain of 2 certificates').click();
    await card.getByRole('listitem').filter({ hasText: 'Test Authority' }).first().waitFor();
  });

  await t.test('it is chosen for a listener', async () => {
    await page.getByRole('button', { name: 'Actions: mx' }).click();
    await page.getByRole('menuitem', { name: 'Choose for services' }).click();
    await dialog(page).getByLabel('Listener inbound').check();
    await submit(page);
    await closed(page);
    await page.getByRole('region', { name: 'mx', exact: true }).getByText('Listener inbound').waitFor();
  });

  await t.test('PKCS#12 with its passphrase', async () => {
    await page.getByRole('button', { name: 'Upload' }).click();
    await dialog(page).getByRole('textbox', { name: 'Name' }).fill('p12');
    await dialog(page).getByText('PKCS#12', { exact: true }).click();
    await page.locator('input[type="file"]').setInputFiles(file('mx.p12'));
    await dialog(page).getByRole('textbox', { name: 'Passphrase' }).fill('secret words');
    await submit(page);
    await closed(page);
    await page.getByRole('heading', { name: 'p12' }).waitFor();
  });

  await t.test('a request, answered by the authority', async () => {
    await page.getByRole('button', { name: 'New request (CSR)' }).click();
    await dialog(page).getByRole('textbox', { name: 'Name', exact: true }).fill('asked');
    await dialog(page).getByLabel('Common name').fill('asked.example.com');
    await dialog(page).getByRole('button', { name: 'Make the request' }).click();
    const csr = await dialog(page).getByLabel('Request for the authority (PKCS#10)').inputValue();
    assert.match(csr, /^-----BEGIN CERTIFICATE REQUEST-----/);
    await dialog(page).getByRole('button', { name: 'Close' }).last().click();
    await page.getByText('Requests that wait for their certificate').waitFor();
  });
  assert.deepEqual(complaints, []);
});
