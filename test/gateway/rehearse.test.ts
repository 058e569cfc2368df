// Rehearsal: what destinations would do under the pending settings, tried with OpenSSL's own server; nothing is delivered.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { anyLevel, CertificateDirectory } from '../tls/peers.ts';
import { sendMail } from './client.ts';
import { freePort, startGateway } from './harness.ts';
import { startOpensslDestination } from './openssl-destination.ts';
import { startSink } from './sink.ts';

const certificates = new CertificateDirectory();
const rsa = certificates.make('rsa:2048');
after(() => certificates.remove());

function runPostern(args: readonly string[]): Promise<{ readonly status: number; readonly output: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, ['bin/postern.mjs', ...args], (_, stdout, stderr) =>
      resolve({ status: child.exitCode ?? -1, output: `${stdout}${stderr}` }),
    );
  });
}

test('rehearse tells what each destination would do, and a preview under the same settings knows it', async (t) => {
  const only = await startOpensslDestination(rsa, ['-tls1_3', ...anyLevel], '127.0.0.21');
  const modern = await startOpensslDestination(rsa, anyLevel, '127.0.0.22');
  t.after(() => Promise.all([only.close(), modern.close()]));
  const clear = await startSink(t);
  const port = await freePort();
  const config = (versions: string) => `hostname: gw.example.com
gui: { ports: [] }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${port} }
relay: [127.0.0.1]
routes:
  - { domain: only.example, to: ["${only.address}:${only.port}"] }
  - { domain: modern.example, to: ["${modern.address}:${modern.port}"] }
  - { domain: clear.example, to: ["127.0.0.1:${clear.port}"] }
tls: { outbound: { versions: [${versions}] } }
limits: { destinationMessages: 1 }
dns: { reverse: false }
spool: { reserve: 1MiB, lowWater: 16MiB, lowWaterShare: 0.001 }
`;
  const gateway = await startGateway(t, { config: config('TLSv1.2, TLSv1.3'), arguments: ['--workers', '1'] });
  assert.match((await gateway.shell('rehearse')).output, /No mail went anywhere in the last 7 days/);
  for (const domain of ['only.example', 'only.example', 'modern.example', 'clear.example']) {
    await sendMail(port, { from: 'a@example.org', to: `b@${domain}` });
  }
  while (only.recipients.length < 2 || modern.recipients.length < 1 || clear.total < 1) await sleep(20);

  await gateway.shell(['sslconfig outbound 2', '', '']);
  const unknown = (await gateway.shell('preview')).output;
  for (const domain of ['only', 'modern']) {
    assert.match(
      unknown,
      new RegExp(`${domain}\\.example: .*it chose TLS 1\\.3, which is no longer offered.*rehearsal`),
    );
  }
  const { output } = await gateway.shell('rehearse 3');
  assert.match(output, /^\[#{10} +\] 1 of 3 {2}/m);
  assert.match(output, /^only\.example +2 {2}WAITS +TLS v1\.3 TLS_AES_256_GCM_SHA384 +-$/m);
  const modernRow =
    /^modern\.example +1 {2}secure +TLS v1\.3 TLS_AES_256_GCM_SHA384 +TLSv1\.2 ECDHE-RSA-AES128-GCM-SHA256$/m;
  assert.match(output, modernRow);
  assert.match(output, /^ {4}127\.0\.0\.22 \(127\.0\.0\.22\), \S+, certificate: /m);
  assert.match(output, /^clear\.example +1 {2}CLEAR TEXT +- +-$/m);
  assert.match(output, /3 of 3 destinations of the last 3 days were tried\.\nMail to 1 of them would wait\./);
  const known = (await gateway.shell('preview')).output;
  assert.match(known, /only\.example: .*rehearsed on \d{4}-\d\d-\d\d: /);
  assert.match(known, /^Outbound SMTP: works 2, breaks 1\.$/m);
  assert.deepEqual([only.bodies.length, modern.bodies.length, clear.total], [2, 1, 1], 'no mail was sent');

  const file = join(gateway.data, 'candidate.yaml');
  writeFileSync(file, config('TLSv1.2'));
  const cli = await runPostern(['rehearse', '--config', file, '--data', gateway.data]);
  assert.equal(cli.status, 3, cli.output);
  assert.match(cli.output, /^only\.example +2 {2}WAITS/m);
  const present = await runPostern(['rehearse', '--data', gateway.data]);
  assert.equal(present.status, 0, present.output);
  assert.match(present.output, /Mail would reach every one that answered\./);
  // Into the running gateway: what would break somebody is refused, unless it is meant.
  const refused = await runPostern(['config', 'import', file, '--data', gateway.data]);
  assert.equal(refused.status, 1, refused.output);
  assert.match(refused.output, /nothing was committed/i);
  const forced = await runPostern(['config', 'import', file, '--force', '--data', gateway.data]);
  assert.equal(forced.status, 0, forced.output);
  assert.match(forced.output, /^Changes committed: /m);
  await gateway.stop();
});
