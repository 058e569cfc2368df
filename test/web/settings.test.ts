// An administrator at work in Chromium: set-up, SSL settings, commit, and what comes of it on the mail listener.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chromiumPath, logOn, openPage, picture, setUp } from './chromium.ts';
import { administrator, handshake, startWebGateway } from './web-gateway.ts';

const skip = chromiumPath === null ? 'chromium is not installed' : false;

test('set-up, SSL settings, commit, and the mail listener behaves so', { skip }, async (t) => {
  const web = await startWebGateway(t);
  const { page, complaints } = await openPage(t, web.origins[0]);
  await setUp(page, web);
  await page.goto('/system/ssl');
  await page.getByRole('button', { name: 'Edit Settings' }).first().click();
  const inbound = page.getByRole('group', { name: 'TLS versions of Inbound SMTP' });

  // The pattern of the boxes, as one clicks.
  const box = (version: string) => inbound.getByRole('checkbox', { name: version });
  const state = async () =>
    Promise.all(
      ['TLS v1.0', 'TLS v1.1', 'TLS v1.2', 'TLS v1.3'].map(async (version) => {
        const grey = (await box(version).getAttribute('aria-disabled')) === 'true';
        return `${(await box(version).isChecked()) ? 'on' : 'off'}${grey ? ' grey' : ''}`;
      }),
    );
  assert.deepEqual(await state(), ['off grey', 'off', 'on', 'on']);
  await box('TLS v1.1').click();
  assert.deepEqual(await state(), ['off', 'on', 'on grey', 'on']);
  await box('TLS v1.2').click({ force: true });
  assert.deepEqual(await state(), ['off', 'on', 'on grey', 'on'], 'a grey box does not change');
  assert.match(await box('TLS v1.2').evaluate(describedBy), /TLS v1\.2 bridges TLS v1\.1 and TLS v1\.3/);
  await box('TLS v1.1').click();
  await box('TLS v1.2').click();
  assert.deepEqual(await state(), ['off grey', 'off grey', 'off', 'on grey']);

  await page.getByRole('button', { name: 'Submit' }).click();
  await page.getByRole('link', { name: /Commit Changes/ }).click();
  await page.getByText('tls.inbound.versions').waitFor();
  await page.getByLabel('Comment (optional)').fill('TLS 1.3 alone for incoming mail');
  await page.getByRole('button', { name: 'Commit Changes' }).click();
  await page.getByText('Changes committed').waitFor();
  await page.getByText('No Changes Pending').waitFor();

  assert.match(await handshake(web, '-tls1_3'), /TLSv1\.3/);
  assert.match(await handshake(web, '-tls1_2'), /alert protocol version|unsupported protocol/);
  await web.gateway.logged(/TLS explanation: The peer offered TLS v1\.2 at most; Inbound SMTP allows TLS v1\.3/);

  await page.goto('/system/history');
  await page.getByText('TLS 1.3 alone for incoming mail').waitFor();
  assert.deepEqual(complaints, []);
});

function describedBy(element: Element): string {
  const id = element.getAttribute('aria-describedby') ?? '';
  return id
    .split(' ')
    .map((one) => document.getElementById(one)?.textContent ?? '')
    .join(' ');
}

test('the ciphers are expanded while one types, unknown words are marked', { skip }, async (t) => {
  const web = await startWebGateway(t);
  const { page, complaints } = await openPage(t, web.origins[1]);
  await setUp(page, web);
  await page.goto('/system/ssl');
  await page.getByRole('button', { name: 'Edit Settings' }).first().click();
  const field = page.getByRole('textbox', { name: 'SSL Cipher(s) to use' }).first();
  await field.fill('ECDHE-RSA-AES128-GCM-SHA256:NONSENSE');
  await page.locator('mark', { hasText: 'NONSENSE' }).waitFor();
  await page.getByText('is not a word of OpenSSL').waitFor();
  await field.fill('ECDHE-RSA-AES128-GCM-SHA256');
  // The three of TLS 1.3, and this one.
  await page.getByRole('button', { name: '4 cipher suites' }).click();
  await page.getByRole('cell', { name: 'ECDHE-RSA-AES128-GCM-SHA256' }).waitFor();
  await page.getByRole('button', { name: 'The ciphers of TLS v1.3 (GUI HTTPS)' }).click();
  const dialog = page.getByRole('dialog', { name: 'Ciphers of TLS v1.3' });
  assert.deepEqual(await dialog.locator('li').allInnerTexts(), [
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'TLS_AES_128_GCM_SHA256',
  ]);
  assert.deepEqual(complaints, []);
});

test('one logs off, and on again; a wrong password is said, not shown', { skip }, async (t) => {
  const web = await startWebGateway(t);
  const { page, complaints } = await openPage(t, web.origins[0]);
  await setUp(page, web);
  await page.getByRole('button', { name: /My account/ }).click();
  await page.getByRole('menuitem', { name: 'Log out' }).click();
  await page.getByLabel('Username').fill(administrator.name);
  await page.getByRole('textbox', { name: 'Password' }).fill('not the password');
  await page.getByRole('button', { name: 'Log In' }).click();
  await page.getByRole('alert').waitFor();
  await logOn(page);
  assert.deepEqual(complaints, []);
});
test('a change that would lock this browser out is refused, and done when it is said again', { skip }, async (t) => {
  const web = await startWebGateway(t);
  const { page } = await openPage(t, web.origins[0]);
  await setUp(page, web);
  // Chromium offers TLS 1.2 and 1.3: without both nobody gets in any more.
  await page.goto('/system/ssl');
  await page.getByRole('button', { name: 'Edit Settings' }).first().click();
  const gui = page.getByRole('group', { name: 'TLS versions of GUI HTTPS' });
  for (const version of ['TLS v1.1', 'TLS v1.3', 'TLS v1.2'])
    await gui.getByRole('checkbox', { name: version }).click();
  await page.getByRole('button', { name: 'Submit' }).click();
  await page.getByRole('link', { name: /Commit Changes/ }).click();
  await page.getByText(/of the last 30 days would break/).waitFor();
  await page.getByRole('button', { name: 'Commit Changes' }).click();
  // Who was seen breaks, too: Chromium.
  await page.getByRole('dialog').getByRole('button', { name: 'Commit anyway' }).click();
  await page.getByText('This would lock you out').waitFor();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Commit anyway' }).click();
  await page.getByText('Changes committed').waitFor();
  await assert.rejects((await openPage(t, web.origins[0])).page.goto('/'), /ERR_SSL_VERSION_OR_CIPHER_MISMATCH/);
});

test('a change of the web service waits for a confirmation, which the browser gives over a new connection', {
  skip,
}, async (t) => {
  const web = await startWebGateway(t);
  const { page } = await openPage(t, web.origins[0]);
  await setUp(page, web);
  await page.goto('/system/ssl');
  await page.getByRole('button', { name: 'Edit Settings' }).first().click();
  const gui = page.getByRole('group', { name: 'TLS versions of GUI HTTPS' });
  await gui.getByRole('checkbox', { name: 'TLS v1.2' }).click();
  await page.getByRole('button', { name: 'Submit' }).click();
  await page.getByRole('link', { name: /Commit Changes/ }).click();
  await page.getByRole('button', { name: 'Commit Changes' }).click();
  await page.getByText('Changes committed').waitFor();
  const bar = page.getByRole('region', { name: 'A commit must be confirmed' });
  await bar.getByText(/What it changed is taken back at .* \((9 min|10 min)/).waitFor();
  await page.setViewportSize({ width: 360, height: 640 });
  await page.goto('/system/ssl');
  await bar.waitFor();
  await page.getByRole('button', { name: 'Edit Settings' }).first().waitFor();
  const free = await page.evaluate(() => {
    window.scrollTo(0, document.documentElement.scrollHeight);
    const main = document.querySelector('main');
    const last = main?.querySelector(':scope > :last-child > :last-child');
    const top = document.querySelector('[aria-label="A commit must be confirmed"]')?.getBoundingClientRect().top;
    return (top ?? 0) - (last?.getBoundingClientRect().bottom ?? Number.POSITIVE_INFINITY);
  });
  assert.ok(free >= 0, `the bar hides ${-free} px of the end of the page`);
  // Through the whole page by keyboard: what has the focus is never behind the bar or the header.
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.getByRole('button', { name: 'Edit Settings' }).first().click();
  await page.getByRole('button', { name: 'Submit' }).waitFor();
  const hidden: string[] = [];
  for (let presses = 0; presses < 90; presses++) {
    await page.keyboard.press('Tab');
    const found = await page.evaluate(() => {
      const focused = document.activeElement;
      if (focused === null || focused.closest('main') === null) return null;
      const { top, bottom, left, right } = focused.getBoundingClientRect();
      const at = (y: number) => document.elementFromPoint((left + right) / 2, y);
      const covered = [top + 2, bottom - 2].some((y) =>
        at(y)?.closest('header, [aria-label="A commit must be confirmed"]'),
      );
      return covered ? `${focused.textContent} at ${top}` : null;
    });
    if (found !== null) hidden.push(found);
  }
  assert.deepEqual(hidden, []);
  await picture(page, 'confirmation-360');
  await bar.getByRole('button', { name: 'Confirm' }).click();
  await page.getByText('Confirmed: it stays in force.').waitFor();
  await bar.waitFor({ state: 'detached' });
  assert.match(
    await web.gateway.shell('grep -i "revision 2 confirmed by anna" system').then(({ output }) => output),
    /./,
  );
});

test('a share of the peers first: begun with the commit, watched on its page, ended by a button', {
  skip,
}, async (t) => {
  const web = await startWebGateway(t);
  const { page, complaints } = await openPage(t, web.origins[0]);
  await setUp(page, web);
  await page.goto('/system/ssl');
  await page.getByRole('button', { name: 'Edit Settings' }).first().click();
  const inbound = page.getByRole('group', { name: 'TLS versions of Inbound SMTP' });
  await inbound.getByRole('checkbox', { name: 'TLS v1.2' }).click();
  await page.getByRole('button', { name: 'Submit' }).click();
  await page.getByRole('link', { name: /Commit Changes/ }).click();
  await page.getByLabel('To a share of the peers first (per cent)').fill('99');
  await page.getByLabel('To all after (minutes)').fill('30');
  await page.getByRole('button', { name: 'Commit Changes' }).click();
  await page.getByText(/A share of the peers has it until/).waitFor();
  await page.getByRole('link', { name: 'Roll-out' }).first().click();
  await page.getByText(/Running: revision 2, 99 % of the peers/).waitFor();
  assert.match(await handshake(web, '-tls1_3'), /TLSv1\.3/);
  await page.getByText('1 peer, 0 failing; 1 handshake, 0 failed').waitFor();
  await picture(page, 'roll-out');
  await page.setViewportSize({ width: 390, height: 800 });
  await picture(page, 'roll-out-390');
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth));
  await page.getByRole('button', { name: 'To all now' }).click();
  await page.getByText(/Revision 2 went to all at/).waitFor();
  assert.deepEqual(complaints, []);
});
