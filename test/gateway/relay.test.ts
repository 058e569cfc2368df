// Mail through the whole gateway: real programs send, a Postfix or a byte-exact destination receives.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CertificateDirectory, missing } from '../tls/peers.ts';
import { startCapture } from './capture.ts';
import { freePort, type RunningGateway, startGateway, temporaryDirectory } from './harness.ts';
import { startPostfix } from './postfix.ts';

const certificates = new CertificateDirectory();
const pair = certificates.make('ec');

function configuration(port: number, destination: number, more = ''): string {
  return `hostname: gw.example.com
gui: { ports: [] }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${port}, tls: preferred }
accept: [example.com]
relay: [127.0.0.1]
routes:
  - { domain: "*", to: ["127.0.0.1:${destination}"] }
spool: { reserve: 1MiB, lowWater: 16MiB, lowWaterShare: 0.001 }
dns: { reverse: false }
${more}`;
}

interface Run {
  readonly status: number | null;
  readonly output: string;
}

function run(command: string, args: readonly string[], input: string | Buffer = ''): Promise<Run> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  const keep = (chunk: Buffer) => {
    output += chunk.toString('latin1');
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  child.stdin.on('error', () => undefined); // a program that has read enough
  child.stdin.end(input);
  const { promise, resolve } = Promise.withResolvers<Run>();
  child.once('close', (status) => resolve({ status, output }));
  return promise;
}

/** What the gateway was given: everything behind its own Received line. */
function withoutReceived(data: Buffer): Buffer {
  assert.match(data.toString('latin1', 0, 200), /^Received: from /);
  let at = 0;
  do {
    at = data.indexOf('\r\n', at) + 2;
  } while (data[at] === 0x20 || data[at] === 0x09);
  return data.subarray(at);
}

const header = 'From: <a@example.org>\r\nTo: <b@example.com>\r\nSubject: bytes\r\nMessage-ID: <1@example.org>\r\n\r\n';

/** Python's smtplib sends `data` exactly as it is (CRLF), over STARTTLS; one connection for all. */
async function smtplib(
  t: Parameters<typeof temporaryDirectory>[0],
  port: number,
  messages: readonly Buffer[],
): Promise<void> {
  const directory = temporaryDirectory(t);
  const files = messages.map((message, index) => {
    const file = join(directory, String(index));
    writeFileSync(file, message);
    return file;
  });
  const script = `
import smtplib, ssl, sys
context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
with smtplib.SMTP('127.0.0.1', int(sys.argv[1]), timeout=60) as server:
    server.ehlo('client.example.org'); server.starttls(context=context); server.ehlo('client.example.org')
    for name in sys.argv[2:]:
        data = open(name, 'rb').read()
        assert server.mail('a@example.org', ['BODY=8BITMIME'])[0] == 250
        assert server.rcpt('b@example.com')[0] == 250
        code, text = server.docmd('DATA'); assert code == 354, (code, text)
        stuffed = data.replace(b'\\r\\n.', b'\\r\\n..'); stuffed = b'.' + stuffed if stuffed.startswith(b'.') else stuffed
        server.send(stuffed + b'.\\r\\n'); code, text = server.getreply(); assert code == 250, (code, text)
print('sent', len(sys.argv) - 2)
`;
  const { status, output } = await run('python3', ['-c', script, String(port), ...files]);
  assert.equal(status, 0, output);
  assert.match(output, new RegExp(`sent ${messages.length}`));
}

test('bodies arrive byte for byte', async (t) => {
  const destination = await startCapture(t, { tls: { cert: pair.cert, key: pair.key } });
  const port = await freePort();
  const gateway = await startGateway(t, { config: configuration(port, destination.port) });
  // 20 MB of lines that OpenSSL, dot-stuffing and buffer borders have never seen before.
  const big = randomBytes(15_000_000).toString('base64').replace(/.{76}/g, '$&\r\n');
  const bodies = [
    Buffer.from(`${header}plain\r\n`),
    Buffer.from(`${header}.\r\n..\r\n.leading dot\r\n...three\r\n`),
    Buffer.from(`${header}8 bit: \xe4\xf6\xfc \xff\xfe\x80\r\n`, 'latin1'),
    Buffer.from(`${header}`),
    Buffer.from('\r\n'),
    Buffer.from(`${header}${big}\r\n`),
    Buffer.from(`${header}${`${'x'.repeat(990)}\r\n`.repeat(700)}`),
  ];
  await smtplib(t, port, bodies);
  await destination.count(bodies.length, 60_000);
  const arrived = destination.messages.map((message) => withoutReceived(message.data));
  for (const body of bodies) {
    assert.ok(
      arrived.some((data) => data.equals(body)),
      `not as it was sent: ${body.length} bytes; arrived: ${arrived.map((data) => data.length).join(', ')}`,
    );
  }
  assert.ok(destination.messages.every((message) => message.protocol === 'TLSv1.3'));
  await gateway.logged(/^Info: DCID 1 TLS success protocol TLSv1\.3 cipher TLS_AES_256_GCM_SHA384$/);
});

test('a message without a final newline, by BDAT, arrives with one and nothing else changed', async (t) => {
  const destination = await startCapture(t);
  const port = await freePort();
  await startGateway(t, { config: configuration(port, destination.port) });
  const body = `${header}no newline at the end`;
  const script = `
import socket, sys
s = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); f = s.makefile('rb')
def reply():
    while True:
        line = f.readline()
        if line[3:4] != b'-': return line
print(reply())
for c in [b'EHLO x', b'MAIL FROM:<a@example.org>', b'RCPT TO:<b@example.com>']:
    s.sendall(c + b'\\r\\n'); print(reply())
body = sys.stdin.buffer.read(); half = len(body) // 2
s.sendall(b'BDAT %d\\r\\n' % half + body[:half]); print(reply())
s.sendall(b'BDAT %d LAST\\r\\n' % (len(body) - half) + body[half:]); print(reply())
s.sendall(b'QUIT\\r\\n'); print(reply())
`;
  const { status, output } = await run('python3', ['-c', script, String(port)], body);
  assert.equal(status, 0, output);
  assert.equal(output.match(/b'250/g)?.length, 5, output);
  await destination.count(1);
  assert.equal(withoutReceived(destination.messages[0]?.data ?? Buffer.alloc(0)).toString(), `${body}\r\n`);
});

test('swaks over TLS, and openssl s_client typed by hand', { skip: missing('swaks') }, async (t) => {
  const destination = await startCapture(t);
  const port = await freePort();
  const gateway = await startGateway(t, { config: configuration(port, destination.port) });
  const swaks = await run('swaks', [
    ...['--server', `127.0.0.1:${port}`, '--tls', '--ehlo', 'swaks.example.org'],
    ...['--from', 'a@example.org', '--to', 'b@example.com', '--header', 'Subject: from swaks'],
  ]);
  assert.equal(swaks.status, 0, swaks.output);
  assert.match(swaks.output, /TLS started with cipher TLSv1\.3:TLS_AES_256_GCM_SHA384/);

  // As a person would: the next line once a reply has come; the message in one go.
  const steps = [
    'EHLO hand.example.org',
    'MAIL FROM:<a@example.org>',
    'rcpt to:<b@example.com>',
    'DATA',
    'Subject: by hand\n\nhello\n.',
    'quit',
  ];
  const client = spawn('openssl', [
    's_client',
    '-connect',
    `127.0.0.1:${port}`,
    '-starttls',
    'smtp',
    '-quiet',
    '-crlf',
  ]);
  let output = '';
  // The last line of the first EHLO's reply is shown on standard error, once the handshake is done.
  client.stderr.on('data', (chunk: Buffer) => {
    if (/^250 /m.test(chunk.toString())) client.stdin.write(`${steps.shift()}\n`);
  });
  const patience = setTimeout(() => client.kill(), 120_000);
  client.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    const step = /(^|\n)\d{3} [^\n]*\n$/.test(output) ? steps.shift() : undefined;
    if (step !== undefined) client.stdin.write(`${step}\n`);
  });
  await new Promise<void>((resolve) => client.once('close', () => resolve()));
  clearTimeout(patience);
  assert.match(output, /354 /);
  assert.match(output, /221 /);

  await destination.count(2);
  const subjects = destination.messages.map((message) => /^Subject: (.*)$/m.exec(message.data.toString())?.[1]?.trim());
  assert.deepEqual(subjects.toSorted(), ['by hand', 'from swaks']);
  await gateway.logged(/Subject "from swaks"/);
  const received = destination.messages[0]?.data.toString() ?? '';
  assert.match(
    received,
    /^Received: from swaks\.example\.org \(.*127\.0\.0\.1\]?\)\s+by gw\.example\.com .*with ESMTPS/s,
  );
  assert.match(received, /TLSv1\.3/);
  assert.match(received, /id 1\b/);
});

test('a real Postfix sends through the gateway to a real Postfix', {
  skip: missing('/usr/sbin/postfix'),
}, async (t) => {
  const destination = await startCapture(t);
  const behind = await startPostfix(t, destination.port, [
    'smtpd_tls_security_level = may',
    `smtpd_tls_cert_file = ${pair.certFile}`,
    `smtpd_tls_key_file = ${pair.keyFile}`,
    'smtpd_tls_loglevel = 1',
  ]);
  const port = await freePort();
  const gateway = await startGateway(t, { config: configuration(port, behind.port) });
  const before = await startPostfix(t, port);
  const body = `${header}.dot\r\n8 bit: \xe4\r\n${'long line '.repeat(80)}\r\n`;
  await sendUntouched(before.port, Buffer.from(body, 'latin1'));
  await destination.count(1, 60_000);
  const data = destination.messages[0]?.data.toString('latin1') ?? '';
  assert.ok(data.endsWith(body.slice(header.length)), data);
  assert.equal(data.match(/^Received: /gm)?.length, 3);
  assert.match(before.log(), /Untrusted TLS connection established to 127\.0\.0\.1\[127\.0\.0\.1\]:\d+: TLSv1\.3/);
  assert.match(behind.log(), /Anonymous TLS connection established from .*TLSv1\.3/);
  await finished(gateway);
});

async function sendUntouched(port: number, message: Buffer): Promise<void> {
  const script = `
import smtplib, sys
with smtplib.SMTP('127.0.0.1', int(sys.argv[1])) as server:
    server.sendmail('a@example.org', ['b@example.com'], sys.stdin.buffer.read(), ['BODY=8BITMIME'])
`;
  const { status, output } = await run('python3', ['-c', script, String(port)], message);
  assert.equal(status, 0, output);
}

/** The last line of a message's life is there. */
async function finished(gateway: RunningGateway): Promise<void> {
  await gateway.logged(/^Info: Message finished MID 1 done$/);
}

test.after(() => certificates.remove());
