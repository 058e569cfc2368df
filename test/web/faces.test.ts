// The same change by the shell, a program and a browser: the same difference and the same trail, but for the face.
import assert from 'node:assert/strict';
import { request } from 'node:https';
import { userInfo } from 'node:os';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import type { Difference, History } from '../../src/admin/api/schemas/configuration.ts';
import type { Audit, AuditEntry } from '../../src/admin/api/schemas/session.ts';
import { chromiumPath, openPage, setUp } from './chromium.ts';
import { startWebGateway, type WebGateway } from './web-gateway.ts';

const skip = chromiumPath === null ? 'chromium is not installed' : false;
const comment = 'TLS 1.3 alone for incoming mail';

/** A program with a token. */
class Program {
  readonly #origin: string;
  readonly #token: string;

  constructor(origin: string, token: string) {
    this.#origin = origin;
    this.#token = token;
  }

  ask<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    const text = body === undefined ? '' : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const sent = request(
        `${this.#origin}/api/v1${path}`,
        {
          method,
          rejectUnauthorized: false,
          headers: {
            authorization: `Bearer ${this.#token}`,
            ...(body === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
          },
        },
        (response) => {
          let answer = '';
          response.setEncoding('utf8').on('data', (part: string) => {
            answer += part;
          });
          response.on('end', () => {
            if ((response.statusCode ?? 500) >= 300) reject(new Error(`${method} ${path}: ${answer}`));
            else resolve(JSON.parse(answer) as Answer);
          });
        },
      );
      sent.on('error', reject);
      sent.end(text);
    });
  }
}

/** Made by the page's own session, as its form does. */
function newToken(page: Page): Promise<string> {
  return page.evaluate(async () => {
    const session = (await (await fetch('/api/v1/session')).json()) as { csrf: string };
    const response = await fetch('/api/v1/tokens', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': session.csrf },
      body: JSON.stringify({ label: 'test', scopes: ['read', 'configuration'] }),
    });
    return ((await response.json()) as { secret: string }).secret;
  });
}

async function byShell({ gateway }: WebGateway): Promise<void> {
  const { output } = await gateway.shell(['sslconfig inbound 1', '', '', `commit "${comment}" Y`]);
  assert.match(output, /Changes committed/);
}

async function byProgram(program: Program): Promise<void> {
  const { services } = await program.ask<{ services: { service: string; candidate: { ciphers: string } }[] }>(
    'GET',
    '/tls',
  );
  const ciphers = services.find(({ service }) => service === 'inbound')?.candidate.ciphers;
  await program.ask('PUT', '/tls/inbound', { versions: ['TLSv1.3'], ciphers });
  await program.ask('POST', '/configuration/commit', { comment });
}

async function byBrowser(page: Page): Promise<void> {
  await page.goto('/system/ssl');
  await page.getByRole('button', { name: 'Edit Settings' }).first().click();
  await page
    .getByRole('group', { name: 'TLS versions of Inbound SMTP' })
    .getByRole('checkbox', { name: 'TLS v1.2' })
    .click();
  await page.getByRole('button', { name: 'Submit' }).click();
  await page.getByRole('link', { name: /Commit Changes/ }).click();
  await page.getByLabel('Comment (optional)').fill(comment);
  await page.getByRole('button', { name: 'Commit Changes' }).click();
  await page.getByText('Changes committed').waitFor();
}

test('shell, API and UI make the same change: the same difference, the same trail', { skip }, async (t) => {
  const web = await startWebGateway(t);
  const { page } = await openPage(t, web.origins[0]);
  // Who sits at the shell is known by his account; root is "admin".
  await setUp(page, web, userInfo().uid === 0 ? 'admin' : userInfo().username);
  const program = new Program(web.origins[1], await newToken(page));
  const newest = async () =>
    (await program.ask<History>('GET', '/configuration/history?limit=1')).items[0]?.number ?? 0;
  /** The trail after an entry, oldest first, up to the commit with this comment: the ledger writes it a little later. */
  const trail = async (since: number, comment: string): Promise<readonly AuditEntry[]> => {
    for (;;) {
      const { items } = await program.ask<Audit>('GET', '/audit?limit=100');
      const entries = items.filter(({ id, action }) => id > since && action !== 'logon').toReversed();
      if (entries.some(({ action, detail }) => action === 'commit' && detail === comment)) return entries;
      await sleep(50);
    }
  };

  const faces = [
    ['shell', () => byShell(web)],
    ['API', () => byProgram(program)],
    ['UI', () => byBrowser(page)],
  ] as const;
  const made: { readonly changes: readonly Difference[]; readonly entries: readonly AuditEntry[] }[] = [];
  let since = 0;
  // What was made before, the token last, is told to the history a moment later.
  while (since === 0) {
    const { items } = await program.ask<Audit>('GET', '/audit?limit=100');
    since = items.find(({ action }) => action.includes('token'))?.id ?? 0;
  }
  for (const [face, change] of faces) {
    const before = await newest();
    await change();
    const after = await newest();
    assert.equal(after, before + 1);
    const path = `/configuration/diff?from=${before}&to=${after}`;
    const { changes } = await program.ask<{ changes: Difference[] }>('GET', path);
    const entries = await trail(since, comment);
    for (const entry of entries) assert.equal(entry.face, face);
    made.push({ changes, entries });
    await program.ask('POST', '/configuration/rollback', { revision: before });
    await program.ask('POST', '/configuration/commit', { comment: 'back' });
    since = (await trail(entries.at(-1)?.id ?? 0, 'back')).at(-1)?.id ?? 0;
  }
  const [shell, api, ui] = made.map(({ changes, entries }) => ({
    changes,
    entries: entries.map(({ user, role, action, detail }) => ({ user, role, action, detail })),
  }));
  assert.equal(shell?.changes[0]?.key, 'tls.inbound.versions');
  assert.deepEqual(shell.entries.at(-1)?.detail, comment);
  assert.deepEqual(api, shell);
  assert.deepEqual(ui, shell);
});
