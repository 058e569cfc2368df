// The mail log of the whole gateway: each line that the reference has, produced by the situation that it tells of; nothing in
// the log that has no form; JSON beside it; privacy; SIGHUP.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Peer, type PeerScript } from '../delivery/peer.ts';
import { anyLevel, CertificateDirectory, missing, opensslClient } from '../tls/peers.ts';
import { MailClient, sendMail } from './client.ts';
import { freePort, type RunningGateway, startGateway } from './harness.ts';
import { startNameServer } from './zone.ts';

const certificates = new CertificateDirectory();
const pair = certificates.make('ec');
after(() => certificates.remove());

const address = String.raw`\d+\.\d+\.\d+\.\d+`;
const path = String.raw`<[^<>\s]*>`;
const error = String.raw`\(\d+, 'error:0A[0-9A-F]{6}:SSL routines:\w*:[\w /-]+'\)`;
const told = String.raw`MID \d+ From: ${path} To: ${path} RID \d+ - \d\.\d+\.\d+ - [A-Z][^']+ \('\d{3}', \['.*'\]\)`;
const suite = String.raw`protocol TLSv1(\.[123])? cipher [A-Z0-9_-]+`;

/** Every form that a line may have: `[event of the JSON log, form]`. In the order in which the reference tells them. */
const forms: readonly (readonly [event: string, form: string])[] = [
  [
    'smtp.in.connection',
    String.raw`New SMTP ICID \d+ interface \w+ \(${address}\) address ${address} reverse dns host (unknown verified no|[a-z0-9.-]+ verified (yes|no))`,
  ],
  ['smtp.in.senderGroup', String.raw`ICID \d+ (ACCEPT|RELAY|REJECT|TCPREFUSE) SG \w+ match \S+ SBRS None`],
  ['smtp.in.tls', String.raw`ICID \d+ TLS success ${suite}`],
  ['message.start', String.raw`Start MID \d+ ICID \d+`],
  ['message.from', String.raw`MID \d+ ICID \d+ From: ${path}`],
  ['message.to', String.raw`MID \d+ ICID \d+ RID \d+ To: ${path}`],
  ['message.messageId', String.raw`MID \d+ Message-ID '<.*>'`],
  ['message.subject', String.raw`MID \d+ Subject ".*"`],
  ['message.ready', String.raw`MID \d+ ready \d+ bytes from ${path}`],
  ['message.matched', String.raw`MID \d+ matched all recipients for per-recipient policy DEFAULT in the inbound table`],
  ['message.queued', String.raw`MID \d+ queued for delivery`],
  ['smtp.in.close', String.raw`ICID \d+ close`],
  ['message.rejectedByRat', String.raw`MID \d+ ICID \d+ To: ${path} Rejected by RAT`],
  ['message.rejectedUnknownRecipient', String.raw`MID \d+ ICID \d+ To: ${path} Rejected: unknown recipient`],
  ['smtp.in.tlsRequired', String.raw`ICID \d+ TLS was required but remote host did not initiate it`],
  ['smtp.in.tlsFailed', String.raw`ICID \d+ TLS failed: (${error}|\[Errno 104\] Connection reset by peer)`],
  ['smtp.in.tlsGroup', String.raw`ICID \d+ TLS group \S+ \(derived\)`],
  ['smtp.in.tlsExplained', String.raw`ICID \d+ TLS explanation: The peer [^\n]+\.`],
  ['smtp.in.lost', String.raw`ICID \d+ lost`],
  ['smtp.in.receivingFailed', String.raw`ICID \d+ Receiving Failed: [A-Z][^\n]+`],
  ['message.aborted', String.raw`Message aborted MID \d+ Receiving aborted`],
  ['smtp.out.connection', String.raw`New SMTP DCID \d+ interface ${address} address ${address} port \d+`],
  ['smtp.out.tls', String.raw`DCID \d+ TLS success ${suite}`],
  [
    'smtp.out.certificate',
    String.raw`DCID \d+ TLS certificate subject ".*" issuer ".*" expires \d{4}-\d\d-\d\d key .*`,
  ],
  [
    'smtp.out.security',
    String.raw`DCID \d+ domain \S+ tls=(none|preferred|required):(none|encrypted|failed)( \([^\n]+\))?`,
  ],
  ['alert.tls', String.raw`Alert: TLS to \S+ failed: host \S+, tls=required: [^\n]+`],
  ['delivery.start', String.raw`Delivery start DCID \d+ MID \d+ to RID \[\d+(, \d+)*\]`],
  ['delivery.done', String.raw`Message done DCID \d+ MID \d+ to RID \[\d+(, \d+)*\]`],
  ['delivery.response', String.raw`MID \d+ RID \[\d+(, \d+)*\] Response '.*'`],
  ['message.finished', String.raw`Message finished MID \d+ done`],
  ['smtp.out.close', String.raw`DCID \d+ close`],
  [
    'smtp.out.tlsDeferring',
    String.raw`DCID \d+ TLS deferring: (${error}|\[Errno \d+\] [\w ]+)( TLS version mismatch could be the failure reason)?`,
  ],
  ['smtp.out.tlsExplained', String.raw`DCID \d+ TLS explanation: The server [^\n]+\.`],
  ['smtp.out.tlsFailed', String.raw`DCID \d+ TLS failed: STARTTLS unexpected response`],
  [
    'smtp.out.tlsRequired',
    String.raw`DCID \d+ IP ${address} TLS was required but could not be successfully negotiated`,
  ],
  [
    'smtp.out.connectionError',
    String.raw`Connection Error: DCID \d+ domain: \S+ IP: ${address} port: \d+ details: (\[Errno \d+\] [\w ]+|\d{3} .+) interface: ${address} reason: (network error|unexpected SMTP response)`,
  ],
  ['delivery.delayed', String.raw`Delayed: DCID \d+ ${told}`],
  ['delivery.bounced', String.raw`Bounced: DCID \d+ ${told}`],
  ['delivery.doubleBounce', String.raw`Double bounce: MID \d+ to \d+ - 5\.\d+\.\d+ - [A-Z][\w ',]+ \d{3}-'.*'`],
  ['message.generatedForBounce', String.raw`MID \d+ was generated for bounce of MID \d+`],
  ['message.administered', String.raw`MID \d+ (held|released|deleted) by \w+`],
];
const frame = [/^Info: Begin Logfile$/, /^Info: Version: .+ SN: \S+$/, /^Info: Time offset from UTC: -?\d+ seconds$/];

function levelOf(event: string): string {
  return event === 'alert.tls' ? 'Warning' : 'Info';
}

function formOf(line: string): string | null {
  for (const [event, form] of forms) if (new RegExp(`^${levelOf(event)}: ${form}$`).test(line)) return event;
  return null;
}

interface Place {
  readonly gateway: RunningGateway;
  readonly port: number;
  readonly securePort: number;
  readonly peers: Readonly<Record<string, Peer>>;
}

/** One gateway with all that the situations need: destinations of every mood, a name server, a listener that wants TLS. */
async function settle(t: TestContext): Promise<Place> {
  const moods: Readonly<Record<string, PeerScript>> = {
    good: { tls: { cert: pair.cert, key: pair.key } },
    busy: {
      reply: (command) => (command.startsWith('RCPT') ? '421 4.3.2 try again later' : null),
    },
    refusing: {
      reply: (command) => (command.startsWith('RCPT') ? '550 5.1.1 <nobody@refusing.test>: no such user' : null),
    },
    old: {
      tls: { cert: pair.cert, key: pair.key, minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' },
    },
    moody: { tls: {}, reply: (command) => (command === 'STARTTLS' ? '454 4.7.0 TLS not available' : null) },
    plain: {},
    closed: { greeting: '554 5.7.1 go away' },
  };
  const peers: Record<string, Peer> = {};
  for (const [name, script] of Object.entries(moods)) peers[name] = await Peer.start(script);
  t.after(() => Promise.all(Object.values(peers).map((peer) => peer.close())));
  const [port, securePort, nobody] = [await freePort(), await freePort(), await freePort()];
  const dns = await startNameServer(t, {
    test: '',
  });
  const routes = Object.entries(peers).map(
    ([name, peer]) => `  - { domain: ${name}.test, to: ["127.0.0.1:${peer.port}"] }`,
  );
  const config = `hostname: gw.example.com
gui: { ports: [] }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${port} }
  - { name: secure, address: 127.0.0.1, port: ${securePort}, tls: required, interface: Data1 }
accept: [good.test]
relay: [127.0.0.1]
recipients: { patterns: ["known@good.test"] }
senderGroups:
  - { name: BLOCKED, match: 127.0.0.4/31, action: REJECT }
  - { name: IGNORED, match: 127.0.0.6, action: TCPREFUSE }
  - { name: PARTNERS, match: [127.0.0.2/31, "2001:db8::/32"], action: ACCEPT }
routes:
${routes.join('\n')}
  - { domain: required.test, to: ["127.0.0.1:${peers['plain']?.port}"] }
  - { domain: down.test, to: ["127.0.0.1:${nobody}"] }
destinations:
  - { domain: required.test, tls: required }
limits: { messageSize: 64KiB, headerSize: 64KiB }
dns: { servers: ["127.0.0.1:${dns}"] }
spool: { reserve: 1MiB, lowWater: 16MiB, lowWaterShare: 0.001 }
`;
  const gateway = await startGateway(t, { config });
  return { gateway, port, securePort, peers };
}

async function opened(port: number, local?: string): Promise<MailClient> {
  const client = await MailClient.open(port, local === undefined ? {} : { local });
  const greeting = await client.reply();
  assert.match(greeting, /^220 gw\.example\.com /);
  assert.match(await client.say('EHLO client.example.org'), /^250-/);
  return client;
}

const skip = missing('unbound');

test('every line of the reference, from the situation that it tells of', { skip }, async (t) => {
  const { gateway, port, securePort, peers } = await settle(t);
  const lines = (pattern: RegExp) => gateway.log().filter((line) => pattern.test(line));
  /** The line in the words of the reference, IDs aside. */
  const logged = (text: string) =>
    gateway.logged(
      new RegExp(
        `^Info: ${text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll(/\b((?:[ID]C|[MR])ID) N/g, '$1 \\d+')}$`,
      ),
    );

  await t.test('a message from start to end', async () => {
    const mid = await sendMail(port, { to: 'known@good.test' });
    await gateway.logged(new RegExp(`^Info: Message finished MID ${mid} done$`));
    const of = gateway
      .log()
      .filter((line) => /\b(ICID 1|MID 1|DCID 1)\b/.test(line))
      .map((line) => line.slice('Info: '.length));
    // The closing line of the incoming connection comes when the client leaves: anywhere behind "queued".
    const story = of.filter((line) => line !== 'ICID 1 close');
    assert.deepEqual(story, [
      'New SMTP ICID 1 interface Management (127.0.0.1) address 127.0.0.1 reverse dns host localhost verified yes',
      'ICID 1 RELAY SG RELAYLIST match 127.0.0.1 SBRS None',
      'Start MID 1 ICID 1',
      'MID 1 ICID 1 From: <a@example.org>',
      'MID 1 ICID 1 RID 0 To: <known@good.test>',
      "MID 1 Message-ID '<x@example.org>'",
      'MID 1 Subject "hello"',
      story.find((line) => /^MID 1 ready \d+ bytes from <a@example\.org>$/.test(line)),
      'MID 1 matched all recipients for per-recipient policy DEFAULT in the inbound table',
      'MID 1 queued for delivery',
      `New SMTP DCID 1 interface 127.0.0.1 address 127.0.0.1 port ${peers['good']?.port}`,
      'DCID 1 TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384',
      story.find((line) => line.startsWith('DCID 1 TLS certificate subject "CN=localhost"')),
      'DCID 1 domain good.test tls=preferred:encrypted',
      'Delivery start DCID 1 MID 1 to RID [0]',
      'Message done DCID 1 MID 1 to RID [0]',
      "MID 1 RID [0] Response '2.0.0 OK'",
      'Message finished MID 1 done',
      ...story.filter((line) => line === 'DCID 1 close'),
    ]);
    await logged('ICID 1 close');
  });

  await t.test('who may connect', async () => {
    const accepted = await opened(port, '127.0.0.2');
    assert.match(await accepted.say('QUIT'), /^221 /);
    await logged(
      'New SMTP ICID N interface Management (127.0.0.1) address 127.0.0.2 reverse dns host localhost verified yes',
    );
    await logged('ICID N ACCEPT SG PARTNERS match 127.0.0.2/31 SBRS None');
    const stranger = await opened(port, '127.0.0.9');
    await stranger.say('QUIT');
    await logged('ICID N ACCEPT SG ALL match ALL SBRS None');
    const rejected = await MailClient.open(port, { local: '127.0.0.4' });
    assert.match(await rejected.reply(), /^554 5\.7\.1 /);
    await logged('ICID N REJECT SG BLOCKED match 127.0.0.4/31 SBRS None');
    // The reset may come before the client's system has told it of its connection.
    const refused = await MailClient.open(port, { local: '127.0.0.6' }).then(
      (client) => client.reply(),
      (error: NodeJS.ErrnoException) => error.code ?? error.message,
    );
    assert.ok(refused === '' || refused === 'ECONNRESET', refused);
    await logged('ICID N TCPREFUSE SG IGNORED match 127.0.0.6 SBRS None');
  });

  await t.test('recipients that are refused', async () => {
    const client = await opened(port, '127.0.0.2');
    await client.say('MAIL FROM:<a@example.org>');
    assert.match(await client.say('RCPT TO:<x@elsewhere.test>'), /^550 5\.7\.1 /);
    assert.match(await client.say('RCPT TO:<unknown@good.test>'), /^550 5\.1\.1 /);
    assert.match(await client.say('RCPT TO:<PostMaster@good.test>'), /^250 /);
    await client.say('QUIT');
    await gateway.logged(/^Info: MID \d+ ICID \d+ To: <x@elsewhere\.test> Rejected by RAT$/);
    await gateway.logged(/^Info: MID \d+ ICID \d+ To: <unknown@good\.test> Rejected: unknown recipient$/);
  });

  await t.test('TLS required and not begun', async () => {
    const client = await opened(securePort, '127.0.0.2');
    for (const command of [
      'MAIL FROM:<a@example.org>',
      'RCPT TO:<known@good.test>',
      'DATA',
      'VRFY x',
      'RSET',
      'HELP',
    ]) {
      assert.match(await client.say(command), /^530 5\.7\.0 /, command);
    }
    for (const command of ['NOOP', 'EHLO again.example.org']) assert.match(await client.say(command), /^250/, command);
    await client.say('QUIT');
    await logged('ICID N TLS was required but remote host did not initiate it');
    await gateway.logged(/^Info: New SMTP ICID \d+ interface Data1 /);
    const secure = await opened(securePort, '127.0.0.2');
    assert.equal(await secure.startTls(), 'TLSv1.3');
    assert.match(await secure.say('EHLO client.example.org'), /^250-/);
    assert.match(await secure.say('MAIL FROM:<a@example.org>'), /^250 /);
    await secure.say('QUIT');
  });

  await t.test('TLS that fails on the way in', async () => {
    await opensslClient(port, ['-starttls', 'smtp', '-tls1_1', ...anyLevel]);
    await logged(
      "ICID N TLS failed: (167772418, 'error:0A000102:SSL routines:tls_early_post_process_client_hello:unsupported protocol')",
    );
    await logged(
      'ICID N TLS explanation: The peer offered TLS v1.1 at most; Inbound SMTP allows TLS v1.2, TLS v1.3. To serve it, also select TLS v1.1 (sslconfig); better, have the peer updated.',
    );
    const client = await opened(port);
    assert.match(await client.say('STARTTLS'), /^220 /);
    client.reset();
    await logged('ICID N TLS failed: [Errno 104] Connection reset by peer');
  });

  await t.test('connections and messages that break off', async () => {
    const lost = await opened(port);
    lost.reset();
    await logged('ICID N lost');
    const aborted = await opened(port);
    await aborted.say('MAIL FROM:<a@example.org>');
    await aborted.say('RCPT TO:<known@good.test>');
    await aborted.say('DATA');
    aborted.write('Subject: never ends\r\n');
    await sleep(100);
    aborted.reset();
    await logged('Message aborted MID N Receiving aborted');
    const large = sendMail(port, {
      to: 'known@good.test',
      data: `Subject: large\r\n\r\n${`${'x'.repeat(76)}\r\n`.repeat(1000)}`,
    });
    await assert.rejects(large, /552 5\.3\.4 /);
    await logged('ICID N Receiving Failed: Message size exceeds limit');
    const smuggler = await opened(port);
    await smuggler.say('MAIL FROM:<a@example.org>');
    await smuggler.say('RCPT TO:<known@good.test>');
    await smuggler.say('DATA');
    assert.match(await smuggler.say('Subject: x\r\n\r\nhello\n.\nMAIL FROM:<b@example.org>\r\n.'), /^5\d\d 5\./);
    await gateway.logged(/^Info: ICID \d+ Receiving Failed: .*[Bb]are/);
  });

  await t.test('a destination that cannot be reached', async () => {
    await sendMail(port, { to: 'x@down.test' });
    await gateway.logged(
      /^Info: Connection Error: DCID \d+ domain: down\.test IP: 127\.0\.0\.1 port: \d+ details: \[Errno 111\] Connection refused interface: 127\.0\.0\.1 reason: network error$/,
    );
    await gateway.logged(
      /^Info: Delayed: DCID \d+ MID \d+ From: <a@example\.org> To: <x@down\.test> RID 0 - 4\.4\.1 - No answer from host \('000', \['\[Errno 111\] Connection refused'\]\)$/,
    );
    await sendMail(port, { to: 'x@closed.test' });
    await gateway.logged(/^Info: Connection Error: DCID \d+ domain: closed\.test .* details: 554 5\.7\.1 go away /);
  });

  await t.test('a destination that is busy, and one that refuses', async () => {
    await sendMail(port, { to: 'b@busy.test' });
    await logged(
      "Delayed: DCID N MID N From: <a@example.org> To: <b@busy.test> RID 0 - 4.3.2 - Not accepting messages at this time ('421', ['4.3.2 try again later'])",
    );
    const mid = await sendMail(port, { from: 'known@good.test', to: 'nobody@refusing.test' });
    await logged(
      "Bounced: DCID N MID N From: <known@good.test> To: <nobody@refusing.test> RID 0 - 5.1.1 - Bad destination mailbox address ('550', ['5.1.1 <nobody@refusing.test>: no such user'])",
    );
    const made = await gateway.logged(new RegExp(`^Info: MID \\d+ was generated for bounce of MID ${mid}$`));
    const bounce = /MID (\d+)/.exec(made)?.[1];
    await gateway.logged(new RegExp(`^Info: MID ${bounce} ICID 0 From: <>$`));
    await gateway.logged(new RegExp(`^Info: Message finished MID ${bounce} done$`));
    await gateway.logged(new RegExp(`^Info: Message finished MID ${mid} done$`));
    const twice = await sendMail(port, { from: '', to: 'nobody@refusing.test' });
    await gateway.logged(
      new RegExp(
        `^Info: Double bounce: MID ${twice} to 0 - 5\\.1\\.1 - Bad destination mailbox address 550-'5\\.1\\.1 <nobody@refusing\\.test>: no such user'$`,
      ),
    );
    assert.equal(lines(new RegExp(`was generated for bounce of MID ${twice}$`)).length, 0);
  });

  await t.test('names that do not exist', async () => {
    await sendMail(port, { from: 'known@good.test', to: 'b@nowhere.test' });
    await logged(
      "Bounced: DCID 0 MID N From: <known@good.test> To: <b@nowhere.test> RID 0 - 5.1.2 - Bad destination host ('000', ['DNS Hard Error looking up nowhere.test (MX):  NXDomain'])",
    );
  });

  await t.test('TLS on the way out', async () => {
    await sendMail(port, { to: 'x@old.test' });
    await logged(
      "DCID N TLS deferring: (167773230, 'error:0A00042E:SSL routines:ssl3_read_bytes:tlsv1 alert protocol version') TLS version mismatch could be the failure reason",
    );
    await gateway.logged(
      /^Info: DCID \d+ TLS explanation: The server speaks none of the versions that we offered; Outbound SMTP allows TLS v1\.2, TLS v1\.3\. /,
    );
    const mid = await sendMail(port, { to: 'x@moody.test' });
    await logged('DCID N TLS failed: STARTTLS unexpected response');
    await gateway.logged(new RegExp(`^Info: Message finished MID ${mid} done$`));
    assert.equal(peers['moody']?.messages[0]?.protocol, 'none');
    await sendMail(port, { to: 'x@required.test' });
    await logged('DCID N IP 127.0.0.1 TLS was required but could not be successfully negotiated');
    assert.equal(peers['plain']?.messages.length, 0);
  });

  await t.test('what the administrator does', async () => {
    const waiting = /^Info: Delayed: DCID \d+ MID (\d+) .*<b@busy\.test>/;
    const mid = waiting.exec(await gateway.logged(waiting))?.[1];
    const { status, output } = await gateway.shell([`hold ${mid} -y`, `release ${mid} -y`, `delete ${mid} -y`]);
    assert.equal(status, 0, output);
    for (const action of ['held', 'released', 'deleted'])
      await gateway.logged(new RegExp(`^Info: MID ${mid} ${action} by \\w+$`));
  });

  await t.test('no line without a form, and no form without a line', async () => {
    const json = () =>
      readFileSync(join(gateway.data, 'logs', 'mail.json'), 'utf8')
        .trimEnd()
        .split('\n');
    // Both files are written in batches: settled is what has not grown for a while, and is of one length.
    let all: string[] = [];
    let entries: string[] = [];
    for (let quiet = 0, tries = 0; quiet < 5 && tries < 200; tries++) {
      await sleep(100);
      const known = all.length;
      all = gateway.log();
      entries = json();
      quiet = all.length === known && entries.length === known - frame.length ? quiet + 1 : 0;
    }
    for (const [index, form] of frame.entries()) assert.match(all[index] ?? '', form);
    const events = all.slice(frame.length).map((line) => [formOf(line), line] as const);
    assert.deepEqual(
      events.filter(([event]) => event === null).map(([, line]) => line),
      [],
    );
    const seen = new Set(events.map(([event]) => event));
    assert.deepEqual(
      forms.filter(([event]) => !seen.has(event)).map(([event]) => event),
      [],
    );

    // The JSON log has the same events in the same order, with the same IDs.
    assert.equal(entries.length, events.length);
    for (const [index, [event, line]] of events.entries()) {
      const entry = JSON.parse(entries[index] ?? '{}') as Record<string, unknown>;
      assert.equal(entry['event'], event, `${line}\n${entries[index]}`);
      assert.equal(entry['level'], levelOf(event ?? ''));
      assert.match(String(entry['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      for (const id of ['icid', 'dcid', 'mid', 'sender', 'recipient', 'subject', 'detail', 'response', 'address']) {
        const value = entry[id];
        if (value !== undefined) assert.ok(line.includes(String(value)), `${id} ${value} is not in ${line}`);
      }
      for (const [, name = '', number] of line.matchAll(/\b(ICID|DCID|MID) (\d+)/g)) {
        assert.ok(Object.values(entry).includes(Number(number)), `${name} ${number} is not in ${entries[index]}`);
      }
    }
  });

  await t.test('privacy, from the commit on', async () => {
    const before = gateway.log().length;
    const { output, status } = await gateway.shell([
      ...['loadconfig 1', ...privateConfig(gateway).split('\n'), '.', 'commit', 'private now', ''],
    ]);
    assert.equal(status, 0, output);
    assert.match(output, /^Changes committed: /m);
    await sendMail(port, {
      from: 'secret.sender@example.org',
      to: 'known@good.test',
      data: 'From: <x@example.org>\r\nSubject: salary of Mr. Secret\r\nMessage-ID: <m@example.org>\r\n\r\nhello\r\n',
    });
    const mid = await sendMail(port, { from: '', to: 'nobody@refusing.test' });
    await gateway.logged(new RegExp(`^Info: Double bounce: MID ${mid} .*<redacted>`));
    const after = gateway.log().slice(before);
    assert.match(after.join('\n'), /^Info: MID \d+ ready \d+ bytes from <redacted>$/m);
    const raw = ['mail.current', 'mail.json'].map((file) => readFileSync(join(gateway.data, 'logs', file), 'utf8'));
    for (const text of [after.join('\n'), ...raw.slice(1)]) {
      assert.doesNotMatch(text, /secret\.sender|Mr\. Secret/);
    }
    assert.doesNotMatch(after.join('\n'), /nobody@|known@|Subject/);
    assert.match(after.join('\n'), /^Info: MID \d+ ICID \d+ From: <>$/m);
  });

  await t.test('SIGHUP, and the end', async () => {
    const logs = join(gateway.data, 'logs');
    const current = join(logs, 'mail.current');
    renameSync(current, join(logs, 'mail.moved'));
    gateway.child.kill('SIGHUP');
    const deadline = Date.now() + 10_000;
    while (!existsSync(current)) {
      assert.ok(Date.now() < deadline, 'no new file');
      await sleep(30);
    }
    await gateway.logged(/^Info: Begin Logfile$/);
    const moved = readFileSync(join(logs, 'mail.moved'), 'utf8').trimEnd().split('\n');
    assert.match(moved.at(-1) ?? '', / Info: End Logfile$/);
    const mid = await sendMail(port, { to: 'known@good.test' });
    await gateway.logged(new RegExp(`^Info: Message finished MID ${mid} done$`));
    assert.ok(!readFileSync(join(logs, 'mail.moved'), 'utf8').includes(`MID ${mid} `));
    assert.equal(await gateway.stop(), 0);
    assert.equal(gateway.log().at(-1), 'Info: End Logfile');
    assert.deepEqual(
      readdirSync(logs)
        .filter((name) => name.startsWith('mail'))
        .toSorted(),
      ['mail.current', 'mail.json', 'mail.moved'],
    );
  });
});

/** The configuration in force, as it was exported, with the privacy switches turned. */
function privateConfig(gateway: RunningGateway): string {
  return readFileSync(`${gateway.data}.yaml`, 'utf8').concat('privacy: { logSubjects: false, logAddresses: false }');
}
