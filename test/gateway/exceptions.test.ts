// Exceptions: old TLS for one client network or one destination, until a day; nobody else gets anything else.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { anyLevel, CertificateDirectory, negotiated, opensslClient } from '../tls/peers.ts';
import { sendMail } from './client.ts';
import { freePort, startGateway } from './harness.ts';
import { startOpensslDestination } from './openssl-destination.ts';
import { systemLog } from './web-gateway.ts';

const certificates = new CertificateDirectory();
const rsa = certificates.make('rsa:2048');
after(() => certificates.remove());

const smtp = ['-starttls', 'smtp'];
const day = (from: number) => new Date(Date.now() + from * 24 * 3600 * 1000).toISOString().slice(0, 10);

test('incoming: one client network gets TLS 1.0, others and its modern clients what they had', async (t) => {
  const port = await freePort();
  const gateway = await startGateway(t, {
    config: `hostname: gw.example.com
gui: { ports: [] }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${port} }
dns: { reverse: false }
exceptions:
  - { peer: 127.0.0.5/32, service: inbound, versions: [TLSv1.0, TLSv1.1, TLSv1.2], owner: Anna, reason: old printer, expires: ${day(3)} }
  - { peer: 127.0.0.6, service: inbound, versions: [TLSv1.1], owner: Anna, reason: gone, expires: ${day(-1)} }
`,
    arguments: ['--workers', '1'],
  });
  const from = async (address: string, ...version: string[]) =>
    negotiated((await opensslClient(port, [...smtp, '-bind', `${address}:0`, ...version, ...anyLevel])).output);
  assert.equal((await from('127.0.0.5', '-tls1'))?.protocol, 'TLSv1');
  assert.equal((await from('127.0.0.4', '-tls1'))?.protocol, undefined);
  assert.equal((await from('127.0.0.6', '-tls1_1'))?.protocol, undefined, 'an exception that has ended is gone');
  const [excepted, other] = [await from('127.0.0.5'), await from('127.0.0.4')];
  assert.equal(excepted?.protocol, 'TLSv1.3');
  assert.deepEqual(excepted, other, 'a modern client of the network gets what everybody gets');

  await systemLog(gateway, /Warning: Exception ends soon: TLSv1\.0, TLSv1\.1, TLSv1\.2 from 127\.0\.0\.5\/32 until /);
  await systemLog(gateway, /Warning: Exception has ended: TLSv1\.1 from 127\.0\.0\.6 until .* \(Anna: gone\)\./);
  assert.match(
    (await gateway.shell('status')).output,
    /Online, but exception ends soon: TLSv1\.0, TLSv1\.1, TLSv1\.2 from 127/,
  );
  const listed = (await gateway.shell('sslconfig')).output;
  assert.match(
    listed,
    /^ {2}Exceptions \(exceptionconfig\):\n {8}TLSv1\.0, TLSv1\.1, TLSv1\.2 from 127\.0\.0\.5\/32 until /m,
  );
  assert.match(listed, /TLSv1\.1 from 127\.0\.0\.6 until \S+ \(Anna: gone\) - ENDED/);

  // Whoever keeps what he needs by an exception does not break; others do.
  assert.equal((await from('127.0.0.8', '-tls1_2'))?.protocol, 'TLSv1.2');
  assert.equal((await from('127.0.0.9', '-tls1_2'))?.protocol, 'TLSv1.2');
  const make = ['exceptionconfig new', '127.0.0.8', '2', '', 'Otto', 'still on TLS 1.2', '', ''];
  assert.match((await gateway.shell(make)).output, /Exception from 127\.0\.0\.8 created\./);
  await gateway.shell(['sslconfig inbound 1', '', '']);
  const refused = (await gateway.shell('showchanges')).output;
  assert.match(refused, /exceptions/);
  const { output } = await gateway.shell('preview');
  assert.match(output, /127\.0\.0\.9, 1 connection in 30 days, last today: offers TLS 1\.2 at most/);
  assert.doesNotMatch(output, /127\.0\.0\.8/);
  assert.match(output, /1 peer of the last 30 days would break\./);
  await gateway.shell(['commit "only 1.3" Y Y']);
  assert.equal((await from('127.0.0.8', '-tls1_2'))?.protocol, 'TLSv1.2');
  assert.equal((await from('127.0.0.9', '-tls1_2'))?.protocol, undefined);
});

test('outgoing: one destination gets TLS 1.0', async (t) => {
  const [old, other] = [
    await startOpensslDestination(rsa, ['-tls1', ...anyLevel], '127.0.0.31'),
    await startOpensslDestination(rsa, ['-tls1', ...anyLevel], '127.0.0.32'),
  ];
  t.after(() => Promise.all([old.close(), other.close()]));
  const port = await freePort();
  const gateway = await startGateway(t, {
    config: `hostname: gw.example.com
gui: { ports: [] }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${port} }
relay: [127.0.0.1]
routes:
  - { domain: old.example, to: ["${old.address}:${old.port}"] }
  - { domain: other.example, to: ["${other.address}:${other.port}"] }
destinations:
  - { domain: "*", tls: required }
exceptions:
  - { peer: old.example, service: outbound, versions: [TLSv1.0, TLSv1.1], owner: Anna, reason: old server, expires: ${day(30)} }
dns: { reverse: false }
`,
    arguments: ['--workers', '1'],
  });
  for (const domain of ['old.example', 'other.example']) {
    await sendMail(port, { from: 'a@example.org', to: `b@${domain}` });
  }
  while (old.recipients.length < 1) await sleep(20);
  await gateway.logged(/DCID \d+ TLS success protocol TLSv1 cipher /);
  await gateway.logged(/TLS (failed|deferring): .*/);
  assert.deepEqual(other.recipients, []);
});

test('wrong exceptions are refused where they stand', async (t) => {
  const port = await freePort();
  const gateway = await startGateway(t, {
    config: `hostname: gw.example.com
gui: { ports: [] }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${port} }
`,
    arguments: ['--workers', '1'],
  });
  const cases: readonly (readonly [string, RegExp])[] = [
    ['peer: 10.0.0.0/8, service: inbound, versions: [TLSv1.0]', /exceptions\[.*versions.*inbound/s],
    ['peer: partner.example, service: inbound, versions: [TLSv1.1]', /is not an address or range/],
    ['peer: "*", service: outbound, versions: [TLSv1.1]', /"\*" would be no exception/],
    ['peer: 10.0.0.1, service: inbound', /adds nothing/],
    ['peer: 10.0.0.1, service: inbound, ciphers: NONSENSE', /NONSENSE/],
  ];
  for (const [text, expected] of cases) {
    const yaml = [
      'hostname: gw.example.com',
      'exceptions:',
      `  - { ${text}, owner: A, reason: B, expires: 2030-01-01 }`,
    ];
    const { output } = await gateway.shell(['loadconfig 1', ...yaml, '.', '']);
    assert.match(output, expected, text);
  }
  const { output } = await gateway.shell([
    'loadconfig 1',
    'hostname: gw.example.com',
    'exceptions: [{ peer: 10.0.0.1, service: inbound, versions: [TLSv1.1], owner: A, reason: B, expires: 2030-02-30 }]',
    '.',
    '',
  ]);
  assert.match(output, /is no day/);
});
