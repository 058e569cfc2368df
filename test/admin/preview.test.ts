// preview in the shell, before a commit, and on the command line.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { CertificateSettings } from '../../src/config/snapshot.ts';
import { ConfigStore } from '../../src/config/store.ts';
import { ensureDemoCertificate } from '../../src/tls/certificates.ts';
import { clientFlight, dayLength, Population } from '../preview/population.ts';
import { script, withShell } from './shell.ts';

const initial = `hostname: gw.example.com
listeners: [{ name: inbound, address: 127.0.0.1, port: 2525 }]
tls: { inbound: { versions: [TLSv1.0, TLSv1.1, TLSv1.2, TLSv1.3] } }
`;
const directory = mkdtempSync(join(tmpdir(), 'postern-preview-'));
let demo: CertificateSettings;

before(async () => {
  demo = await ensureDemoCertificate(join(directory, 'demo'), 'gw.example.com');
});
after(() => rmSync(directory, { recursive: true }));

/** A partner with TLS 1.0, and one with 1.3, yesterday. */
function observe(file: string): void {
  const day = Date.now() - (Date.now() % dayLength) - dayLength;
  const population = new Population(file);
  const tls10 = population.outcome('tls', { version: 0x0301, suite: 0xc013 });
  const tls13 = population.outcome('tls', { version: 0x0304, suite: 0x1302 });
  const old = population.hello(
    clientFlight({ minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'ECDHE-RSA-AES128-SHA:@SECLEVEL=0' }),
    day,
  );
  const modern = population.hello(clientFlight({}), day);
  const partner = population.peer('inbound', '198.51.100.7', { name: 'mail.partner.example' });
  population.seen(partner, { hello: old, outcome: tls10, day, messages: 1240 });
  const other = population.peer('inbound', '198.51.100.8', { name: 'mail.modern.example' });
  population.seen(other, { hello: modern, outcome: tls13, day, messages: 10 });
  population.close();
}

const partner = 'mail.partner.example (198.51.100.7), 1,240 messages in 30 days, last yesterday: offers TLS 1.0 only';

test('the shell: preview names the partner; commit asks, and Enter means no', async () => {
  await withShell(
    async ({ host }) => {
      observe(join(host.dataDirectory, 'ledger.db'));
      const change = 'sslconfig inbound 1-2';
      const nothing = await script(host.dataDirectory, '', 'preview');
      assert.match(nothing.output, /No changes are pending/);
      const changed = await script(host.dataDirectory, '', change);
      assert.equal(changed.status, 0, changed.errors);
      const { output, status } = await script(host.dataDirectory, '', 'preview');
      assert.equal(status, 0);
      assert.match(output, /Inbound SMTP, listener "inbound": breaks 1, unchanged 1\./);
      assert.ok(output.includes(`    - ${partner}\n`), output);
      assert.doesNotMatch(output, /mail\.modern\.example/);
      assert.match(output, /They may fall back to clear text, which this listener takes, or let their mail wait/);
      assert.match(output, /To keep them: also keep TLS v1\.0, TLS v1\.1 for Inbound SMTP\./);
      assert.match(output, /1 peer of the last 30 days would break\./);

      const refused = await script(host.dataDirectory, '', 'commit "no more 1.0" Y');
      assert.equal(refused.status, 1);
      assert.ok(refused.output.includes(partner));
      assert.match(refused.output + refused.errors, /Nothing was committed/);
      assert.equal(host.config.committed().number, 1);

      const forced = await script(host.dataDirectory, '', 'commit "no more 1.0" Y Y');
      assert.equal(forced.status, 0, forced.errors);
      assert.match(forced.output, /Changes committed/);
      assert.equal(host.config.committed().number, 2);

      // The other way round nobody breaks: the question does not come, and its answer is no mistake.
      await script(host.dataDirectory, '', 'sslconfig inbound 1-4');
      const back = await script(host.dataDirectory, '', 'commit "back" Y Y');
      assert.equal(back.status, 0, back.errors);
      assert.match(back.output, /starts to work 1/);
      assert.doesNotMatch(back.output, /all the same/);
    },
    { initial, demo },
  );
});

test('the shell: a number of days that is none', async () => {
  await withShell(
    async ({ host }) => {
      const { status, errors, output } = await script(host.dataDirectory, '', 'preview 0');
      assert.equal(status, 1);
      assert.match(output + errors, /"0" is no number of days/);
    },
    { initial, demo },
  );
});

test('the command line: exit status 3 where somebody breaks', async () => {
  const data = join(directory, 'data');
  const store = await ConfigStore.open(data, { initial });
  await store.snapshot();
  observe(join(data, 'ledger.db'));
  const file = join(directory, 'candidate.yaml');
  const run = (versions: string, ...more: readonly string[]) => {
    writeFileSync(file, initial.replace(/versions: \[.*?\]/, `versions: [${versions}]`));
    const args = ['bin/postern.mjs', 'preview', '--data', data, '--config', file, ...more];
    return spawnSync(process.execPath, args, { encoding: 'utf8' });
  };
  const broken = run('TLSv1.2, TLSv1.3');
  assert.equal(broken.status, 3, broken.stderr);
  assert.ok(broken.stdout.includes(partner), broken.stdout);
  const report = JSON.parse(run('TLSv1.2, TLSv1.3', '--json').stdout);
  assert.equal(report.targets[0].groups[0].named[0].name, 'mail.partner.example');
  const good = run('TLSv1.0, TLSv1.1, TLSv1.2');
  assert.equal(good.status, 0, good.stderr);
  assert.match(good.stdout, /Nobody who was seen in the last 30 days breaks/);
  const wrong = run('TLSv1.0, TLSv1.2');
  assert.equal(wrong.status, 1);
  assert.match(wrong.stderr, /TLS v1\.1 is missing/);
  const usage = spawnSync(process.execPath, ['bin/postern.mjs', 'preview', '--data', data], { encoding: 'utf8' });
  assert.equal(usage.status, 2);
});
