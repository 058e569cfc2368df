// Signed mail through the whole gateway: what arrives is checked by an implementation of others.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ed25519, recordsOf, rsa } from '../dkim/keys.ts';
import { mailauth } from '../dkim/verifiers.ts';
import { startCapture } from './capture.ts';
import { freePort, startGateway, temporaryDirectory } from './harness.ts';

const keys = [
  { domain: 'example.com', selector: 'r1', key: rsa },
  { domain: 'example.com', selector: 'e1', key: ed25519 },
];
const records = recordsOf(keys);

/** One connection for each; the envelope sender says what a notice would go to. */
const program = `
import json, smtplib, sys
for source, options, data in json.load(sys.stdin):
    with smtplib.SMTP('127.0.0.1', int(sys.argv[1]), timeout=60, source_address=(source, 0)) as server:
        server.ehlo('client.example.org')
        assert server.mail('ann@example.com', ['BODY=8BITMIME'])[0] == 250
        assert server.rcpt('bob@example.net' if source == '127.0.0.1' else 'bob@example.com', options)[0] == 250
        code, text = server.data(data.encode('latin1')); assert code == 250, (code, text)
`;

type Sent = readonly [source: string, options: readonly string[], data: string];

function send(port: number, messages: readonly Sent[]): void {
  const input = JSON.stringify(messages);
  const ran = spawnSync('python3', ['-c', program, String(port)], { input, encoding: 'utf8', timeout: 60_000 });
  assert.equal(ran.status, 0, ran.stderr);
}

const message = (from: string, subject: string, body: string) =>
  `From: ${from}\r\nTo: bob@example.net\r\nSubject: ${subject}\r\n\r\n${body}`;

test('mail of relaying clients and our own is signed, at once and after retries; mail of strangers is not', async (t) => {
  const [port, destination] = [await freePort(), await freePort()];
  const data = join(temporaryDirectory(t), 'data');
  mkdirSync(join(data, 'dkim'), { recursive: true });
  for (const { selector, key } of keys) writeFileSync(join(data, 'dkim', `${selector}.key`), key, { mode: 0o600 });
  const gateway = await startGateway(t, {
    data,
    config: `hostname: gw.example.com
listeners: [{ name: inbound, address: 0.0.0.0, port: ${port}, tls: off }]
accept: [example.com]
relay: [127.0.0.1]
routes: [{ domain: "*", to: ["127.0.0.1:${destination}"] }]
spool: { reserve: 1MiB, lowWater: 16MiB, lowWaterShare: 0.001, bigBody: 16KiB }
retry: { first: 200ms, probe: 200ms }
dns: { reverse: false }
dkim:
  keys:
${keys.map(({ domain, selector }) => `    - { domain: ${domain}, selector: ${selector}, key: dkim/${selector}.key, state: active }`).join('\n')}
    - { domain: example.com, selector: r2, key: dkim/r1.key }
`,
  });
  const big = `${'A line of text  with blanks \t.\r\n..\r\n'.repeat(20_000)}\r\n`;
  // Nobody is there to take them: they wait in the queue, the big one in a file.
  send(port, [
    ['127.0.0.1', [], message('Ann <ann@example.com>', 'small, late', '.dot\r\n\xfc\r\n')],
    ['127.0.0.1', [], message('ann@news.example.com', 'big, late', big)],
  ]);
  const capture = await startCapture(t, { port: destination });
  await capture.count(2);
  send(port, [
    ['127.0.0.1', ['NOTIFY=SUCCESS'], message('ann@example.com', 'small', '.dot\r\n')],
    ['127.0.0.1', [], message('ann@example.com', 'big', big)],
    ['127.0.0.1', [], message('ann@example.org', 'of another domain', 'x\r\n')],
    ['127.0.0.1', [], `From: ann@example.com\r\n${message('eve@example.com', 'two authors', 'x\r\n')}`],
    ['127.0.0.2', [], message('ann@example.com', 'of a stranger', 'x\r\n')],
  ]);
  // And the notice that the first was passed on.
  await capture.count(8);
  const verdicts = await Promise.all(
    capture.messages.map(async (arrived) => {
      const subject = /^Subject: (.*)\r$/m.exec(arrived.data.toString('latin1'))?.[1] ?? '';
      return [subject, (await mailauth(arrived.data, records)).join(' ')];
    }),
  );
  assert.deepEqual(Object.fromEntries(verdicts), {
    'small, late': 'pass pass',
    'big, late': 'pass pass',
    small: 'pass pass',
    big: 'pass pass',
    'of another domain': 'fail',
    'two authors': 'fail',
    'of a stranger': 'fail',
    'Mail was passed on': 'pass pass',
  });
  // mailauth says `none` of what has no signature, which is `fail` here; that there is none:
  for (const arrived of capture.messages) {
    const signed = arrived.data.toString('latin1').startsWith('DKIM-Signature: ');
    const subject = /^Subject: (.*)\r$/m.exec(arrived.data.toString('latin1'))?.[1];
    assert.equal(
      signed,
      !['of another domain', 'two authors', 'of a stranger'].includes(subject ?? ''),
      String(subject),
    );
  }
  await gateway.logged(/^Info: MID \d+ DKIM: signing with r1, e1 for example\.com$/);
  await gateway.logged(/^Warning: MID \d+ DKIM: not signed: its From field is missing, double or malformed$/);
});
