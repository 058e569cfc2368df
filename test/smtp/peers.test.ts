// Real mail programs send to the incoming side: swaks, Python's smtplib, OpenSSL's client, Postfix's smtp-source.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { missing } from '../tls/peers.ts';
import { type Gateway, startGateway } from './fixture.ts';

interface Result {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a program with this input; it is ended after 30 s. */
async function run(
  program: string,
  args: readonly string[],
  input = '',
  environment: Record<string, string> = {},
): Promise<Result> {
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: 30_000,
    env: { ...process.env, ...environment },
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('latin1');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString('latin1');
  });
  // A program that ends before it has read its input closes the pipe.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input, 'latin1');
  return await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}

let gateway: Gateway;
before(async () => {
  gateway = await startGateway({ accept: ['example.com', 'xn--mnchen-3ya.example'] });
});
after(async () => {
  await gateway.stop();
});

/** The last message's body without our Received field. */
function lastBody(): string {
  const body = gateway.host.messages.at(-1)?.body.toString('latin1') ?? '';
  return body.replace(/^Received:.*\r\n(?:\t.*\r\n)*/, '');
}

describe('swaks', { skip: missing('swaks') }, () => {
  const common = (): string[] => [
    '--server',
    `127.0.0.1:${gateway.port}`,
    '--from',
    'a@example.org',
    '--to',
    'b@example.com',
  ];

  test('in clear, with several recipients and a body with dots', async () => {
    const count = gateway.host.messages.length;
    const args = [
      ...common(),
      '--to',
      'b@example.com,c@example.com',
      '--body',
      '.\n..\n.dot\nend',
      '--h-Subject',
      'swaks',
    ];
    const { code, output } = await run('swaks', args);
    assert.equal(code, 0, output);
    assert.equal(gateway.host.messages.length, count + 1);
    assert.equal(gateway.host.messages.at(-1)?.envelope.recipients.length, 2);
    assert.match(lastBody(), /\r\n\r\n\.\r\n\.\.\r\n\.dot\r\nend\r\n/);
  });

  for (const version of ['tlsv1_2', 'tlsv1_3']) {
    test(`over ${version}`, async () => {
      const { code, output } = await run('swaks', [...common(), '--tls', '--tls-protocol', version]);
      assert.equal(code, 0, output);
      assert.match(gateway.host.messages.at(-1)?.body.toString() ?? '', /with ESMTPS \(TLSv1\.[23] /);
    });
  }

  test('PIPELINING', async () => {
    const { code, output } = await run('swaks', [...common(), '--pipeline', '--tls']);
    assert.equal(code, 0, output);
  });

  test('a recipient that is not taken', async () => {
    const { code, output } = await run('swaks', [...common(), '--to', 'x@elsewhere.example']);
    assert.equal(code, 24, output);
    assert.match(output, /550 5\.7\.1 /);
  });
});

const python = `
import smtplib, ssl, sys, email.message, email.policy
port = int(sys.argv[1])
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
with smtplib.SMTP('127.0.0.1', port, timeout=20) as client:
    client.starttls(context=context)
    client.ehlo('python.example.org')
    for feature in ('size', 'pipelining', '8bitmime', 'smtputf8', 'enhancedstatuscodes', 'chunking', 'dsn'):
        assert client.has_extn(feature), feature
    assert not client.has_extn('starttls')
    assert client.verify('b@example.com')[0] == 252
    refused = client.sendmail('a@example.org', ['b@example.com', 'x@elsewhere.example'],
        b'Subject: latin1 \\xe9\\r\\n\\r\\n.dot\\r\\nno final newline',
        mail_options=['BODY=8BITMIME', 'RET=HDRS', 'ENVID=id+2B1'], rcpt_options=['NOTIFY=SUCCESS,DELAY', 'ORCPT=rfc822;b@example.com'])
    assert list(refused) == ['x@elsewhere.example'], refused
    message = email.message.EmailMessage(policy=email.policy.SMTPUTF8)
    message['From'] = 'jörg@example.org'
    message['To'] = 'jürgen@münchen.example'
    message['Subject'] = 'Grüße'
    message.set_content('Inhalt: ä\\n')
    client.send_message(message)
    try:
        client.sendmail('a@example.org', ['b@example.com'], 'x' * (33 * 1024 * 1024))
        raise AssertionError('too large a message was taken')
    except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        assert error.smtp_code == 552, error
    client.ehlo_or_helo_if_needed()
    client.noop()
print('done')
`;

describe("Python's smtplib", { skip: missing('python3') }, () => {
  test('STARTTLS, DSN parameters, partly refused recipients, SMTPUTF8, SIZE', async () => {
    const { code, output } = await run('python3', ['-c', python, String(gateway.port)], '', {
      PYTHONIOENCODING: 'utf-8',
    });
    assert.equal(code, 0, output);
    const [first, second] = gateway.host.messages.slice(-2);
    assert.deepEqual(first?.envelope, {
      sender: 'a@example.org',
      recipients: [{ address: 'b@example.com', notify: ['SUCCESS', 'DELAY'], orcpt: 'rfc822;b@example.com' }],
      body: '8BITMIME',
      ret: 'HDRS',
      envid: 'id+2B1',
    });
    assert.equal(
      first?.body.toString('latin1').endsWith('Subject: latin1 \xe9\r\n\r\n.dot\r\nno final newline\r\n'),
      true,
    );
    assert.equal(second?.envelope.sender, 'jörg@example.org');
    assert.equal(second?.envelope.recipients[0]?.address, 'jürgen@münchen.example');
    assert.match(second?.body.toString() ?? '', /^Received: .*\r\n\tby gw\.example\.com with UTF8SMTPS /);
    assert.ok(gateway.lines.some((line) => /^MID \d+ Subject "Grüße"$/.test(line)));
  });
});

describe("OpenSSL's client", { skip: missing('openssl') }, () => {
  test('a session typed by hand behind STARTTLS', async () => {
    const input =
      'EHLO c\nMAIL FROM:<a@example.org>\nRCPT TO:<b@example.com>\nDATA\nSubject: s_client\n\nhello\n.\nQUIT\n';
    const args = [
      's_client',
      '-connect',
      `127.0.0.1:${gateway.port}`,
      '-starttls',
      'smtp',
      '-crlf',
      '-quiet',
      '-ign_eof',
    ];
    const { output } = await run('openssl', args, input);
    assert.match(output, /250 2\.0\.0 Ok: Message \d+ accepted/);
    assert.equal(lastBody(), 'Subject: s_client\r\n\r\nhello\r\n');
  });

  test('without -crlf: line feeds alone are refused', async () => {
    const args = ['s_client', '-connect', `127.0.0.1:${gateway.port}`, '-starttls', 'smtp', '-quiet'];
    const { output } = await run('openssl', args, 'NOOP\nNOOP\r\nQUIT\r\n');
    assert.match(output, /500 5\.5\.2 A command line ends with CR LF/);
  });
});

describe("Postfix's smtp-source", { skip: missing('smtp-source') }, () => {
  test('many sessions at once', async () => {
    const count = gateway.host.messages.length;
    const args = [
      '-s',
      '20',
      '-m',
      '200',
      '-l',
      '5000',
      '-f',
      'a@example.org',
      '-t',
      'b@example.com',
      `127.0.0.1:${gateway.port}`,
    ];
    const { code, output } = await run('smtp-source', args);
    assert.equal(code, 0, output);
    assert.equal(gateway.host.messages.length, count + 200);
  });
});
