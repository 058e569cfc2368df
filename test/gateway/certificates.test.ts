// Certificates whose end is near are told in the log and in "status", not only on their page.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, startGateway } from './harness.ts';
import { systemLog } from './web-gateway.ts';

function makePair(t: TestContext, days: number): { readonly cert: string; readonly key: string } {
  const directory = mkdtempSync(join(tmpdir(), 'postern-expiry-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const [cert, key] = [join(directory, 'mx.crt'), join(directory, 'mx.key')];
  renew({ cert, key }, days);
  return { cert, key };
}

function renew({ cert, key }: { readonly cert: string; readonly key: string }, days: number): void {
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const subject = ['-subj', '/CN=mx.example.com', '-days', String(days)];
  execFileSync('openssl', ['req', '-x509', ...kind, ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
}

test('a certificate in use that expires soon is warned of until it is renewed; one that nobody uses is not', async (t) => {
  const [used, idle] = [makePair(t, 5), makePair(t, 5)];
  const gateway = await startGateway(t, {
    config: `hostname: gw.example.com
gui: { ports: [] }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${await freePort()}, tls: preferred, certificate: mx }
certificates:
  - { name: mx, cert: ${used.cert}, key: ${used.key} }
  - { name: spare, cert: ${idle.cert}, key: ${idle.key} }
`,
    arguments: ['--workers', '1'],
  });
  await systemLog(gateway, /Warning: Certificate "mx" expires on \d{4}-\d\d-\d\d\./);
  const status = await gateway.shell('status');
  assert.match(status.output, /System status: +Online, but certificate "mx" expires on \d{4}-\d\d-\d\d\n/);
  assert.doesNotMatch(status.output, /spare/);
  renew(used, 300);
  while (/expires/.test((await gateway.shell('status')).output)) await sleep(500);
  await systemLog(gateway, /changed files \(certificates, recipients, authorities\) were taken over/);
});
