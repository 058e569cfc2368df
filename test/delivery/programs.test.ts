// Delivery to real servers: Postfix (with its own ideas of limits and TLS) and its smtp-sink, which misbehaves on demand.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startCapture } from '../gateway/capture.ts';
import { freePort } from '../gateway/harness.ts';
import { startPostfix } from '../gateway/postfix.ts';
import { CertificateDirectory, missing } from '../tls/peers.ts';
import { routedTo, Sender } from './fixture.ts';

const certificates = new CertificateDirectory();
const pair = certificates.make('rsa:2048', 'postfix.test');
test.after(() => certificates.remove());

const noPostfix = missing('postfix');
const root = process.getuid?.() === 0 ? false : 'Postfix needs root';

function senderTo(t: TestContext, port: number, document: Record<string, unknown> = {}, directory?: string): Sender {
  const sender = new Sender(routedTo(port, document), directory);
  t.after(() => sender.stop());
  return sender;
}

test('Postfix: many messages over few connections, each arrives once', { skip: noPostfix || root }, async (t) => {
  const capture = await startCapture(t);
  const postfix = await startPostfix(t, capture.port, [
    'smtpd_tls_security_level = may',
    `smtpd_tls_cert_file = ${pair.certFile}`,
    `smtpd_tls_key_file = ${pair.keyFile}`,
    'smtpd_tls_received_header = yes',
    'smtpd_client_connection_rate_limit = 0',
    'in_flow_delay = 0',
  ]);
  const sender = senderTo(t, postfix.port, { limits: { destinationConnections: 2 } });
  const bodies = Array.from(
    { length: 150 },
    (_, i) => `Subject: number ${i}\r\n\r\n.\r\n..${i}\r\n${'x'.repeat(i * 6)}\r\n`,
  );
  const mids = bodies.map((body) => sender.send('b@example.com', { body: Buffer.from(body) }));
  for (const mid of mids) assert.deepEqual(await sender.settled(mid, 60_000), ['finished']);
  await capture.count(bodies.length);
  // Postfix puts a Received line in front, and a Date and Message-ID behind the header.
  const arrived = capture.messages.map(({ data }) => {
    const text = data.toString();
    assert.match(text, /using TLSv1\.3 with cipher TLS_AES_256_GCM_SHA384/);
    return `${/^Subject: .*\r\n/m.exec(text)?.[0]}${text.slice(text.indexOf('\r\n\r\n') + 2)}`;
  });
  // Compared one by one: a difference between all of them would fill the screen.
  arrived.sort();
  for (const [i, body] of bodies.toSorted().entries()) assert.equal(arrived[i], body);
  assert.equal(arrived.length, bodies.length);
  assert.equal(sender.log.count(/^New SMTP DCID/), 2);
  const commands = postfix.log().match(/improper command pipelining|lost connection after (?!CONNECT)|non-SMTP/g);
  assert.equal(commands, null);
});

test('Postfix: its limits on recipients and size, its refusals', { skip: noPostfix || root }, async (t) => {
  const capture = await startCapture(t);
  const postfix = await startPostfix(t, capture.port, [
    'smtpd_recipient_limit = 5',
    'smtpd_recipient_overshoot_limit = 100',
    'message_size_limit = 20000',
    'smtputf8_enable = no',
    'smtpd_recipient_restrictions = check_recipient_access inline:{ { gone@example.com = REJECT } }, permit_mynetworks, reject',
  ]);
  const sender = senderTo(t, postfix.port);
  const to = Array.from({ length: 12 }, (_, i) => (i === 3 ? 'gone@example.com' : `b${i}@example.com`));
  const result = await sender.settled(sender.send(to));
  assert.equal(result.filter((line) => / delivered 2\.0\.0 250 2\.0\.0 Ok: queued as /.test(line)).length, 11);
  assert.match(
    result.at(-1) ?? '',
    /^3 bounced 5\.7\.1 554 5\.7\.1 <gone@example\.com>: Recipient address rejected: Access denied/,
  );
  assert.equal(sender.log.count(/^Delivery start/), 3);

  const big = sender.send('b@example.com', {
    body: Buffer.from(`Subject: big\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(400)}`),
  });
  assert.match(
    (await sender.settled(big))[0] ?? '',
    /^0 bounced 5\.3\.4 message of 28816 bytes exceeds the limit of 20000/,
  );
  const utf8 = sender.send('ä@example.com', { envelope: { smtputf8: true } });
  assert.match((await sender.settled(utf8))[0] ?? '', /^0 bounced 5\.6\.7 /);
  await capture.count(3);
  const arrived = capture.messages.flatMap((message) => message.recipients);
  assert.deepEqual(arrived.toSorted(), to.filter((address) => !address.startsWith('gone')).toSorted());
});

async function startSink(t: TestContext, ...options: string[]): Promise<number> {
  const port = await freePort();
  const child = spawn('smtp-sink', ['-4', '-u', 'nobody', ...options, `127.0.0.1:${port}`, '100'], { stdio: 'ignore' });
  t.after(() => child.kill());
  for (let attempt = 0; attempt < 200; attempt++) {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const socket = net.connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false));
    const up = await promise;
    socket.destroy();
    if (up) return port;
    await sleep(25);
  }
  throw new Error('smtp-sink did not start');
}

const misbehaviour: [options: string[], expected: RegExp][] = [
  [[], /^finished$/],
  [['-e'], /^finished$/],
  [['-p'], /^finished$/],
  [['-P'], /^finished$/],
  [['-f', 'EHLO'], /^finished$/],
  [['-q', 'CONNECT'], /^0 deferred 4\.4\.2 connection lost while waiting for the greeting$/],
  [['-Q', 'CONNECT'], /^0 deferred 4\.0\.0 421 /],
  [['-q', 'EHLO'], /^0 deferred 4\.4\.2 connection lost while waiting for the reply to EHLO$/],
  [['-q', 'MAIL'], /^0 deferred 4\.4\.2 connection lost while waiting for the reply to MAIL or RCPT$/],
  [
    ['-q', 'RCPT'],
    /^0 deferred 4\.4\.2 (connection lost|\[Errno 104\].*) while waiting for the reply to MAIL or RCPT$/,
  ],
  [['-q', 'DATA'], /^0 deferred 4\.4\.2 connection lost while waiting for the reply to DATA$/],
  [
    ['-q', '.'],
    /^0 deferred 4\.4\.2 connection lost while waiting for the reply to the final dot \(the message may have arrived\)$/,
  ],
  [['-Q', '.'], /^0 deferred 4\.0\.0 421 /],
  [['-Q', 'DATA'], /^0 deferred 4\.0\.0 421 /],
  [['-f', 'MAIL'], /^0 bounced 5\.3\.0 500 5\.3\.0 Error: command failed$/],
  [['-r', 'RCPT'], /^0 deferred 4\.3\.0 450 4\.3\.0 Error: command failed$/],
  [['-f', 'RCPT'], /^0 bounced 5\.3\.0 500 5\.3\.0 Error: command failed$/],
  [['-f', 'DATA'], /^0 bounced 5\.3\.0 500 5\.3\.0 Error: command failed$/],
  [['-r', '.'], /^0 deferred 4\.3\.0 450 4\.3\.0 Error: command failed$/],
  [['-f', '.'], /^0 bounced 5\.3\.0 500 5\.3\.0 Error: command failed$/],
];

for (const [options, expected] of misbehaviour) {
  test(`smtp-sink ${options.join(' ')}`, { skip: missing('smtp-sink') }, async (t) => {
    const sender = senderTo(t, await startSink(t, ...options));
    for (let i = 0; i < 3; i++) assert.match((await sender.settled(sender.send('b@example.com'))).join(), expected);
  });
}

test('smtp-sink that refuses in the middle of a big body', { skip: missing('smtp-sink') }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-delivery-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const body = `Subject: big\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(300_000)}`;
  writeFileSync(join(directory, 'body'), body);
  const sender = senderTo(t, await startSink(t, '-A', '0'), {}, directory);
  const mid = sender.send('b@example.com', { body: { file: 'body', size: body.length } });
  assert.match(
    (await sender.settled(mid)).join(),
    /^0 (bounced 5\.\d\.\d 550 |deferred 4\.4\.2 (connection lost|\[Errno (32|104)\]))/,
  );
});
